"""Judging patch by patch: lesson, exercise, checks, hidden cases, mutants."""

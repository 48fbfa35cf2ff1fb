"""Holes, and filling them without learning: lesson, exercise, checks, hidden cases, mutants."""

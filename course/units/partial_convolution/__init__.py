"""Partial convolution: lesson, exercise, checks, hidden cases, mutants."""

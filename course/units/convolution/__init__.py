"""Convolution by hand: lesson, exercise, checks, hidden cases, mutants."""

"""Gated convolution: lesson, exercise, checks, hidden cases, mutants."""

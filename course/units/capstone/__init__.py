"""Your own photograph: lesson, exercise, checks, hidden cases, mutants."""

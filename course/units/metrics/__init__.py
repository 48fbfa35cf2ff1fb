"""How good is a filling? Lesson, exercise, checks, hidden cases, mutants."""

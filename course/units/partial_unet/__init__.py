"""A network of partial convolutions, and fair comparisons. Lesson, exercise, checks, hidden cases, mutants."""

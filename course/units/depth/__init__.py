"""How deep should it be?: lesson, exercise, checks, hidden cases, mutants."""

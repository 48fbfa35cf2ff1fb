"""Adversarial training and the Context Encoder: lesson, exercise, checks, hidden cases, mutants."""

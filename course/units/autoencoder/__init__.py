"""From a neuron to a U-Net: lesson, exercise, checks, hidden cases, mutants."""

"""The unit "Contextual attention"."""

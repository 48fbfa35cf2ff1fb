"""Examples that the instructor's guide works on."""

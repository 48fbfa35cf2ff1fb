"""Grading: what students wrote runs in a sandbox, and every answer is compared outside of it."""

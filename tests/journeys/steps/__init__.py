"""Step kinds, their clocks and their logic."""

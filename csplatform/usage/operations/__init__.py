"""Writing the usage tree."""

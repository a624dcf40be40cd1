"""Template tags of the program pages."""

"""The code base tests itself."""

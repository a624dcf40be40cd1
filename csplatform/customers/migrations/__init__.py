"""Schema of the customers room."""

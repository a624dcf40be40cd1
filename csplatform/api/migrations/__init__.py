"""Schema of the REST room."""

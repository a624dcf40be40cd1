"""Schema of the freshness room."""

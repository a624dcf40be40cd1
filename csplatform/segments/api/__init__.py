"""REST doors of segments. Imported by the app alone."""

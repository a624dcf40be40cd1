"""REST doors of engagements. Imported by the app alone."""

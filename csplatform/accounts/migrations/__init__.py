"""Schema of the accounts room."""

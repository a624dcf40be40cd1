"""One suite per registry, run for every registered kind."""

"""Kill tests and the newcomer script: what must hold when processes die."""

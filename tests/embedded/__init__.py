"""Launcher and supervisor: real PostgreSQL and Valkey, tiny stand-ins for the application."""

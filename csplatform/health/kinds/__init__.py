"""Measures over what customers and billing know."""

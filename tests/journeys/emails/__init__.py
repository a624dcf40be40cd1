"""Tests of the mail room: a real SMTP server, a real database."""

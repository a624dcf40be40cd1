"""Webhooks, against real receivers on the loopback."""

"""Sidebar entries, tabs, panels and home cards of programs."""


def register() -> None:
    """Called once at start by journeys.registrations."""

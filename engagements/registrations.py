"""What engagements bring to the rooms below."""


def register() -> None:
    """Called once at start."""

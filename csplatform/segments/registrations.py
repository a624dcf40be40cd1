"""What segments bring to the rooms below."""


def register() -> None:
    """Filled in below."""

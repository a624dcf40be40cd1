"""Slow, obvious re-tellings of what clever code promises."""

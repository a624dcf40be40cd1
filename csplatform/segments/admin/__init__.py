"""Admin pages of segments: doors that call operations and present. Nobody imports them."""

from csplatform.segments.admin import segment

__all__ = ["segment"]

"""The usage tree in the admin."""

from csplatform.usage.admin.parts import UsagePartAdmin

__all__ = ["UsagePartAdmin"]

"""Writes of the segments room: definitions and static lists by people, membership by the rule."""

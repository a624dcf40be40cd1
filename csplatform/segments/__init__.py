"""Segments of people and companies: dynamic and static, kept fresh, with history.

Snapshots, journeys and everything above may import it. Promise: membership equals the rule within
seconds of the change that matters.
"""

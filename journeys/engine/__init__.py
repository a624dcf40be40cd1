"""The engine: claims participants, lets step kinds decide, writes each decision once.

Operations and doors of journeys import it. Promise: one position per participant, every decision
once and with its evidence, whatever process is killed at whatever point.
"""

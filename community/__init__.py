"""Communities: forums that are synced, unified people, offers. Nothing is built here yet.

Imports journeys and csplatform, never engagements. Promise: the place is kept, no models exist.
"""

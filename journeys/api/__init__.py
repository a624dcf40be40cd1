"""REST doors of journeys: programs, versions, participants, messages, mail templates.

Imported by the app alone. Promise: serializers look at the shape, operations at the meaning.
"""

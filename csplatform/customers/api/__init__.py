"""REST doors of customers: people, companies, attributes, events, sources.

Imported by the room's registrations alone. Promise: serializers look at the shape, operations at
the meaning.
"""

"""Small tools without models: registry, clock, errors, schemas, jobs, tokens, blocks, logs.

Everybody may import it; it imports nobody of the house. Promise: nothing here knows customers,
programs or engagements.
"""

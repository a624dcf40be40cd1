"""What every REST door shares: API keys, role permissions, cursor paging, the error shape.

Rooms' api modules may import it. Promise: an error always has a code, a path and a sentence.
"""

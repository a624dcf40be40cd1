"""Health of companies: weighted measures by segment, with reasons and history (HLT-01).

Rooms above register measures of their own. Promise: a score says which values made it, what is
missing does not count against anybody, and it is minutes old at most where something happened.
"""

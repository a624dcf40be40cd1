"""Calculated fields: values that a program names and works out when it needs them (PRG-08).

A field is one object in the flow document; what it is made of comes from a source, a small
contract (`source.py`) found in a registry, so that rooms above bring theirs. Rules of the flow
compare fields by the test "field"; mails name them as tokens {{ fields.<key> }}. Nothing is stored:
a value is worked out for a whole batch in one statement, at the moment of the decision.
"""

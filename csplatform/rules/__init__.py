"""The rule language: tree, parse, compile to SQL, words, explain, kinds.

Segments and everything above may import it; it reads customers. Promise: one rule gives the same
answer for everybody and for one subject, and never touches the database with unbound values.
"""

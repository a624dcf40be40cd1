"""Bringing customers in from files: CSV or Excel, columns mapped, tried first, row by row (CUS-03).

Rooms above register kinds of rows of their own. Promise: a chunk of rows and the count of it are
one commit, so a killed worker neither loses a row nor writes one twice.
"""

"""The one rule language: a JSON tree of all / any / not over typed tests.

Segments and everything above may import it; it imports customers, freshness and kit. Promise: one
rule has one meaning, whether it is asked as SQL for everybody or in memory for one subject, it can
be said in words, and every leaf can explain itself.
"""

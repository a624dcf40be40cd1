"""What is to be seen of running programs: counts, lists, feeds, panels. Reads only.

Admin pages, API and the demo import it. Promise: a constant number of queries, whatever the size
of the program, and every figure leads to the participants behind it.
"""

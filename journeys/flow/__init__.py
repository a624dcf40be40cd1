"""The flow document: a structured sequence, always acyclic, drawable, diffable (PRG-03).

Step kinds, engine, operations and the editor import it; it imports kernel and step contract only.
Promise: whatever JSON comes in, either a Flow comes out or problems with paths.
"""

"""The usage tree: products, modules and features, and which events are the use of a feature.

Rooms above may import it; it imports customers and rules. Promise: a change of the tree reaches
every rule that names a part of it.
"""

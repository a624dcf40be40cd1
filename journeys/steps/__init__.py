"""Step kinds: the contract, its outcomes, the registry, and one file per kind below `kinds`.

The engine, the flow checks, doors and upper packages (which bring kinds of their own) import it.
Promise: nobody outside branches on a kind's name.
"""

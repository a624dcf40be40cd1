"""Configuration as code: what was built, as YAML documents, and back (PRG-47).

Rooms that have something to export register an `ExportKind`; segments and everything above may
import this room, it imports rules and below. Promise: an import happens as a whole or not at all,
through the operations that the admin uses; importing an unchanged export writes nothing.
"""

"""The kind of rule test that segments bring."""

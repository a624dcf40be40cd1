"""The customers' kinds of imports, one file each."""

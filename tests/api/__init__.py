"""Tests of the REST doors: keys, permissions, errors, paging, one contract test per resource."""

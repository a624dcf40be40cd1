"""Tests, mirroring the packages; see each folder."""

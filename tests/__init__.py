"""Tests, by package. See README.md here for where a test goes."""

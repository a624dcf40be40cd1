"""Tests of the usage tree."""

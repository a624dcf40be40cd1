"""Tests of the tools without models."""

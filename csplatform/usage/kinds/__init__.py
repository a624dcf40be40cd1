"""Tests of what people use."""

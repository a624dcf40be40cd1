"""Tests of rule kinds about programs."""

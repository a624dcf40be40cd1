"""Tests of what companies pay."""

"""Tests of adminkit."""

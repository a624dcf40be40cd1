"""Kinds of rule tests about programs."""

"""Measurements that are no tests: run by hand, their results stand in docs/."""

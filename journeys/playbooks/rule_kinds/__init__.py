"""Tests of the rule language about tasks and playbooks; one file each, found in the registry."""

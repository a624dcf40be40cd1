"""All kinds of tests; rooms above register theirs at start."""

from csplatform.kit.registry import Registry
from csplatform.rules.kind import RuleKind, shape_problem

rule_kinds: Registry[RuleKind] = Registry("kind of rule test", shape_problem)

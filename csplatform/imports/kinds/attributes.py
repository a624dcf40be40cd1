"""Attributes as targets, and problems of operations as problems of columns."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from csplatform.customers.attributes import attribute_specs
from csplatform.imports.kind import Target
from csplatform.kit.errors import DomainError


def attribute_targets(subject: str, aliases: Mapping[str, tuple[str, ...]]) -> list[Target]:
    """The attributes that can be set, built-in ones first."""
    return [
        Target(spec.name, spec.label, spec.type, aliases.get(spec.name, ()))
        for spec in attribute_specs(subject).values()
        if spec.writable
    ]


@contextmanager
def replaced(places: Mapping[str, str]) -> Iterator[None]:
    """Paths of an operation as "/<index>/<target>": `places` maps what follows the index."""
    try:
        yield
    except DomainError as error:
        problems = []
        for problem in error.problems:
            _, index, *rest = [*problem.path.split("/"), ""][:4]
            place = "/".join(part for part in rest if part)
            target = places.get(place, place.removeprefix("attributes/"))
            problems.append(replace(problem, path=f"/{index}/{target}" if index else ""))
        raise DomainError(problems) from None

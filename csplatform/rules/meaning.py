"""When what rules name changes its meaning: the features of a product, for example.

A parsed rule knows what things meant when it was parsed. Who keeps one keeps it by `revision()`;
who stores what a rule reads registers a hook that works it out again.
"""

from collections.abc import Callable
from uuid import UUID, uuid4

from csplatform.kit import sql
from csplatform.kit.registry import Registry
from csplatform.rules.models import Revision

# Called in the changing transaction with the type of reference ("usage") that changed.
MeaningHook = Callable[[str], None]
meaning_hooks: Registry[MeaningHook] = Registry("meaning hook")
ONLY = 1


def revision() -> UUID | None:
    """Of what rules name, as committed; None as long as nothing changed."""
    found: UUID | None = sql.one("SELECT value FROM rules_revision WHERE id = %s", [ONLY])
    return found


def meaning_changed(type_: str) -> None:
    """Tell everybody who keeps rules, in this transaction."""
    # No counter: a number that was rolled back would come again and mean something else.
    Revision.objects.update_or_create(pk=ONLY, defaults={"value": uuid4()})
    for hook in meaning_hooks:
        hook(type_)

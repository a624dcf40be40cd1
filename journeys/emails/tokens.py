"""Which tokens a mail may use, and how they are called in the editor."""

from dataclasses import dataclass

from csplatform.billing.figures import TOKENS
from csplatform.customers.attributes import attribute_specs
from journeys.operations.field_names import field_names


@dataclass(frozen=True)
class TokenOffer:
    """One entry of the editor's token menu.

    Attributes:
        name: as in "person.name".
        insert: what the menu writes into the text.
    """

    name: str
    label: str
    group: str
    insert: str


_PLAIN = (
    ("person.first_name", "First name", "Person"),
    ("csm.name", "CSM's name", "CSM"),
    ("csm.first_name", "CSM's first name", "CSM"),
    ("csm.email", "CSM's email", "CSM"),
    ("participant.context_id", "Context id", "Program"),
    ("participant.entered_at", "Entered on", "Program"),
    ("program.name", "Program name", "Program"),
    ("program.today", "Today's date", "Program"),
)
_FILTER_OF_TYPE = {"date": " | date", "datetime": " | date", "number": " | number"}


def token_offers() -> list[TokenOffer]:
    """Everything on offer, attributes first; three queries."""
    offers = []
    for subject, group in (("person", "Person"), ("company", "Company")):
        for spec in attribute_specs(subject).values():
            name = f"{subject}.{spec.name}"
            insert = f"{{{{ {name}{_FILTER_OF_TYPE.get(spec.type, '')} }}}}"
            offers.append(TokenOffer(name, spec.label, group, insert))
    taken = {offer.name for offer in offers}
    for name, label, type_ in TOKENS:
        if f"company.{name}" not in taken:
            insert = f"{{{{ company.{name}{_FILTER_OF_TYPE.get(type_, '')} }}}}"
            offers.append(TokenOffer(f"company.{name}", label, "Company", insert))
    for name, label, group in _PLAIN:
        filters = ' | default: "there"' if name == "person.first_name" else ""
        filters = " | date" if name in ("participant.entered_at", "program.today") else filters
        offers.append(TokenOffer(name, label, group, f"{{{{ {name}{filters} }}}}"))
    for name in field_names():
        token = f"participant.{name}"
        label = f"Participant field {name}"
        offers.append(TokenOffer(token, label, "Program", f"{{{{ {token} }}}}"))
    order = {"Person": 0, "Company": 1, "CSM": 2, "Program": 3}
    return sorted(offers, key=lambda offer: order[offer.group])


def known_tokens() -> set[str]:
    """The names of all tokens."""
    return {offer.name for offer in token_offers()}

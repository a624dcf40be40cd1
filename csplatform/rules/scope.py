"""Where a piece of a rule is compiled: about whom, under which alias, as of when."""

from dataclasses import dataclass, replace
from datetime import datetime

TABLES = {"person": "customers_person", "company": "customers_company"}
# Merged and erased people are tombstones: no rule ever matches them.
ALIVE = {
    "person": "{a}.merged_into_id IS NULL AND {a}.erased_at IS NULL",
    "company": "{a}.merged_into_id IS NULL",
}


@dataclass(frozen=True)
class Scope:
    """The surroundings of a test in SQL.

    Attributes:
        subject: "person" or "company".
        alias: alias of the subject's table row.
        at: the instant that the rule is asked about.
        few: whether only a few ids are asked about. Kinds then look up row by row through indexes;
            else they gather everybody's answer once, which is faster for whole tables.
        low, high: when whole tables are walked in slices: only ids above low up to high count.
        company: SQL of the one company of the person that counts here, for whoever stands for one
            of several companies (NULL: all count); "" where the question does not arise.
        level: how many relations were crossed; makes aliases unique.
    """

    subject: str
    alias: str
    at: datetime
    few: bool = False
    low: int | None = None
    high: int | None = None
    company: str = ""
    level: int = 0

    @property
    def table(self) -> str:
        """The subject's table."""
        return TABLES[self.subject]

    @property
    def alive(self) -> str:
        """Condition that the row is no tombstone."""
        return ALIVE[self.subject].replace("{a}", self.alias)

    def crossed(self, subject: str) -> "Scope":
        """The scope of a nested rule; a slice of the outer table says nothing about it."""
        level = self.level + 1
        alias = f"{subject[0]}{level}"
        return replace(
            self, subject=subject, alias=alias, level=level, low=None, high=None, company=""
        )

"""A keeper of its own per test: what a process remembers must not outlive a test."""

from collections.abc import Iterator

import pytest

from csplatform.failures.keeping import Keeper
from csplatform.kit import failing


@pytest.fixture(autouse=True)
def keeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    """Remembers nothing yet; looks for what to solve at every run."""
    made = Keeper()
    monkeypatch.setattr("csplatform.failures.keeping.EVERY_SECONDS", 0.0)
    monkeypatch.setattr(failing, "_on_failed", [made.failed])
    monkeypatch.setattr(failing, "_on_well", [made.went_well])
    return made

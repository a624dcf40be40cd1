"""The audit trail over HTTP, for admins only (SEC-01)."""

from collections.abc import Callable

import pytest

from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db


def test_a_change_leaves_an_entry_with_before_and_after(
    api: Caller, caller: Callable[..., Caller]
) -> None:
    pk = api.post("segments/", {"name": "A"}).json()["id"]
    api.patch(f"segments/{pk}/", {"name": "B"})
    query = f"subject_type=segments.segment&subject_id={pk}&verb=segment.change"
    (entry,) = api.get(f"audit-entries/?{query}").json()["results"]
    assert (entry["before"], entry["after"]) == ({"name": "A"}, {"name": "B"})
    assert entry["actor"] is not None
    assert api.get(f"audit-entries/{entry['id']}/").json() == entry
    assert api.delete(f"audit-entries/{entry['id']}/").status_code == 405
    for role in ("program_manager", "csm", "analyst", "read_only"):
        assert caller(role).get("audit-entries/").status_code == 403

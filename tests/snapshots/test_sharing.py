"""Read-only links to a company's snapshot: SNP-02."""

from datetime import timedelta

import pytest
from django.urls import reverse

from csplatform.accounts.models import AuditEntry
from csplatform.health.models import HealthScore
from csplatform.kit.clock import now
from csplatform.kit.errors import DomainError, NotAllowed
from csplatform.kit.tokens import make_token
from csplatform.snapshots.models import SnapshotShare
from csplatform.snapshots.panels import panels
from csplatform.snapshots.sharing import PURPOSE, make_share, revoke_shares
from tests import factories
from tests.customers import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    company = make.company("Acme", arr=78678, stage="renewal", tags=["escalated"])
    make.person("ada@acme.test", name="Ada", at=company)
    HealthScore.objects.create(company=company, score=13, label="poor")
    factories.task(title="Save them", company_id=company.pk)
    return company


@pytest.fixture
def csm():
    return make.user(role="csm")


def look(client, token):
    return client.get(reverse("shared-snapshot", args=[token]))


def test_the_life_of_a_link(client, acme, csm):
    client.force_login(csm)
    assert "Share…" in client.get(reverse("company-snapshot", args=[acme.pk])).content.decode()
    address = reverse("company-share", args=[acme.pk])
    assert client.post(address, {"days": "30"}).url == address
    page = client.get(address)
    link = page.context["fresh"]
    assert "/share/" in link
    assert link in page.content.decode()
    assert client.get(address).context["fresh"] == ""  # once
    token = link.rstrip("/").rsplit("/", 1)[1]
    share = SnapshotShare.objects.get()
    assert share.expires_at - share.made_at == timedelta(days=30)
    assert token not in str(vars(share))
    assert share.last_seen_at is None
    client.logout()
    assert look(client, token).status_code == 200
    share.refresh_from_db()
    assert share.last_seen_at
    client.force_login(csm)
    client.post(reverse("company-share-revoke", args=[acme.pk]), {"share": share.pk})
    client.logout()
    assert look(client, token).status_code == 404
    assert set(AuditEntry.objects.values_list("verb", flat=True)) >= {
        "snapshot.share", "snapshot.unshare"
    }  # fmt: skip


def test_the_customer_sees_nothing_of_ours(client, acme):
    _, token = make_share(acme.pk, 7, actor=None)
    answer = look(client, token)
    text = answer.content.decode()
    for words in ("Acme", "Ada", "Usage", "People"):
        assert words in text, words
    for words in (
        "78,678", "Save them", "Health", "Poor", "escalated", "/admin/", "/people/", "/companies/",
        "<script", "style=", "Timeline",
    ):  # fmt: skip
        assert words not in text, words
    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert "noindex" in answer["X-Robots-Tag"]
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"


def test_forged_expired_and_orphaned_links_open_nothing(client, acme):
    share, token = make_share(acme.pk, 7, actor=None)
    for bad in ("x", token[:-1] + ("a" if token[-1] != "a" else "b"), make_token("other", "x"),
                make_token(PURPOSE, "never made"), "\x00", "ä"):  # fmt: skip
        assert look(client, bad).status_code == 404, bad
    past = now() - timedelta(days=9)
    SnapshotShare.objects.update(made_at=past, expires_at=past + timedelta(days=7))
    assert look(client, token).status_code == 404
    _, token = make_share(acme.pk, 7, actor=None)
    acme.merged_into = make.company("Winner")
    acme.save()
    assert look(client, token).status_code == 404
    with pytest.raises(DomainError):
        make_share(acme.pk, 7, actor=None)
    assert look(client, token).status_code == 404
    assert share.pk


def test_who_may_share(client, acme, csm):
    reader = make.user(role="read_only")
    share, _ = make_share(acme.pk, 7, actor=csm)
    with pytest.raises(NotAllowed):
        make_share(acme.pk, 7, actor=reader)
    with pytest.raises(NotAllowed):
        revoke_shares([share.pk], actor=reader)
    with pytest.raises(DomainError, match="7, 30, 90"):
        make_share(acme.pk, 8, actor=csm)
    client.force_login(reader)
    assert client.get(reverse("company-share", args=[acme.pk])).status_code == 403
    assert "Share…" not in client.get(reverse("company-snapshot", args=[acme.pk])).content.decode()


def test_revoking_twice_and_of_others(client, acme, csm):
    share, token = make_share(acme.pk, 7, actor=csm)
    client.force_login(csm)
    other = make.company()
    client.post(reverse("company-share-revoke", args=[other.pk]), {"share": share.pk})
    assert look(client, token).status_code == 200  # not its link
    assert revoke_shares([share.pk], actor=csm) == 1
    ended = SnapshotShare.objects.get().revoked_at
    assert revoke_shares([share.pk], actor=csm) == 0
    assert SnapshotShare.objects.get().revoked_at == ended


def test_the_admin_lists_and_revokes(client, acme):
    client.force_login(make.user())
    page = reverse("admin:snapshots_snapshotshare_changelist")
    assert "Nothing is shared" in client.get(page).content.decode()
    share, token = make_share(acme.pk, 7, actor=None)
    assert "Acme" in client.get(page, {"state": "open"}).content.decode()
    client.post(page, {"action": "revoke_chosen", "_selected_action": [share.pk]})
    assert look(client, token).status_code == 404
    assert "Acme" in client.get(page, {"state": "revoked"}).content.decode()


def test_every_shareable_panel_loads_without_a_user(acme):
    for panel in panels:
        if panel.shareable:
            assert panel.subject == "company", panel.key
            assert not panel.permission, panel.key
            panel.load(acme.pk, None, now())

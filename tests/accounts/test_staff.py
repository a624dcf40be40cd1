"""Staff: roles, users, API keys, the audit trail: SEC-01, SEC-02."""

import pytest
from django.urls import reverse

from csplatform.accounts.models import ApiKey, AuditEntry, Role
from csplatform.accounts.roles import grants
from csplatform.kit import audit
from tests.customers import make

pytestmark = pytest.mark.django_db
USER = {"email": "", "first_name": "", "last_name": "", "time_zone": "UTC", "is_staff": "on"}


@pytest.mark.parametrize(
    ("role", "permission", "held"),
    [
        (Role.ADMIN, "accounts.add_user", True),
        (Role.PROGRAM_MANAGER, "journeys.publish_program", True),
        (Role.PROGRAM_MANAGER, "accounts.view_user", False),
        (Role.CSM, "customers.change_company", True),
        (Role.CSM, "customers.change_source", False),
        (Role.CSM, "customers.add_attributedefinition", False),
        (Role.PROGRAM_MANAGER, "customers.change_attributedefinition", True),
        (Role.CSM, "journeys.publish_program", False),
        (Role.READ_ONLY, "customers.view_person", True),
        (Role.READ_ONLY, "customers.change_person", False),
        (Role.ANALYST, "accounts.view_auditentry", False),
    ],
)
def test_a_role_holds_what_the_table_says(role, permission, held):
    """SEC-01: publish apart from edit; staff data is the admins' alone."""
    assert grants(role, permission) is held
    assert make.user(role=role).has_perm(permission) is held


@pytest.mark.parametrize(
    "page", ["accounts_user", "accounts_apikey", "accounts_auditentry", "customers_source"]
)
def test_staff_pages_are_closed_to_readers(client, page):
    client.force_login(make.user(role=Role.READ_ONLY))
    expected = 200 if page == "customers_source" else 403
    assert client.get(reverse(f"admin:{page}_changelist")).status_code == expected
    if page != "accounts_auditentry":
        assert client.get(reverse(f"admin:{page}_add")).status_code == 403


def test_strangers_are_asked_to_log_in(client):
    response = client.get("/admin/customers/person/")
    assert response.status_code == 302
    assert response.url.startswith("/admin/login/")
    client.force_login(make.user(is_staff=False))
    assert client.get("/admin/").status_code == 302


class TestUsers:
    def test_an_admin_adds_a_user_who_can_log_in(self, client):
        client.force_login(make.user("boss"))
        response = client.post(
            reverse("admin:accounts_user_add"),
            {
                "username": "kim", "role": "csm", "usable_password": "true",
                "password1": "walk-the-dog-7", "password2": "walk-the-dog-7",
            },
        )  # fmt: skip
        assert response.status_code == 302
        client.logout()
        assert client.login(username="kim", password="walk-the-dog-7")
        assert client.get("/admin/").status_code == 200
        entry = AuditEntry.objects.get(verb="user.add")
        assert (entry.actor_label, entry.after["role"]) == ("boss", "csm")
        assert "walk-the-dog" not in str(entry.after)

    def test_a_password_change_is_noted_without_the_password(self, client):
        client.force_login(make.user("boss"))
        kim = make.user("kim", role="csm")
        client.post(
            reverse("admin:auth_user_password_change", args=[kim.pk]),
            {
                "usable_password": "true",
                "password1": "walk-the-dog-8", "password2": "walk-the-dog-8",
            },
        )  # fmt: skip
        kim.refresh_from_db()
        assert kim.check_password("walk-the-dog-8")
        assert AuditEntry.objects.get(verb="user.password").subject_id == str(kim.pk)

    def test_the_last_admin_cannot_be_demoted(self, client):
        """REL-03: a sentence beside the field, and nothing is changed."""
        boss = make.user("boss")
        client.force_login(boss)
        page = reverse("admin:accounts_user_change", args=[boss.pk])
        data = {**USER, "username": "boss", "role": "csm", "is_active": "on"}
        response = client.post(page, data)
        assert response.status_code == 200
        assert "Nobody would be left who may manage staff" in response.content.decode()
        boss.refresh_from_db()
        assert boss.role == Role.ADMIN
        make.user("second")
        assert client.post(page, data).status_code == 302

    def test_a_superuser_flag_cannot_be_posted(self, client):
        """SEC-02: no mass assignment."""
        client.force_login(make.user("boss"))
        kim = make.user("kim", role="csm")
        data = {
            **USER, "username": "kim", "role": "csm", "is_active": "on", "is_superuser": "on",
            "user_permissions": ["1"],
        }  # fmt: skip
        assert (
            client.post(reverse("admin:accounts_user_change", args=[kim.pk]), data).status_code
            == 302
        )
        kim.refresh_from_db()
        assert not kim.is_superuser
        assert not kim.user_permissions.exists()

    def test_users_are_never_deleted(self, client):
        client.force_login(make.user("boss"))
        kim = make.user("kim")
        assert client.post(reverse("admin:accounts_user_delete", args=[kim.pk])).status_code == 403


class TestApiKeys:
    def test_a_key_is_shown_once_and_only_its_hash_is_kept(self, client):
        boss = make.user("boss")
        client.force_login(boss)
        response = client.post(
            reverse("admin:accounts_apikey_add"),
            {"name": "Sync", "user": boss.pk, "scopes": ["read", "write"]},
        )
        key = ApiKey.objects.get()
        assert "no-store" in response.headers["Cache-Control"]
        text = response.content.decode()
        shown = text[text.index("csp_") :].split("<")[0]
        assert key.matches(shown)
        assert shown not in str(vars(key))
        later = client.get(reverse("admin:accounts_apikey_change", args=[key.pk]))
        assert shown not in later.content.decode()

    def test_a_key_is_revoked_after_a_question(self, client):
        boss = make.user("boss")
        client.force_login(boss)
        client.post(
            reverse("admin:accounts_apikey_add"), {"name": "S", "user": boss.pk, "scopes": "read"}
        )
        key = ApiKey.objects.get()
        page = reverse("admin:accounts_apikey_revoke", args=[key.pk])
        assert "stops working at once" in client.get(page).content.decode()
        assert ApiKey.objects.get().revoked_at is None
        client.post(page)
        assert ApiKey.objects.get().revoked_at is not None
        assert AuditEntry.objects.filter(verb="apikey.revoke").count() == 1

    def test_a_reader_cannot_revoke(self, client):
        boss = make.user("boss")
        key, *_ = [
            ApiKey.objects.create(name="k", prefix="p", digest="d", scopes=["read"], user=boss)
        ]
        client.force_login(make.user(role=Role.CSM))
        assert (
            client.post(reverse("admin:accounts_apikey_revoke", args=[key.pk])).status_code == 403
        )
        assert ApiKey.objects.get().revoked_at is None


def test_the_trail_shows_before_and_after(client):
    client.force_login(make.user("boss"))
    kim = make.user("kim", role="csm")
    data = {**USER, "username": "kim", "role": "analyst", "is_active": "on"}
    client.post(reverse("admin:accounts_user_change", args=[kim.pk]), data)
    entry = AuditEntry.objects.get(verb="user.change")
    assert (entry.before["role"], entry.after["role"]) == ("csm", "analyst")
    listed = client.get(reverse("admin:accounts_auditentry_changelist"), {"verb": "user.change"})
    assert "kim" in listed.content.decode()
    page = client.get(reverse("admin:accounts_auditentry_change", args=[entry.pk]))
    assert "<td>csm</td><td>analyst</td>" in page.content.decode()


def test_the_trail_is_in_words(client):
    """ADM-01: who, what and on whom, without names from the database."""
    client.force_login(make.user("boss"))
    kim = make.user("kim", role="csm")
    audit.record(kim, "program.lift_quarantine", kim)
    text = client.get(reverse("admin:accounts_auditentry_changelist")).content.decode()
    assert "Program: lift quarantine" in text
    assert "Actor label" not in text
    entry = AuditEntry.objects.get(verb="program.lift_quarantine")
    shown = client.get(reverse("admin:accounts_auditentry_change", args=[entry.pk]))
    assert "Program: lift quarantine" in shown.content.decode()

"""People, companies, memberships: CUS-01, REL-03, RUL-03 (history)."""

import pytest

from csplatform.customers.models import (
    AttributeChange,
    Company,
    ExternalId,
    Membership,
    MembershipChange,
    Person,
)
from csplatform.customers.operations.companies import (
    CompanyInput,
    CompanyRef,
    assign_csm,
    set_parent,
    upsert_companies,
)
from csplatform.customers.operations.memberships import (
    link_people,
    set_memberships,
    unlink_people,
)
from csplatform.customers.operations.people import PersonInput, upsert_people
from csplatform.freshness.models import Touch
from csplatform.kit.errors import DomainError
from tests.customers import make
from tests.customers.race import in_threads

pytestmark = [pytest.mark.smoke, pytest.mark.django_db]


def touches() -> set[tuple[str, int, str]]:
    return set(Touch.objects.values_list("subject", "subject_id", "key"))


class TestUpsertPeople:
    def test_a_new_person_is_stored_whole(self):
        make.attribute("plan")
        made = upsert_people(
            [
                PersonInput(
                    email="Ada@Example.com",
                    external_id="u1",
                    name="Ada",
                    time_zone="Europe/Paris",
                    attributes={"plan": "pro"},
                    companies=[CompanyRef(external_id="acme", name="Acme")],
                )
            ]
        )
        ada = Person.objects.get()
        assert (made[0].id, made[0].created) == (ada.pk, True)
        assert (ada.email, ada.name, ada.language) == ("Ada@Example.com", "Ada", "en")
        assert ada.attributes == {"plan": "pro"}
        assert ExternalId.objects.get().value == "u1"
        link = Membership.objects.get()
        assert (link.person_id, link.company.name, link.is_primary) == (ada.pk, "Acme", True)
        assert ("person", ada.pk, "everything") in touches()

    def test_repeating_it_leaves_no_trace(self):
        """Everything may run twice."""
        item = PersonInput(email="a@x.io", name="A", companies=[CompanyRef(name="Acme")])
        first = upsert_people([item])
        Touch.objects.all().delete()
        again = upsert_people([item, PersonInput(email="A@X.io")])
        assert {r.id for r in again} == {first[0].id}
        assert [(r.created, r.changed_names) for r in again] == [(False, ()), (False, ())]
        assert touches() == set()
        assert (Company.objects.count(), AttributeChange.objects.count()) == (1, 0)

    def test_a_change_is_written_with_history_and_touch(self):
        ada = make.person("a@x.io", name="A")
        Touch.objects.all().delete()
        result = upsert_people([PersonInput(email="a@x.io", name="B")], cause={"kind": "test"})
        assert result[0].changed_names == ("name",)
        change = AttributeChange.objects.get()
        assert (change.name, change.old, change.new) == ("name", "A", "B")
        assert (change.subject_id, change.cause) == (ada.pk, {"kind": "test"})
        assert touches() == {("person", ada.pk, "attr.name")}

    def test_the_external_id_counts_before_the_address(self):
        ada = make.person("a@x.io")
        bob = make.person("b@x.io")
        upsert_people([PersonInput(email="a@x.io", external_id="u1")])
        result = upsert_people([PersonInput(email="b@x.io", external_id="u1", name="Ada L")])[0]
        assert (result.id, result.conflicts) == (ada.pk, ("email",))
        ada.refresh_from_db()
        assert (ada.email, ada.name) == ("a@x.io", "Ada L")
        assert Person.objects.get(pk=bob.pk).email == "b@x.io"

    def test_an_unknown_external_id_is_attached_to_the_person_of_the_address(self):
        ada = make.person("a@x.io")
        result = upsert_people([PersonInput(email="A@x.io", external_id="u9")])[0]
        assert (result.id, result.created) == (ada.pk, False)
        assert ExternalId.objects.get(value="u9").person_id == ada.pk

    def test_a_known_person_may_change_to_a_free_address(self):
        ada = make.person("a@x.io")
        upsert_people([PersonInput(email="a@x.io", external_id="u1")])
        upsert_people([PersonInput(email="new@x.io", external_id="u1")])
        ada.refresh_from_db()
        assert ada.email == "new@x.io"

    def test_items_of_one_batch_about_one_person_are_one_person(self):
        results = upsert_people(
            [
                PersonInput(external_id="u1", name="First"),
                PersonInput(external_id="u1", email="a@x.io"),
                PersonInput(email="a@x.io", name="Last"),
            ]
        )
        assert Person.objects.get().name == "Last"
        assert [r.created for r in results] == [True, False, False]

    @pytest.mark.parametrize(
        ("item", "path"),
        [
            (PersonInput(name="nobody"), "/1"),
            (PersonInput(email="no address"), "/1/email"),
            (PersonInput(email="a@x.io", name="x" * 201), "/1/name"),
            (PersonInput(email="a@x.io", time_zone="Mars/Base"), "/1/time_zone"),
            (PersonInput(email="a@x.io", attributes={"nope": 1}), "/1/nope"),
            (PersonInput(email="a@x.io", attributes={"seats": "many"}), "/1/seats"),
            (PersonInput(email="a@x.io", attributes={"created_at": "2026-01-01"}), "/1/created_at"),
            (PersonInput(external_id="x" * 201), "/1/external_id"),
        ],
    )
    def test_a_bad_item_is_named_and_nothing_is_stored(self, item, path):
        """REL-03."""
        make.attribute("seats", "number")
        with pytest.raises(DomainError) as caught:
            upsert_people([PersonInput(email="good@x.io"), item])
        assert [p.path for p in caught.value.problems] == [path]
        assert Person.objects.count() == 0

    def test_one_or_a_thousand_cost_the_same_number_of_queries(self, django_assert_max_num_queries):
        make.attribute("plan")
        upsert_companies([CompanyInput(external_id=f"c{i}", name=f"C{i}") for i in range(10)])
        counts = []
        for size in (1, 1000):
            for plan in ("free", "pro"):  # created, then changed
                items = [
                    PersonInput(
                        email=f"p{size}-{i}@x.io",
                        external_id=f"{size}-{i}",
                        attributes={"plan": plan},
                        companies=[CompanyRef(external_id=f"c{i % 10}")],
                    )
                    for i in range(size)
                ]
                with django_assert_max_num_queries(25) as captured:
                    upsert_people(items)
                counts.append(len(captured))
        assert counts[:2] == counts[2:]
        assert AttributeChange.objects.count() == 1001


class TestMemberships:
    def test_the_first_company_is_primary_and_the_next_moves_up(self):
        """CUS-01: several companies, one of them primary; history of every link."""
        a, b = make.company(), make.company()
        ada = make.person()
        assert link_people([(ada.pk, b.pk), (ada.pk, a.pk)]) == {(ada.pk, a.pk), (ada.pk, b.pk)}
        assert Membership.objects.get(is_primary=True).company_id == b.pk
        assert link_people([(ada.pk, b.pk)]) == set()
        assert unlink_people([(ada.pk, b.pk)]) == {(ada.pk, b.pk)}
        assert Membership.objects.get(is_primary=True).company_id == a.pk
        history = MembershipChange.objects.filter(company_id=b.pk).values_list("joined", flat=True)
        assert list(history) == [True, False]
        assert {("person", ada.pk, "membership"), ("company", a.pk, "membership")} <= touches()

    def test_setting_them_replaces_and_chooses_the_primary(self):
        a, b, c = make.company(), make.company(), make.company()
        ada = make.person(at=a)
        added, removed = set_memberships(ada.pk, [b.pk, c.pk], primary_id=c.pk)
        assert (added, removed) == ({(ada.pk, b.pk), (ada.pk, c.pk)}, {(ada.pk, a.pk)})
        assert Membership.objects.get(is_primary=True).company_id == c.pk
        with pytest.raises(DomainError):
            set_memberships(ada.pk, [b.pk], primary_id=a.pk)

    def test_an_unknown_end_is_refused(self):
        with pytest.raises(DomainError) as caught:
            link_people([(make.person().pk, 10**9)])
        assert caught.value.problems[0].path == "/0/company"


class TestCompanies:
    def test_identity_is_external_id_then_domain_then_name(self):
        made = upsert_companies(
            [
                CompanyInput(
                    name="Acme", external_id="a1", domains=["Acme.io"], attributes={"arr": 5}
                )
            ]
        )[0]
        by_domain = upsert_companies([CompanyInput(domains=["acme.io"])])[0]
        by_name = upsert_companies([CompanyInput(name="Acme", attributes={"tags": ["vip"]})])[0]
        other = upsert_companies([CompanyInput(name="Acme", external_id="a2")])[0]
        assert made.id == by_domain.id == by_name.id != other.id
        acme = Company.objects.get(pk=made.id)
        assert (acme.domains, acme.arr, acme.tags) == (["acme.io"], 5, ["vip"])
        assert AttributeChange.objects.get(name="tags").new == ["vip"]

    def test_money_is_kept_to_the_cent_and_a_repeat_is_no_change(self):
        item = CompanyInput(name="Acme", attributes={"arr": 1234.567, "renewal_date": "2027-01-31"})
        upsert_companies([item])
        assert upsert_companies([item])[0].changed_names == ()

    def test_a_csm_is_assigned_with_history(self):
        acme, csm = make.company(), make.user(role="csm")
        assert assign_csm([acme.pk], csm, actor=csm) == 1
        assert assign_csm([acme.pk], csm, actor=csm) == 0
        change = AttributeChange.objects.get(name="csm")
        assert (change.old, change.new, change.cause["id"]) == (None, csm.pk, csm.pk)
        with pytest.raises(DomainError):
            assign_csm([acme.pk], make.user(is_active=False))

    def test_companies_cannot_stand_in_a_circle(self):
        a, b = make.company(), make.company()
        assert set_parent(a, b)
        b.refresh_from_db()
        with pytest.raises(DomainError):
            set_parent(b, Company.objects.get(pk=a.pk))

    @pytest.mark.parametrize(
        ("item", "path"),
        [
            (CompanyInput(), "/0"),
            (CompanyInput(id=10**9, name="X"), "/0/id"),
            (CompanyInput(name="X", attributes={"stage": "nope"}), "/0/stage"),
            (CompanyInput(name="X", attributes={"arr": 10**13}), "/0/arr"),
            (CompanyInput(name="X", attributes={"tags": ["x" * 61]}), "/0/tags"),
        ],
    )
    def test_a_bad_company_is_refused_with_its_path(self, item, path):
        with pytest.raises(DomainError) as caught:
            upsert_companies([item])
        assert caught.value.problems[0].path == path
        assert Company.objects.count() == 0

    def test_one_or_a_thousand_cost_the_same_number_of_queries(self, django_assert_max_num_queries):
        counts = []
        for size in (1, 1000):
            for stage in ("trial", "live"):
                items = [
                    CompanyInput(
                        external_id=f"{size}-{i}", name=f"C{i}", attributes={"stage": stage}
                    )
                    for i in range(size)
                ]
                with django_assert_max_num_queries(15) as captured:
                    upsert_companies(items)
                counts.append(len(captured))
        assert counts[:2] == counts[2:]


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_writers_of_the_same_new_people_make_each_once(self):
        """The unique constraints decide; the loser looks again."""
        items = [
            PersonInput(
                email=f"p{i}@x.io", external_id=f"u{i}", companies=[CompanyRef(name="Acme")]
            )
            for i in range(50)
        ]
        errors = in_threads(
            lambda: upsert_people(items), lambda: upsert_people(list(reversed(items)))
        )
        assert errors == []
        assert (Person.objects.count(), ExternalId.objects.count()) == (50, 50)
        assert (Company.objects.count(), Membership.objects.count()) == (1, 50)

    def test_people_without_addresses_are_made_once_too(self):
        items = [PersonInput(external_id=f"u{i}") for i in range(30)]
        assert in_threads(*[lambda: upsert_people(items)] * 3) == []
        assert Person.objects.count() == 30

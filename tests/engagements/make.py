"""Small worlds for the tests of this app."""

import json
import uuid
from typing import Any

from django.test import Client

from csplatform.accounts.models import User
from csplatform.customers.models import Source
from csplatform.customers.operations.people import PersonInput, upsert_people
from engagements.inapp.models import Engagement
from engagements.inapp.operations.drafts import create_engagement
from engagements.inapp.operations.life import launch_engagement


class Browser:
    """What a browser on the customer's site sends; keeps its anonymous id."""

    def __init__(self, source: Source, client: Client | None = None) -> None:
        self.source = source
        self.visitor = str(uuid.uuid4())
        self.client = client or Client()

    def post(self, *items: dict[str, Any], look: bool = False, **more: Any) -> Any:
        """Post a batch; the response with its JSON parsed in `.reply`."""
        body = {"visitor": self.visitor, "items": list(items), "look": look, **more}
        return self.raw(json.dumps(body))

    def raw(self, body: str | bytes, key: str | None = None, **headers: Any) -> Any:
        """Post whatever."""
        address = f"/t/?key={self.source.write_key if key is None else key}"
        response = self.client.post(
            address, data=body, content_type="text/plain;charset=UTF-8", **headers
        )
        response.reply = response.json() if response.content else {}
        return response

    def identify(self, user_id: str = "u-1", **data: Any) -> Any:
        """Sign in."""
        return self.post(item("identify", user_id=user_id, **data))

    def look(self) -> Any:
        """Ask what is due; the showing or None."""
        return self.post(look=True).reply["show"]

    def report(self, show: dict[str, Any], *events: str, **data: Any) -> Any:
        """Report what came of a showing."""
        return self.post(
            *(item("showing", ticket=show["ticket"], event=event, **data) for event in events)
        )


def item(type_: str, id_: str | None = None, at: str | None = None, **data: Any) -> dict[str, Any]:
    """One item of a batch."""
    found: dict[str, Any] = {"id": id_ or str(uuid.uuid4()), "type": type_, "data": data}
    if at is not None:
        found["at"] = at
    return found


def source(**values: Any) -> Source:
    """A site."""
    return Source.objects.create(name="App", **values)


def person(user_id: str | None = "u-1", email: str = "ann@example.com", **values: Any) -> int:
    """Somebody at a customer, known by a user id of the host product."""
    entry = PersonInput(email=email, external_id=user_id, name="Ann Lee", **values)
    return upsert_people([entry])[0].id


def admin() -> User:
    """A member of staff who may do everything."""
    return User.objects.create_user("admin", password="secret", is_staff=True, role="admin")


def engagement(*, launched: bool = True, actor: Any = None, **values: Any) -> Engagement:
    """A dialog with a button."""
    made = create_engagement(values.pop("name", "Welcome"), kind="dialog", actor=actor, **values)
    return launch_engagement(made.pk, actor=actor) if launched else made

"""Where an erased person is named in rooms below that know nothing of people."""

import json

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from csplatform.accounts.models import AuditEntry
from csplatform.api.models import RememberedAnswer
from csplatform.customers.hooks import Erasure
from csplatform.customers.models import Person
from csplatform.kit import sql

_EXCEPT_LETTERS = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


def forget_traces(erasure: Erasure) -> None:
    """Labels and values in the audit trail, Django's own log, and answers kept for repeats."""
    labels = [(str(person_id), f"Person {person_id}") for person_id in erasure.ids]
    for person_id, label in labels:
        AuditEntry.objects.filter(
            subject_type=Person._meta.label_lower, subject_id=person_id
        ).update(subject_label=label)
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(Person), object_id=person_id
        ).update(object_repr=label, change_message="")
    patterns = text_patterns(erasure)
    for table, column in (
        (AuditEntry._meta.db_table, "before"),
        (AuditEntry._meta.db_table, "after"),
        (RememberedAnswer._meta.db_table, "body"),
    ):
        sql.run(
            f"UPDATE {table} SET {column} = '{{}}' WHERE {column}::text ILIKE ANY(%s)", [patterns]
        )


def text_patterns(erasure: Erasure) -> list[str]:
    """LIKE patterns for JSON as text: addresses anywhere, other words as whole values."""
    anywhere = [f"%{address.translate(_EXCEPT_LETTERS)}%" for address in erasure.addresses]
    whole = [json.dumps(word, ensure_ascii=False) for word in erasure.words]
    return sorted(anywhere + [f"%{word.translate(_EXCEPT_LETTERS)}%" for word in whole])

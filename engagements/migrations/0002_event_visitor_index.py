"""An index on the event table for this app's query: a visitor's history, handed over at identify."""

from django.db import migrations

# Only anonymous events are looked for, so events of known people cost the index nothing.
CREATE = (
    "CREATE INDEX event_of_anonymous ON customers_event (visitor_id)"
    " WHERE visitor_id IS NOT NULL AND person_id IS NULL"
)


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_event_table"), ("engagements", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP INDEX event_of_anonymous")]

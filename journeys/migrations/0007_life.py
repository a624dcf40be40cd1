from django.conf import settings
from django.db import migrations, models

# What the rows of the history are about was told by their states and reasons alone.
NAME_THEM = """
UPDATE journeys_programstatechange SET what = CASE
  WHEN reason LIKE 'Published version %' THEN 'published'
  WHEN new = 'stopped' THEN 'stopped'
  WHEN new = 'paused' THEN 'paused'
  WHEN old = 'paused' AND new = 'active' THEN 'resumed'
  ELSE '' END
"""


class Migration(migrations.Migration):

    dependencies = [
        ('journeys', '0006_scheduled'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='programstatechange',
            name='what',
            field=models.CharField(blank=True, choices=[('published', 'Published'), ('scheduled', 'Publishing scheduled'), ('unscheduled', 'Taken back to draft'), ('failed', 'Publishing failed'), ('paused', 'Paused'), ('resumed', 'Resumed'), ('disabled', 'No new entries'), ('enabled', 'Entries again'), ('completed', 'Completed'), ('stopped', 'Stopped')], max_length=12, default=''),
            preserve_default=False,
        ),
        migrations.RunSQL(NAME_THEM, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='program',
            index=models.Index(condition=models.Q(('publish_at__isnull', False)), fields=['publish_at'], name='program_publish_at'),
        ),
        migrations.AddIndex(
            model_name='programstatechange',
            index=models.Index(fields=['at'], name='program_change_at'),
        ),
        migrations.AddConstraint(
            model_name='program',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'scheduled'), _negated=True), ('publish_at__isnull', False), _connector='OR'), name='program_scheduled_for_a_time'),
        ),
        migrations.AddConstraint(
            model_name='program',
            constraint=models.CheckConstraint(condition=models.Q(('publish_at', None), ('state__in', ['scheduled', 'active', 'paused']), _connector='OR'), name='program_publishes_while_it_may'),
        ),
    ]

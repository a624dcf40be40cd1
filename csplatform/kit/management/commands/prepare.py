"""`manage.py prepare`: everything between the servers and the first request, in one boot."""

import hashlib
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from csplatform.kit.checks import postgres_version, redis_version
from csplatform.kit.clock import now
from csplatform.kit.partitions import ensure_partitions


class Command(BaseCommand):
    """Wait for the servers, migrate, collect static files, make partitions, first-start data."""

    help = "Bring database and static files up to date; with DEMO, the demo tenant on first start."
    requires_system_checks = ()  # some ask tables, so they run after the migration

    def handle(self, *args: Any, **options: Any) -> None:
        """Safe to repeat; each part does nothing when nothing is to do."""
        self._wait_for_database()
        self._look_at_versions()
        call_command("migrate", interactive=False, verbosity=0)
        self.check()
        ensure_partitions(now())
        if not settings.DEBUG:
            self._collect_static_files()
        if settings.DEMO and "demo_tenant" in get_commands():
            call_command("demo_tenant", if_empty=True)

    def _collect_static_files(self) -> None:
        """Hashing and compressing takes seconds, so only when a file or a package changed."""
        digest = hashlib.sha256()
        for finder in get_finders():
            for path, storage in finder.list([]):
                found = Path(storage.path(path)).stat()
                digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode())
        stamp = Path(settings.STATIC_ROOT, ".collected")
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(digest.hexdigest())

    def _wait_for_database(self) -> None:
        """Say so in one line, and keep trying: a database that restarts is no reason to give up."""
        said = ""
        while True:
            try:
                connection.ensure_connection()
                return
            except OperationalError as error:
                reason = str(error).strip().splitlines()[0]
                if reason != said:
                    self.stderr.write(f"database not reachable, retrying: {reason}")
                    said = reason
                time.sleep(1)

    def _look_at_versions(self) -> None:
        """Refuse servers that are too old before anything is changed. Redis may be late."""
        for message in (*postgres_version(["default"]), *redis_version(["default"])):
            if message.is_serious():
                raise CommandError(message.msg)
            self.stderr.write(message.msg)

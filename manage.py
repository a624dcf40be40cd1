#!/usr/bin/env python
"""Django's command line."""

import os
import sys

from django.core.management import execute_from_command_line

from csplatform.embedded.attach import attach

if __name__ == "__main__":
    attach()  # without DATABASE_URL, to the servers of the `make run` beside it
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csplatform.settings")
    execute_from_command_line(sys.argv)

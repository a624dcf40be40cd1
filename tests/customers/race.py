"""Two writers at the same moment, in real transactions."""

import threading
from collections.abc import Callable

from django.db import connections


def in_threads(*calls: Callable[[], object]) -> list[Exception]:
    """Run calls at the same time in real transactions; their errors."""
    errors: list[Exception] = []
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        try:
            barrier.wait(5)
            call()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return errors

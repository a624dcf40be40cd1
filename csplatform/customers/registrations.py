"""What customers bring to the rooms below."""

from csplatform.kit.clock import now
from csplatform.kit.jobs import Periodic, periodic
from csplatform.kit.partitions import ensure_partitions, partitioned_tables


def register() -> None:
    """Events are partitioned by month; partitions are made ahead twice a day."""
    partitioned_tables.register("customers_event", "customers_event")
    periodic.register(
        "kit.partitions",
        Periodic("kit.partitions", 43200, lambda: ensure_partitions(now())),
    )

"""Files that name an erased person."""

from csplatform.customers.hooks import Erasure
from csplatform.customers.operations.erase_traces import text_patterns
from csplatform.imports.models import ACTIVE, ImportChunk, ImportRun, RunState
from csplatform.kit import sql


def forget_files(erasure: Erasure) -> None:
    """Rows that wait to be taken go as a whole file: taking them would bring the person back."""
    patterns = text_patterns(erasure)
    waiting = sql.rows(
        "SELECT DISTINCT run_id FROM imports_importchunk WHERE rows::text ILIKE ANY(%s)", [patterns]
    )
    ids = [row[0] for row in waiting]
    ImportChunk.objects.filter(run__in=ids).delete()
    open_states = [*ACTIVE, RunState.NEW, RunState.CHECKED]
    ImportRun.objects.filter(pk__in=ids, state__in=open_states).update(
        state=RunState.FAILED, was="",
        error="Somebody in this file was erased: upload it again without them.",
    )  # fmt: skip
    sql.run(
        "UPDATE imports_importrun SET sample = '[]' WHERE sample::text ILIKE ANY(%s)", [patterns]
    )
    sql.run(
        "UPDATE imports_importproblem SET cells = '[]', message = 'Erased.'"
        " WHERE cells::text ILIKE ANY(%s) OR message ILIKE ANY(%s)",
        [patterns, patterns],
    )

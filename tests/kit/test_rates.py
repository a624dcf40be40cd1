"""Rates of several processes add up, those of a worker that forks for each job too (OPS-03)."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from csplatform.embedded.places import Places
from csplatform.kit import rates

ROOT = Path(__file__).resolve().parents[2]
COUNT = "from csplatform.kit import rates; rates.ran('w', 0.1, 5); rates.mailed('taken')"
TELL = (
    "from csplatform.kit import rates; import prometheus_client as p;"
    "print(p.generate_latest(rates.totals()).decode())"
)
FORK = """
import os
from csplatform.kit import rates
rates.forks_for_each_job()
rates.mailed("unknown")  # the parent counts in a file of its own
for _ in range(20):
    if os.fork() == 0:
        rates.ran("w", 0.1, 1)
        os._exit(0)
    os.wait()
"""


def run(folder: Path, script: str) -> str:
    """What a process of its own prints."""
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def totals(folder: Path) -> dict[tuple, float]:
    """(name, labels...) to value, as a further process scrapes it."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(run(folder, TELL))
        for sample in family.samples
    }


def test_processes_add_up(tmp_path: Path) -> None:
    for _ in range(2):
        run(tmp_path, COUNT)
    found = totals(tmp_path)
    assert found["csplatform_work_moved_total", "w"] == 10
    assert found["csplatform_mails_total", "taken"] == 2
    assert found["csplatform_work_seconds_count", "w"] == 2


def test_children_of_a_forking_worker_share_a_file(tmp_path: Path) -> None:
    run(tmp_path, FORK)
    found = totals(tmp_path)
    assert found["csplatform_work_moved_total", "w"] == 20
    assert found["csplatform_work_seconds_count", "w"] == 20
    assert found["csplatform_mails_total", "unknown"] == 1
    assert len(list(tmp_path.glob("counter_*-jobs.db"))) == 1
    assert len(list(tmp_path.iterdir())) <= 6


def test_what_cannot_be_counted_breaks_nothing(caplog) -> None:
    for _ in range(3):
        rates.ran(object(), "long", "many")  # type: ignore[arg-type]
    assert [record.msg for record in caplog.records] == ["not counted"]


def test_a_new_start_counts_from_nothing(tmp_path: Path) -> None:
    places = Places.of(str(tmp_path / "data"))
    places.make()
    places.clear_counts()
    (places.counts / "counter_1.db").write_text("old")
    places.clear_counts()
    assert list(places.counts.iterdir()) == []
    assert places.counts.stat().st_mode & 0o077 == 0

"""What tasks and playbooks bring to the rooms below: readable as a table of contents."""

from csplatform.customers.hooks import erase_hooks, merge_hooks
from csplatform.kit.jobs import LaneWork, lane_work
from csplatform.rules.load import fact_sources
from csplatform.rules.options import option_sources
from csplatform.rules.registry import rule_kinds
from journeys.engine.endings import ending_hooks
from journeys.playbooks import choices
from journeys.playbooks.erasing import forget_work
from journeys.playbooks.merging import repoint_work
from journeys.playbooks.operations import waking
from journeys.playbooks.rule_kinds import playbook, task
from journeys.steps import options


def register() -> None:
    """Called once at start by journeys.registrations."""
    for kind in (task.TaskTest(), playbook.PlaybookTest()):
        rule_kinds.register(kind.key, kind)
    fact_sources.register(task.SOURCE, task.tasks_of)
    fact_sources.register(playbook.SOURCE, playbook.runs_of)
    option_sources.register("tasks.types", task.type_names)
    option_sources.register("playbooks.names", playbook.playbook_names)
    merge_hooks.register("playbooks", repoint_work)
    erase_hooks.register("playbooks", forget_work)
    ending_hooks.register("playbooks", waking.runs_ended)
    lane_work.register(
        "playbooks.wake", LaneWork("playbooks.wake", "live", waking.run_batch, waking.pending)
    )
    _register_options()


def _register_options() -> None:
    options.option_providers.register("task_types", choices.task_types)
    options.option_providers.register("playbooks", choices.playbooks)
    options.option_providers.register("owner_roles", choices.owner_roles)
    options.option_providers.register("staff", choices.staff)
    options.reference_names.register("task_type", choices.type_names)
    options.reference_names.register("playbook", choices.playbook_names)
    options.reference_pages.register("task_type", "admin:journeys_tasktype_change")
    options.reference_pages.register("playbook", "admin:journeys_playbook_change")

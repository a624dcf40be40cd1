"""What tasks and playbooks bring to the rooms below: readable as a table of contents."""

from functools import partial

from django.urls import reverse_lazy

from csplatform.adminkit.extensions import BulkAction, bulk_actions
from csplatform.adminkit.home import HomeCard, attention, home_cards
from csplatform.adminkit.navigation import Entry, entries
from csplatform.customers.hooks import erase_hooks, merge_hooks
from csplatform.kit.jobs import LaneWork, lane_work
from csplatform.rules.load import fact_sources
from csplatform.rules.options import option_sources
from csplatform.rules.registry import rule_kinds
from csplatform.snapshots.header import company_figures
from csplatform.snapshots.panels import Panel, panels
from csplatform.snapshots.timeline import TimelineSource, timeline_sources
from journeys.engine.endings import ending_hooks
from journeys.playbooks import book, choices, demo
from journeys.playbooks import panels as shown
from journeys.playbooks.admin.bulk import assign_action, hand_over_action
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
    _register_pages()
    _register_snapshots()
    book.register()
    demo.register()


def _register_options() -> None:
    options.option_providers.register("task_types", choices.task_types)
    options.option_providers.register("playbooks", choices.playbooks)
    options.option_providers.register("staff", choices.staff)
    options.reference_names.register("task_type", choices.type_names)
    options.reference_names.register("playbook", choices.playbook_names)
    options.reference_pages.register("task_type", "admin:journeys_tasktype_change")
    options.reference_pages.register("playbook", "admin:journeys_playbook_change")


def _register_pages() -> None:
    for order, (key, group, title, icon) in enumerate(
        (
            ("task", "Work", "All tasks", "list_alt"),
            ("playbookrun", "Watch", "Playbook runs", "playlist_add_check"),
            ("playbook", "Build", "Playbooks", "library_add_check"),
            ("tasktype", "Settings", "Task types", "category"),
        )
    ):
        link = reverse_lazy(f"admin:journeys_{key}_changelist")
        entries.register(
            f"journeys.{key}",
            Entry(group, 25 + order, title, icon, partial(str, link), f"journeys.view_{key}"),
        )
    home_cards.register(
        "journeys.work",
        HomeCard("journeys.work", "My work", 5, shown.my_work, "checklist", "journeys.view_task"),
    )
    attention.register("journeys.tasks_of_nobody", shown.work_of_nobody)
    bulk_actions.register(
        "journeys.assign_playbook",
        BulkAction(
            ("customers.person", "customers.company"), "assign_playbook", "Assign a playbook…",
            "journeys.add_playbookrun", assign_action,
        ),
    )  # fmt: skip
    bulk_actions.register(
        "journeys.hand_over",
        BulkAction(
            ("customers.company",), "hand_over_tasks", "Hand open tasks over to the CSM",
            "journeys.change_task", hand_over_action,
        ),
    )  # fmt: skip


def _register_snapshots() -> None:
    company_figures.register("journeys.open_tasks", shown.open_tasks_figure)
    for subject in ("company", "person"):
        for name, label, order, load, permission in (
            ("tasks", "Tasks", 15, shown.tasks_panel(subject), "journeys.view_task"),
            ("playbooks", "Playbooks", 16, shown.playbooks_panel(subject),
             "journeys.view_playbookrun"),
        ):  # fmt: skip
            key = f"journeys.{subject}_{name}"
            template = f"journeys/panels/{name}.html"
            panels.register(
                key, Panel(key, label, subject, order, template, load, permission=permission)
            )
    for key, title, icon, timeline, permission in (
        ("tasks", "Tasks", "checklist", shown.task_timeline, "journeys.view_task"),
        ("playbooks", "Playbooks", "library_add_check", shown.playbook_timeline,
         "journeys.view_playbookrun"),
    ):  # fmt: skip
        timeline_sources.register(
            key,
            TimelineSource(key, title, icon, timeline("person"), timeline("company"), permission),
        )

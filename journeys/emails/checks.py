"""What is wrong with a mail template, in sentences for the program that uses it."""

from journeys.models import EmailTemplate


def template_problems(template: EmailTemplate) -> list[str]:
    """Problems that block publishing; empty when the mail can go out."""
    problems = []
    if not template.subject.strip():
        problems.append(f"“{template.name}” has no subject; write one.")
    if not template.blocks:
        problems.append(f"“{template.name}” is empty; add at least one block.")
    return problems

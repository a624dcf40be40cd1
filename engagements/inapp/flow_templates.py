"""Ready flows with engagements to start a program from (PRG-01)."""

from journeys.flow.templates import FlowTemplate, flow_templates, step, wait_for


def register() -> None:
    """Called once at start by engagements.registrations."""
    offer = [step("help", "send_email", "Offer help")]
    flow_templates.register(
        "welcome",
        FlowTemplate(
            "Welcome mail and first dialog",
            "A mail, then a dialog inside your product, then help for who did not finish it.",
            "person",
            {
                "steps": [
                    step("mail", "send_email", "Welcome mail"),
                    wait_for("opened", "Opened the mail?", "mail", "opened", 3),
                    step("dialog", "trigger_engagement", "First dialog"),
                    wait_for("done", "Finished it?", "dialog", "completed", 5, not_met=offer),
                ]
            },
        ),
    )

"""Words for event names that the platform itself records, and which of them are passive."""

LABELS = {
    "email.sent": "Mail sent",
    "email.opened": "Mail opened",
    "email.clicked": "Link in mail clicked",
    "email.bounced": "Mail bounced",
    "email.unsubscribed": "Unsubscribed from mails",
    "email.resubscribed": "Subscribed to mails again",
    "engagement.viewed": "Engagement viewed",
    "engagement.completed": "Engagement completed",
    "engagement.dismissed": "Engagement dismissed",
    "engagement.failed": "Engagement failed",
    "page.viewed": "Page viewed",
}
# Done to people, not by them: no part of how active somebody is.
PASSIVE = frozenset({"email.sent", "email.bounced"})


def name_words(name: str, label: str = "") -> str:
    """An event name for reading: its label, ours for a built-in name, else the name itself."""
    return label or LABELS.get(name, name)

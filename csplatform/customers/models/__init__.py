"""Models of the customers room, by topic."""

from csplatform.customers.models.attribute import AttributeChange, AttributeDefinition
from csplatform.customers.models.company import Company, CompanyActivity, CompanyOwner, CsmTurn
from csplatform.customers.models.event import (
    Event,
    EventInbox,
    EventMessage,
    EventName,
    EventSubscription,
    Source,
)
from csplatform.customers.models.person import (
    ExternalId,
    Membership,
    MembershipChange,
    Person,
    PersonActivity,
    SuppressedAddress,
)

__all__ = [
    "AttributeChange",
    "AttributeDefinition",
    "Company",
    "CompanyActivity",
    "CompanyOwner",
    "CsmTurn",
    "Event",
    "EventInbox",
    "EventMessage",
    "EventName",
    "EventSubscription",
    "ExternalId",
    "Membership",
    "MembershipChange",
    "Person",
    "PersonActivity",
    "Source",
    "SuppressedAddress",
]

"""One file per step kind; kinds never import each other. Registered in journeys.registrations."""

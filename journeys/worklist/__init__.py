"""The work list at /work/: what one of ours has to do today (PRG-82). A thin door over
journeys.playbooks; nobody imports it but the addresses and registrations of journeys."""

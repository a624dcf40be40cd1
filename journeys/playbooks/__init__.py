"""Tasks, playbooks and the work list: what people of ours do about customers (PRG-80 to 82).

Step kinds, rule kinds, admin, API and the demo of journeys may import it. It promises that of
guarded tasks one is open per subject, type and reason, that a playbook runs once at a time per
subject, that closing closes once, and that one task or ten thousand cost the same queries.
"""

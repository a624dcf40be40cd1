"""Staff: users with roles, API keys, the audit trail.

Everybody above kit and adminkit may import it. Promise: who may do what is decided here, and every
configuration change leaves an entry with before and after.
"""

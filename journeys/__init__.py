"""Programs: what an admin builds, and the engine that moves participants through it.

Lives here: flow documents, step kinds, the engine, mails, their screens and API. Engagements and
community may import it; it imports the kernel only. Promise: every decision is taken once, is
explained by a transition, and survives whatever gets killed.
"""

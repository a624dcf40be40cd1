"""Consent to mails: categories, unsubscribing with one click, preferences, suppressed addresses.

Nobody is written to who does not want it or whom mails do not reach: asked when people enter a
program and again when a mail leaves. Operational mail is exempt from the wish, never from the wall.
"""

"""Webhooks: endpoints, signing, the sender, what people do with them.

Step kinds, admin and API import it; it imports the kernel, journeys.models and what the mails
share (tokens, values, sending checks, the sender's lock). Promise: each message arrives at least
once, under one id, or is listed as given up; a receiver that hangs or fails holds up nobody else.
"""

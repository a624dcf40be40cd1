"""Mails: templates of typed blocks, rendering, the sender, tracked links, captured mail.

Step kinds, admin and the engine's wiring import it; it imports the kernel and journeys.models.
Promise: a mail leaves at most once, and one whose fate is unknown is listed, never guessed.
"""

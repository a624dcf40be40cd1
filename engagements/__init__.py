"""What customers' people meet inside the product: the tracker and the engagements it shows.

Rooms: `tracker` (ingest and journey.js; knows no kind of content), `inapp` (engagements,
invitations, showings, the program step), `demosite` (a product site to try it on). Nobody below
imports it. Promise: a public write key never reads another person's data, and an accepted event
is committed.
"""

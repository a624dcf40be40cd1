"""A registry of kinds: the one way in which something above is known to something below."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
KEY = re.compile(r"^[a-z][a-z0-9_.]*$")


class RegistrationError(Exception):
    """A kind cannot be registered; the message names the registry and the key. Stops the start."""


class UnknownKind(LookupError):
    """A stored or given key that nobody registered."""

    def __init__(self, registry: str, key: str) -> None:
        self.registry, self.key = registry, key
        super().__init__(f"Unknown {registry}: {key!r}.")


class Registry(Generic[T]):
    """Ordered mapping of key to item that refuses duplicates and bad shapes at start.

    Args:
        name: what one item is called, singular; used in messages.
        check: returns what is wrong with an item, or "" when it is fit.
    """

    def __init__(self, name: str, check: Callable[[T], str] = lambda item: "") -> None:
        self.name = name
        self._check = check
        self._items: dict[str, T] = {}

    def register(self, key: str, item: T) -> T:
        """Add an item. Raises RegistrationError for a bad key, a taken key or a bad shape."""
        if not KEY.match(key):
            raise RegistrationError(f"{self.name} {key!r}: keys are lower-case words, dots, digits")
        if key in self._items:
            raise RegistrationError(f"{self.name} {key!r} is registered twice")
        if problem := self._check(item):
            raise RegistrationError(f"{self.name} {key!r}: {problem}")
        self._items[key] = item
        return item

    def get(self, key: str) -> T:
        """The item of a key. Raises UnknownKind."""
        try:
            return self._items[key]
        except (KeyError, TypeError):
            raise UnknownKind(self.name, str(key)) from None

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items.values()))

    def __len__(self) -> int:
        return len(self._items)

    def keys(self) -> list[str]:
        """All keys in the order of registration."""
        return list(self._items)

    def items(self) -> list[tuple[str, T]]:
        """Keys and items in the order of registration."""
        return list(self._items.items())

    @contextmanager
    def temporarily(self, key: str, item: T) -> Iterator[T]:
        """Register for the length of a test."""
        self.register(key, item)
        try:
            yield item
        finally:
            del self._items[key]

"""The document's building blocks (API-01)."""

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator


def test_the_document_is_made_without_a_doubt() -> None:
    """No two serializers of one name, no field or parameter whose type had to be guessed."""
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        SchemaGenerator().get_schema(request=None, public=True)
    said = sorted({**GENERATOR_STATS._warn_cache, **GENERATOR_STATS._error_cache})
    assert not said, "\n".join(said)

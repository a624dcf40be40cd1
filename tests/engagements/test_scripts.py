"""journey.js as it is served (TRK-01, TRK-09)."""

import gzip

from django.test import Client

from engagements.tracker import scripts


def test_scripts_are_cached_and_compressed(client: Client) -> None:
    """ETag, gzip, and open to pages of any origin."""
    for address in ("/journey.js", "/journey/dialog.js"):
        response = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert response["Content-Type"].startswith("text/javascript")
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "max-age" in response["Cache-Control"]
        assert gzip.decompress(response.content).decode() == client.get(address).content.decode()
        again = client.get(address, headers={"If-None-Match": response["ETag"]})
        assert again.status_code == 304
        assert not again.content
    assert client.get("/journey/nothing.js").status_code == 404


def test_the_core_knows_its_renderers() -> None:
    """A changed renderer has another address, so both always fit together."""
    for name in scripts.RENDERERS:
        assert scripts.renderer_version(name) in scripts.core().text


def test_no_script_can_make_markup_or_code() -> None:
    """TRK-01, ENG-02: no eval, no markup from text, anywhere in the sources."""
    banned = ("eval(", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
              "new Function", ".style.", "setAttribute(\"style\"", "<script")  # fmt: skip
    for folder in ("tracker", "render"):
        for source in (scripts.SOURCES / folder).glob("*.js"):
            text = source.read_text("utf-8")
            code = "\n".join(
                line for line in text.splitlines() if not line.strip().startswith("//")
            )
            assert [word for word in banned if word in code] == [], source.name

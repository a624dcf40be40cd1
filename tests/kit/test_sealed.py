"""Secrets at rest (SEC-02)."""

import pytest

from csplatform.kit.sealed import Unreadable, seal, unseal


def test_a_sealed_text_opens_again_and_is_never_the_same_twice():
    assert unseal(seal("whsec_ü")) == "whsec_ü"
    assert seal("a") != seal("a")
    assert "whsec" not in seal("whsec_abc")
    assert (seal(""), unseal("")) == ("", "")


def test_another_key_does_not_open_it_but_an_old_one_does(settings):
    """SECRET_KEY_FALLBACKS: how a key is changed without losing what was sealed with it."""
    settings.SECRET_KEY = "first" * 10
    sealed = seal("secret")
    settings.SECRET_KEY = "second" * 10
    with pytest.raises(Unreadable):
        unseal(sealed)
    settings.SECRET_KEY_FALLBACKS = ["first" * 10]
    assert unseal(sealed) == "secret"

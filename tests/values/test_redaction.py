"""The spellings in which a secret is found."""

from __future__ import annotations

import string
from urllib.parse import quote

import pytest

from azkvlint.values.redaction import Redactor


@pytest.mark.parametrize(
    "secret", ["p\u00e4ss w\u00f6rd/1~", f"Aa1{string.punctuation}", "kv\ud800-surrogate", "\U0001f511 key"]
)
def test_a_secret_is_hidden_as_in_a_url(secret: str) -> None:
    encoded = quote(secret, safe="", errors="replace")
    assert encoded not in Redactor([secret]).text(f"https://example.com/?a={encoded}&b")


@pytest.mark.parametrize(
    "text", ["AZURE", "password", "Secret", "tokens", "Enabled", "/resourceGroups/", "ManagedIdentity"]
)
def test_common_word_is_not_redacted(text: str) -> None:
    sentence = f"`data.azurerm_key_vault.kv` is read from Azure: {text} of sql_admin_{text}"
    assert Redactor([text]).text(sentence) == sentence


@pytest.mark.parametrize("text", ["password1", "P4ssword", "azure-prod", "my secret", "hunter"])
def test_a_word_of_its_own_stays_hidden(text: str) -> None:
    assert Redactor([text]).text(f"the value is {text}") == "the value is (sensitive)"

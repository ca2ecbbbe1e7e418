"""Certificates that are written in code: what they say of themselves, and what nobody can read."""

from __future__ import annotations

import base64
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.derived.certificates import Certificate, _longest, certificate_in

if TYPE_CHECKING:
    from tests.conftest import Run

# Of "Contoso Issuing CA", from 2026-01-01 to 2026-12-15. There is no key to it any more.
PEM = """\
-----BEGIN CERTIFICATE-----
MIIBbTCCARKgAwIBAgIBBzAKBggqhkjOPQQDAjAdMRswGQYDVQQDDBJDb250b3Nv
IElzc3VpbmcgQ0EwHhcNMjYwMTAxMDAwMDAwWhcNMjYxMjE1MDAwMDAwWjAeMRww
GgYDVQQDDBNhcHAuY29udG9zby5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEZ+NfDxirLWK2Ml1qHw4ao2YMsU1Ya2nMCzRj0SsmiJoXVsiwcrFOr8Ff
qdiO0eDjgC7KLoLMCBKOm6jsZsw6xKNCMEAwHQYDVR0OBBYEFDHFCOeT7Ln4PrGd
nSpgqscFlTcRMB8GA1UdIwQYMBaAFL93dTJrufBxxnP7Uo9/X7FYRZ6vMAoGCCqG
SM49BAMCA0kAMEYCIQDX+0KAvU234jMaV4AhIkqS8JuU7K2exuYZKDKOdF5g1AIh
AIpcljvXx8Q/pDOJI5SuidGAzD+5Yfnfv08+LjvxuCF6
-----END CERTIFICATE-----
"""
# "Contoso Issuing CA" itself, until 2036-11-24. There is no key to it any more.
AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUdcTTYeyoVYyyH4e+ppMIiVhDBxEwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSQ29udG9zbyBJc3N1aW5nIENBMB4XDTI2MTEyNzA1MjUyNVoX
DTM2MTEyNDA1MjUyNVowHTEbMBkGA1UEAwwSQ29udG9zbyBJc3N1aW5nIENBMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUMRMxmLFidsoUFJxbtViOZdUe15UruDO
ARgp7/I7oZsJDsOZomRJnzFGZ6F3dQnFE5EaEOqeGMiTQTEW177WNqNTMFEwHQYD
VR0OBBYEFNB+2BshjzpReloynLw4ViJnrWK3MB8GA1UdIwQYMBaAFNB+2BshjzpR
eloynLw4ViJnrWK3MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIh
APHA0l/N2JwVP7xMbw+VTZT+3CyH9m0NAd4m4cSdFb/qAiAJPCiBZio/so7rw1mA
MXkMWl+kEfVkZBbMOcERwjF91g==
-----END CERTIFICATE-----
"""
DER = base64.b64decode("".join(PEM.splitlines()[1:-1]))
READ = Certificate(date(2026, 12, 15), "Contoso Issuing CA")


def pem(der: bytes) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(der).decode()}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    "text",
    [
        PEM,
        PEM.replace("\n", "\r\n"),
        f"Bag Attributes\n    friendlyName: tls\n{PEM}",
        base64.b64encode(PEM.encode()).decode(),
        PEM.replace("BEGIN CERT", "BEGIN X509 CERT"),
        PEM + AUTHORITY,
        AUTHORITY + PEM,
        base64.b64encode((AUTHORITY + PEM).encode()).decode(),
        PEM + PEM,
    ],
    ids=["pem", "windows", "text before", "base64 of pem", "old header", "chain", "reversed", "encoded", "twice"],
)
def test_certificate_is_read_in_each_encoding(text: str) -> None:
    assert certificate_in(text) == READ


def test_unrelated_certificates_have_the_first_expiry_date() -> None:
    later = pem(DER.replace(b"261215000000Z", b"361215000000Z"))
    assert certificate_in(later + PEM) == certificate_in(PEM + later) == READ


def test_certificate_of_an_authority_alone_is_read() -> None:
    assert certificate_in(AUTHORITY) == Certificate(date(2036, 11, 24), "Contoso Issuing CA")


def test_year_of_four_digits_is_read() -> None:
    longer = DER
    for old, new in (
        (b"\x30\x82\x01\x6d", b"\x30\x82\x01\x6f"),
        (b"\x30\x82\x01\x12", b"\x30\x82\x01\x14"),
        (b"\x30\x1e\x17\x0d260101", b"\x30\x20\x17\x0d260101"),
        (b"\x17\x0d261215000000Z", b"\x18\x0f20261215000000Z"),
    ):
        assert old in longer
        longer = longer.replace(old, new, 1)
    assert certificate_in(pem(longer)) == READ


def test_year_of_two_digits_is_read() -> None:
    found = certificate_in(pem(DER.replace(b"261215000000Z", b"500101000000Z")))
    assert found is not None
    assert found.last_day == date(1950, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MIIF",
        PEM[:-30],
        pem(DER[:100]),
        pem(DER[:1]),
        pem(b""),
        pem(b"\x30\x84\xff\xff\xff\xff"),
        pem(DER.replace(b"261215000000Z", b"261315000000Z")),
        pem(DER.replace(b"261215000000Z", b"26\xff215000000Z")),
        pem(b"\x31" + DER[1:]),
        base64.b64encode(b"\x30\x82\x09\x51\x02\x01\x03 and so on: a PFX").decode(),
        PEM + " " * 200_000,
        PEM + pem(b"something else, which may be what it is about"),
        PEM + PEM[:-30],
    ],
)
def test_certificate_that_is_incomplete_or_ambiguous_is_not_read(text: str) -> None:
    assert certificate_in(text) is None


@given(st.binary(max_size=60), st.integers(min_value=0, max_value=len(DER)))
def test_unusual_certificate_causes_no_error(noise: bytes, at: int) -> None:
    certificate_in(pem(noise))
    certificate_in(pem(DER[:at] + noise + DER[at + len(noise) :]))


@pytest.mark.parametrize(
    ("months", "days"),
    [(1, 31), (2, 62), (3, 92), (6, 184), (7, 215), (12, 366), (13, 397), (24, 731), (48, 1461)],
)
def test_months_have_their_most_days(months: int, days: int) -> None:
    assert _longest(months) == days


def test_content_of_an_imported_certificate_is_not_printed(tmp_path: Path, run: Run) -> None:
    written = 'contents = "CANARY"\n    password = "CANARY"'
    heredoc = "contents = <<-EOT\n    -----BEGIN PRIVATE KEY-----\n    CANARY\n    EOT"
    blocks = (
        f'resource "azurerm_key_vault_certificate" "c{at}" {{\n  certificate {{\n    {text}\n  }}\n}}\n'
        for at, text in enumerate((written, heredoc, "contents = local.c"))
    )
    (tmp_path / "main.tf").write_text('locals {\n  c = "CANARY"\n}\n' + "".join(blocks))
    for form in ("text", "json", "sarif"):
        ran = run("--profile", "all", "-f", form, "main.tf", cwd=tmp_path)
        assert "KV716" in ran.out
        assert "CANARY" not in ran.out

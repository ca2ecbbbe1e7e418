"""What a certificate says of itself: until when it is valid, and who issued it. Only of PEM text that is not encrypted.

A walk through the few outer fields of the DER encoding, which checks every length that it goes by. Source: RFC 5280
section 4.1, RFC 7468.
"""

from __future__ import annotations

import base64
import binascii
from datetime import date

import msgspec

from azkvlint.util.lazy_regex import regex

_PEM = regex(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END ")
_BEGIN = regex(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_MOST = 100_000  # characters: a chain of certificates is far shorter
_SEQUENCE, _SET, _OID, _VERSION = 0x30, 0x31, 0x06, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_COMMON_NAME = b"\x55\x04\x03"  # 2.5.4.3
_UTF16 = 0x1E  # BMPString; all other kinds of text are read as UTF-8


class Certificate(msgspec.Struct, frozen=True):
    """The last day on which it is valid, and the common name of its issuer (empty if that has none)."""

    last_day: date
    issuer: str


class _Element(msgspec.Struct, frozen=True):
    tag: int
    content: bytes
    rest: bytes


class _Read(msgspec.Struct, frozen=True):
    """A certificate, and the names of its issuer and its subject as they are encoded."""

    certificate: Certificate
    issuer: bytes
    subject: bytes


def certificate_in(text: str) -> Certificate | None:
    """The certificate that a PEM text is about, which may be encoded in base64 once more; None if any is not readable.

    Of a chain, in any order, that is the one that issued no other; of several such the one that expires first.
    """
    if len(text) > _MOST:
        return None
    plain = text if _BEGIN.search(text) else _decoded(text).decode("ascii", "replace")
    encoded = _PEM.findall(plain)
    if not encoded or len(encoded) != len(_BEGIN.findall(plain)):
        return None
    try:
        chain = [_certificate(_decoded(one)) for one in encoded]
    except (ValueError, IndexError):
        return None
    ends = [one for one in chain if not any(one.subject == other.issuer for other in chain if other is not one)]
    return min((one.certificate for one in ends or chain), key=lambda one: one.last_day)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _certificate(der: bytes) -> _Read:
    fields = _inner(_inner(der, _SEQUENCE), _SEQUENCE)
    if fields[0] == _VERSION:
        fields = _element(fields).rest
    serial_and_algorithm = _element(_element(fields).rest)
    issuer = _element(serial_and_algorithm.rest)
    validity = _element(issuer.rest)
    if validity.tag != _SEQUENCE:
        raise ValueError("another element was expected")
    last_day = _day(_element(_element(validity.content).rest))
    subject = _element(validity.rest)
    return _Read(Certificate(last_day, _common_name(issuer.content)), issuer.content, subject.content)


def _inner(data: bytes, tag: int) -> bytes:
    """What is in the first element of ``data``, which must have this tag."""
    found = _element(data)
    if found.tag != tag:
        raise ValueError("another element was expected")
    return found.content


def _element(data: bytes) -> _Element:
    """The first element of ``data``, and what follows it. Raises ValueError or IndexError where it is cut off."""
    length, start = data[1], 2
    if length > 0x7F:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("it is cut off")
    return _Element(data[0], data[start : start + length], data[start + length :])


def _day(time: _Element) -> date:
    text = time.content.decode("ascii")
    if time.tag == _UTC_TIME:
        # RFC 5280 section 4.1.2.5.1: years from 50 on are 19YY.
        text = ("19" if text[:2] >= "50" else "20") + text
    elif time.tag != _GENERALIZED_TIME:
        raise ValueError("it is no time")
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _common_name(name: bytes) -> str:
    while name:
        group = _element(name)
        name = group.rest
        attribute = _inner(group.content, _SEQUENCE) if group.tag == _SET else b""
        kind = _element(attribute) if attribute else None
        if kind is not None and (kind.tag, kind.content) == (_OID, _COMMON_NAME):
            text = _element(kind.rest)
            return text.content.decode("utf-16-be" if text.tag == _UTF16 else "utf-8", "replace")
    return ""

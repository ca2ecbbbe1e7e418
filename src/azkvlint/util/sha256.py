"""SHA-256 without OpenSSL, which takes longer to load than a small plan takes to check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast


def _sha256() -> Callable[..., Any]:
    """Return Python's own implementation if it exists, else hashlib's."""
    from importlib import import_module

    for name in ("_sha2", "_sha256"):  # since Python 3.12, and before
        try:
            return cast("Callable[..., Any]", import_module(name).sha256)
        except (ImportError, AttributeError):
            continue
    from hashlib import sha256

    return sha256


_HASH = _sha256()


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 digest in hexadecimal."""
    return cast("str", _HASH(data).hexdigest())


def sha256_of(parts: Iterable[bytes]) -> str:
    """Return the SHA-256 digest of data that comes in parts, in hexadecimal."""
    found = _HASH()
    for part in parts:
        found.update(part)
    return cast("str", found.hexdigest())

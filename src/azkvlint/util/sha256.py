"""SHA-256 without OpenSSL, which takes longer to load than a small plan takes to be judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast


def _sha256() -> Callable[..., Any]:
    """Return Python's own implementation where there is one, else that of the standard library."""
    from importlib import import_module

    for name in ("_sha2", "_sha256"):  # from Python 3.12 on, and before
        try:
            return cast("Callable[..., Any]", import_module(name).sha256)
        except (ImportError, AttributeError):
            continue
    from hashlib import sha256

    return sha256


_HASH = _sha256()


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of some bytes in hex digits."""
    return cast("str", _HASH(data).hexdigest())

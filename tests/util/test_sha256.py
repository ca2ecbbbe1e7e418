"""The hash of fingerprints: whoever computes it, it is SHA-256."""

from __future__ import annotations

import hashlib
import sys

import pytest

from azkvlint.util import sha256


@pytest.mark.parametrize("data", [b"", b"kvlint", "\u00e9\U0001f511".encode() * 1000])
def test_digest_is_sha_256(data: bytes) -> None:
    assert sha256.sha256_hex(data) == hashlib.sha256(data).hexdigest()


def test_also_where_python_has_no_implementation_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_sha2", "_sha256"):
        monkeypatch.setitem(sys.modules, name, None)
    assert sha256._sha256() is hashlib.sha256

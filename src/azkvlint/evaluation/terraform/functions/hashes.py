"""Hashes, and what only random numbers or keys tell."""

from __future__ import annotations

from collections.abc import Callable

from azkvlint.evaluation.terraform.functions.files import of_file
from azkvlint.evaluation.terraform.functions.table import Data, Function, InvalidCall, Unknowable
from azkvlint.util.lazy_regex import regex

_NAMESPACES = {
    "dns": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "url": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
    "oid": "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
    "x500": "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
}
_UUID = regex(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TEXT, _TEXTS = ("string",), ("string", "string")


def _digest(name: str, text: str) -> bytes:
    import hashlib

    return hashlib.new(name, text.encode("utf-8"), usedforsecurity=False).digest()


def _hex(name: str) -> Callable[[str], str]:
    return lambda text: _digest(name, text).hex()


def _base64(name: str) -> Callable[[str], str]:
    def run(text: str) -> str:
        from base64 import b64encode

        return b64encode(_digest(name, text)).decode()

    return run


def _uuid5(namespace: str, name: str) -> str:
    from uuid import UUID, uuid5

    space = _NAMESPACES.get(namespace, namespace)
    if _UUID.fullmatch(space) is None:
        raise InvalidCall("is given a namespace that is no UUID")
    return str(uuid5(UUID(space), name))


def _random(name: str) -> Callable[[], str]:
    return lambda: f"{name}() differs with every run"


def _decrypted() -> str:
    return "rsadecrypt() gives a secret, which is not looked at"


_NAMES = ("md5", "sha1", "sha256", "sha512")
FUNCTIONS: tuple[Function, ...] = (
    *(Data(name, 1, 1, _hex(name), kinds=_TEXT) for name in _NAMES),
    *(Data(f"base64{name}", 1, 1, _base64(name), kinds=_TEXT) for name in _NAMES[2:]),
    *(of_file(f"file{name}", _hex(name)) for name in _NAMES),
    *(of_file(f"filebase64{name}", _base64(name)) for name in _NAMES[2:]),
    Data("uuidv5", 2, 2, _uuid5, kinds=_TEXTS),
    Unknowable("uuid", 0, 0, _random("uuid"), steady=False),
    Unknowable("bcrypt", 1, 2, _random("bcrypt"), steady=False, secret=True),
    Unknowable("rsadecrypt", 2, 2, _decrypted, secret=True),
)

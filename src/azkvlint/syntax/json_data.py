"""Decode JSON of a known shape that comes from an input.

``msgspec`` raises exceptions of several kinds, and not all are its own: ``UnicodeDecodeError`` for bytes that are not
UTF-8, ``RecursionError`` for deep nesting. All decoding outside ``jsonc`` goes through this module or catches
``UNREADABLE``.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from azkvlint.util.errors import InputError

_T = TypeVar("_T")

UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)
"""What decoding raises for data that it cannot read."""


def decode_json(data: bytes | str, shape: type[_T]) -> _T:
    """Return the data as ``shape``. Raises InputError if it is not JSON, or of another shape."""
    try:
        return msgspec.json.decode(data, type=shape)
    except UNREADABLE as error:
        raise InputError(reason(error)) from error


def reason(error: Exception) -> str:
    """Return why data cannot be read, in words that hold no value of the input."""
    match error:
        case RecursionError():
            return "it is nested too deeply"
        case UnicodeError():
            return "it is not UTF-8 text"
        case OverflowError():
            return "a number in it is too large"
        case _:
            return str(error)

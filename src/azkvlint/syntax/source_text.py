"""The text of a source file: UTF-8, or what its byte order mark says."""

from __future__ import annotations

from azkvlint.syntax.positions import MarkedText
from azkvlint.util.errors import InputError

_UTF8, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


def source_text(data: bytes) -> str:
    """Return the same as ``decoded``, and keep in it whether it began with a byte order mark."""
    text = decoded(data)
    is_utf16 = data[:2] in _UTF16
    return MarkedText(text, is_utf8=not is_utf16) if is_utf16 or data.startswith(_UTF8) else text


def decoded(data: bytes) -> str:
    """Return the text of a file. Raises InputError if it is neither UTF-8 nor what its byte order mark says."""
    encoding = "utf-16" if data[:2] in _UTF16 else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError("it is not text in UTF-8") from error

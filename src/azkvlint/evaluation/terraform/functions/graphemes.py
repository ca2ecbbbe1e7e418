"""Texts as Terraform counts them: in what readers see as one character."""

from __future__ import annotations

from azkvlint.evaluation.terraform.functions.table import UnknownResult

_JOINED = frozenset({"Mn", "Me", "Mc", "Cf"})
_RANGES = ((0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF), (0x1F1E6, 0x1F1FF), (0x1F3FB, 0x1F3FF))


def clusters(text: str) -> list[str]:
    """The characters of a text. Raises UnknownResult for those that may join with others, which is not looked at."""
    if not text.isascii():
        import unicodedata

        for character in text:
            code = ord(character)
            if code > 0x7F and (
                unicodedata.category(character) in _JOINED or any(low <= code <= high for low, high in _RANGES)
            ):
                raise UnknownResult("a text with letters that are joined is not looked at")
    if "\r\n" not in text:
        return list(text)
    found: list[str] = []
    for character in text:
        if character == "\n" and found and found[-1] == "\r":
            found[-1] = "\r\n"
        else:
            found.append(character)
    return found

"""Patterns for paths, as ``.gitignore`` knows them, and for addresses of resources.

A match takes time in proportion to pattern and text, whatever the pattern: configuration files may be anybody's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_ANY_DEPTH = "**"
_NEVER = re.compile(r"(?!)")
_MAX_LENGTH = 1_000


class PathGlob:
    """A pattern for paths below one folder: ``legacy/``, ``*.bak.tf``, ``/infra/**/test``.

    ``*`` and ``?`` stand for characters of one name, ``[a-z]`` for one of them, ``**`` for any number of folders; a
    backslash takes a character as it is. Without a slash before its end a pattern is about a name at any depth, with
    one about a path from the folder; with one at its end, about folders only. What lies in a folder that matches does.

    Raises ValueError, whose text says what is wrong, for what is no pattern.
    """

    def __init__(self, pattern: str) -> None:
        text = _strip(pattern)
        if text.startswith("!"):
            raise ValueError(r"a pattern cannot be taken back by '!'; '\!' is the character")
        self._folders_only = text.endswith("/")
        parts = [part for part in text.strip("/").split("/") if part != "."]
        if ".." in parts:
            raise ValueError("'..' leads out of the folder")
        if not any(parts):
            raise ValueError("it is empty")
        if "/" not in text.rstrip("/"):
            parts.insert(0, _ANY_DEPTH)
        self._parts = [None if part == _ANY_DEPTH else _compile_name(part) for part in parts]

    def matches(self, path: str, is_folder: bool = False) -> bool:
        """Return whether it is about ``path`` (POSIX, below the folder), or about a folder that this lies in."""
        names = path.split("/")
        return _match_parts([*self._parts, None], names) or self.matches_itself(path, is_folder)

    def matches_itself(self, path: str, is_folder: bool) -> bool:
        """Return whether it is about ``path`` itself: for those who come through all folders above."""
        return (is_folder or not self._folders_only) and _match_parts(self._parts, path.split("/"))


def _match_parts(parts: Sequence[re.Pattern[str] | None], names: Sequence[str]) -> bool:
    """Return whether the parts of a pattern match names; None matches any number, at the end one or more.

    Only the None that was met last ever needs another try: what it skips, those before it need not.
    """
    part = name = 0
    again: tuple[int, int] | None = None
    while name < len(names):
        pattern = parts[part] if part < len(parts) else _NEVER
        if pattern is None and part == len(parts) - 1:
            return True
        if pattern is None:
            again, part = (part, name), part + 1
        elif pattern.fullmatch(names[name]):
            part, name = part + 1, name + 1
        elif again is not None:
            again = (again[0], again[1] + 1)
            part, name = again[0] + 1, again[1]
        else:
            return False
    return part == len(parts)


class AddressGlob:
    """A pattern for addresses: ``module.app["*"].azurerm_key_vault.kv``; only ``*`` stands for other characters.

    Without keys of instances it is about all instances.
    """

    def __init__(self, pattern: str) -> None:
        parts = re.split(r"(\*)", _strip(pattern))
        if parts == [""]:
            raise ValueError("it is empty")
        self._pattern = _compile([None if part == "*" else part for part in parts])

    def matches(self, address: str, static: str) -> bool:
        """Return whether it is about what has this address, which without keys of instances is ``static``."""
        return self._pattern.fullmatch(address) is not None or self._pattern.fullmatch(static) is not None


def _strip(pattern: str) -> str:
    if len(pattern) > _MAX_LENGTH:
        raise ValueError(f"it is longer than {_MAX_LENGTH:,} characters")
    return pattern.strip()


@lru_cache(maxsize=512)
def _compile_name(part: str) -> re.Pattern[str]:
    """Return the pattern of one name of a path."""
    found: list[str | None] = []
    at = 0
    while at < len(part):
        char, at = part[at], at + 1
        if char == "*":
            found.append(None)
        elif char == "?":
            found.append("\0")
        elif char == "[" and (end := part.find("]", at + 1 + part.startswith("!", at))) > 0:
            found.append(f"\0{part[at:end]}")
            at = end + 1
        else:
            if char == "\\" and at < len(part):
                char, at = part[at], at + 1
            found.append(char)
    return _compile(found)


def _compile(parts: Sequence[str | None]) -> re.Pattern[str]:
    r"""Return a pattern of literal texts, None for any text, ``\0`` for any character and ``\0a-z`` for one of a set.

    Between two of the first the shortest way is taken and never another: where what follows fits after that, it also
    fits after any longer one, and to go back would take time without end.
    """
    runs: list[list[str]] = [[]]
    for part in parts:
        if part is None:
            runs.append([])
        else:
            runs[-1].append(_compile_part(part))
    texts = ["".join(run) for run in runs]
    if len(texts) == 1:
        return re.compile(texts[0], re.DOTALL)
    middle = "".join(f"(?>.*?{text})" for text in texts[1:-1] if text)
    return re.compile(f"{texts[0]}{middle}.*{texts[-1]}", re.DOTALL)


def _compile_part(part: str) -> str:
    if not part.startswith("\0"):
        return re.escape(part)
    chars = part[1:]
    if not chars:
        return "."
    negated = chars.startswith("!")
    inner = "".join(char if char == "-" else re.escape(char) for char in chars[negated:])
    # Two hyphens in a row may mean something else to Python one day, of which it warns.
    if "--" in inner:
        raise ValueError(f"'[{chars}]' is no set of characters")
    try:
        re.compile(f"[{inner}]")
    except re.error as error:
        raise ValueError(f"'[{chars}]' is no set of characters") from error
    return f"[{'^' if negated else ''}{inner}]"

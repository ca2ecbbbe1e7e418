"""Match paths with patterns in ``.gitignore`` syntax, and resource addresses with ``*``.

Matching is linear in pattern and string for every pattern, because configuration files may be untrusted.
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

    ``*`` and ``?`` match characters of one name, ``[a-z]`` one of a set, ``**`` any number of folders; a backslash
    escapes the next character. A pattern without an inner slash matches a name at any depth, other patterns match a
    path from the folder; with a trailing slash it matches folders only. Everything in a matching folder matches. Raise
    ValueError with the reason for an invalid pattern.
    """

    def __init__(self, pattern: str) -> None:
        text = _strip(pattern)
        if text.startswith("!"):
            raise ValueError(r"negation with `!` is not supported; `\!` matches the character")
        self._folders_only = text.endswith("/")
        parts = [part for part in text.strip("/").split("/") if part != "."]
        if ".." in parts:
            raise ValueError("`..` leads out of the folder")
        if not any(parts):
            raise ValueError("the pattern is empty")
        if "/" not in text.rstrip("/"):
            parts.insert(0, _ANY_DEPTH)
        self._parts = [None if part == _ANY_DEPTH else _compile_name(part) for part in parts]

    def matches(self, path: str, is_folder: bool = False) -> bool:
        """Return whether the pattern matches ``path`` (POSIX, relative to the folder) or a folder above it."""
        names = path.split("/")
        return _match_parts([*self._parts, None], names) or self.matches_itself(path, is_folder)

    def matches_itself(self, path: str, is_folder: bool) -> bool:
        """Return whether the pattern matches ``path`` itself, for callers that have checked all folders above."""
        return (is_folder or not self._folders_only) and _match_parts(self._parts, path.split("/"))


def _match_parts(parts: Sequence[re.Pattern[str] | None], names: Sequence[str]) -> bool:
    """Return whether the parts of a pattern match names; None matches any number of names, at the end one or more.

    Only the last None needs another attempt: the names that it skips need no match of an earlier None.
    """
    part = name = 0
    retry: tuple[int, int] | None = None
    while name < len(names):
        pattern = parts[part] if part < len(parts) else _NEVER
        if pattern is None and part == len(parts) - 1:
            return True
        if pattern is None:
            retry, part = (part, name), part + 1
        elif pattern.fullmatch(names[name]):
            part, name = part + 1, name + 1
        elif retry is not None:
            retry = (retry[0], retry[1] + 1)
            part, name = retry[0] + 1, retry[1]
        else:
            return False
    return part == len(parts)


class AddressGlob:
    """A pattern for addresses: ``module.app["*"].azurerm_key_vault.kv``; ``*`` is the only wildcard.

    A pattern without instance keys matches all instances.
    """

    def __init__(self, pattern: str) -> None:
        parts = re.split(r"(\*)", _strip(pattern))
        if parts == [""]:
            raise ValueError("the pattern is empty")
        self._pattern = _compile([None if part == "*" else part for part in parts])

    def matches(self, address: str, static: str) -> bool:
        """Return whether the pattern matches an address, or ``static``, the same address without instance keys."""
        return self._pattern.fullmatch(address) is not None or self._pattern.fullmatch(static) is not None


def _strip(pattern: str) -> str:
    if len(pattern) > _MAX_LENGTH:
        raise ValueError(f"the pattern is longer than {_MAX_LENGTH:,} characters")
    return pattern.strip()


@lru_cache(maxsize=512)
def _compile_name(part: str) -> re.Pattern[str]:
    parts: list[str | None] = []
    offset = 0
    while offset < len(part):
        char, offset = part[offset], offset + 1
        if char == "*":
            parts.append(None)
        elif char == "?":
            parts.append("\0")
        elif char == "[" and (end := part.find("]", offset + 1 + part.startswith("!", offset))) > 0:
            parts.append(f"\0{part[offset:end]}")
            offset = end + 1
        else:
            if char == "\\" and offset < len(part):
                char, offset = part[offset], offset + 1
            parts.append(char)
    return _compile(parts)


def _compile(parts: Sequence[str | None]) -> re.Pattern[str]:
    r"""Compile a pattern of literal strings, None for any string, ``\0`` for any character, ``\0a-z`` for one of a set.

    Each None but the last matches as little as possible, without backtracking: if the rest matches after a longer
    match, it also matches after the shortest.
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
    # Python warns that two hyphens in a row may get another meaning.
    if "--" in inner:
        raise ValueError(f"`[{chars}]` is not a valid character set")
    try:
        re.compile(f"[{inner}]")
    except re.error as error:
        raise ValueError(f"`[{chars}]` is not a valid character set") from error
    return f"[{'^' if negated else ''}{inner}]"

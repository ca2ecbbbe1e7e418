"""Decide whether a value may be shown: by its name, by its form, by its type, or by its declaration.

The rooms above do not import ``util.secret_names``, which has what the model needs. Which properties of a resource are
secret is in the tables of Azure and its providers.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias

from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex
from azkvlint.util.secret_names import (
    contains_secret,
    describes_secret,
    is_harmless,
    is_secret_name,
    known_forms,
    letters_of,
    may_contain_secret_name,
    shows_secret,
)

__all__ = [
    "NAME", "SENSITIVE", "Span", "Spans", "contains_secret", "contains_value", "describes_secret", "ends_with_name",
    "has_literal", "is_content", "is_harmless", "is_marked", "is_recognizable", "is_secure_type", "known_forms",
    "marks_secret", "may_contain_secret", "may_name_secret", "may_name_value", "names_secret", "names_value",
    "secret_spans", "shows_secret", "suggests_secret", "text_of_key",
]  # fmt: skip
Span: TypeAlias = tuple[int, int]

# What a key is for, or where it belongs, in the names of keys that are secret.
_KINDS_OF_KEYS = (
    "access", "account", "api", "auth", "authorization", "client", "encryption", "function", "functions", "master",
    "primary", "private", "secondary", "shared", "signing", "storage", "subscription",
)  # fmt: skip
# The lookahead runs once, from the start of a name: on a long name more attempts would be quadratic.
NAME = (
    r"(?=(?:(?:proxy_)?authorization|(?:set_)?cookie)(?![\w-])"
    r"|\w*?(?=[acefmpstv])(?:contents|password|passwd|passphrase|(?<!by)pass(?![a-z])|pfx|psk|pwd|secret|token"
    r"|credential|connection_?string|sas|signature|value"
    rf"|(?:{'|'.join(_KINDS_OF_KEYS)})_?key))"
)
"""The pattern of a name that suggests a secret, from the start of a word."""

# One of these is in each such name, except for the names of keys.
_PARTS = (
    "value", "secret", "pass", "token", "contents", "pfx", "psk", "pwd", "credential", "connection", "sas", "signature",
    "authorization", "cookie",
)  # fmt: skip
_SEPARATOR = regex(r"\W")
_NAMES = regex(NAME, re.IGNORECASE)
# One of these is in each of them without an address.
_PARTS_OF_CREDENTIALS = ("password", "pwd", "accountkey", "sharedaccess", "sig")
# Longer names are not kept.
_MAX_LENGTH = 200
# A permission is not a secret (``secret_permissions``), and neither are ``secret_properties``.
_NO_SECRET = ("permissions", "properties")
_SECRET_MEMBERS = frozenset({"securevalue", "protectedsettings", "protectedparameters"})
# The function of Terraform that marks a value as secret.
SENSITIVE = "sensitive"
_FALSE = (False, "false", None)


def suggests_secret(name: str) -> bool:
    """Return whether a name suggests a secret, so that no excerpt shows its value. Errs on the side of hiding."""
    return _suggests_secret(name) if len(name) <= _MAX_LENGTH else _suggests_secret.__wrapped__(name)


@lru_cache(4096)
def _suggests_secret(name: str) -> bool:
    return _NAMES.match(_SEPARATOR.sub("_", name)) is not None


def may_name_secret(text: str) -> bool:
    """Return whether a text may contain a name that suggests a secret. A search for names takes seven times as long."""
    if not text.isascii():
        # Other letters than those of ASCII may equal them if case is ignored.
        return True
    lower = text.lower()
    if any(part in lower for part in _PARTS):
        return True
    return "key" in lower and any(kind in lower for kind in _KINDS_OF_KEYS)


def may_contain_secret(text: str) -> bool:
    """Return whether a string in a text may contain a secret by its form. A search takes much longer."""
    if "=" not in text and "@" not in text:
        return False
    if not text.isascii() or "://" in text or "?" in text or "&" in text:
        return True
    lower = text.lower()
    return any(part in lower for part in _PARTS_OF_CREDENTIALS)


def names_secret(name: object) -> bool:
    """Return whether an excerpt hides the value of a name."""
    return isinstance(name, str) and suggests_secret(name) and not name.lower().endswith(_NO_SECRET)


@lru_cache(4096)
def names_value(name: str) -> bool:
    """Return whether the value of a declaration or member is a secret, by its name. Narrower than ``names_secret``."""
    return is_secret_name(name) or name.replace("_", "").lower() in _SECRET_MEMBERS


def may_name_value(text: str) -> bool:
    """Return whether ``names_value`` may accept a name in a text."""
    letters = letters_of(text)
    return may_contain_secret_name(letters) or any(member in letters for member in _SECRET_MEMBERS)


def is_secure_type(type_: object) -> bool:
    """Return whether a type is one of secrets: ``securestring``, ``secureObject``."""
    return isinstance(type_, str) and type_.lower().startswith("secure")


def is_marked(flags: Iterable[ast.Expression | None]) -> bool:
    """Return whether a declaration is secret, or may be, by arguments that are not certainly false."""
    return not all(node is None or (isinstance(node, ast.Literal) and node.value in _FALSE) for node in flags)


def marks_secret(node: ast.Call) -> bool:
    """Return whether a call marks its argument as secret, with a namespace or without one: ``core::sensitive()``."""
    return node.name.rpartition("::")[2] == SENSITIVE


def secret_spans(node: ast.Node, is_secret: bool = False) -> Iterator[Span]:
    """Yield what is secret in an expression, each value as a whole. ``is_secret``: all of it is.

    Operators make expressions deeper than the recursion limit, so the nodes are on a stack.
    """
    stack = [] if is_secret else [node]
    if is_secret and has_literal(node):
        yield node.start, node.end
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Literal):
            if type(node.value) is str and contains_secret(node.value):
                yield node.start, node.end
        elif isinstance(node, ast.Property):
            value = node.value
            if not names_secret(text_of_key(node.key)):
                stack.append(value)
            elif has_literal(value):
                yield value.start, value.end
        elif isinstance(node, ast.Call) and marks_secret(node) and has_literal(node):
            yield node.start, node.end
        else:
            stack += reversed(ast.children(node))


def has_literal(node: ast.Node) -> bool:
    """Return whether an expression holds a string or number of its own."""
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Literal):
            if is_content(node.value):
                return True
        elif (
            isinstance(node, ast.Item) and isinstance(node.index, ast.Literal) and not isinstance(node.index.value, str)
        ):
            stack.append(node.of)
        else:
            stack += ast.children(node)
    return False


def is_content(value: object) -> bool:
    """Return whether a literal may be a secret: a string that is not harmless, or a number."""
    if isinstance(value, str):
        return bool(value) and not is_harmless(value)
    return value is not None and not isinstance(value, bool)


def text_of_key(key: str | ast.Node) -> str:
    """Return a key as far as its text is written."""
    if isinstance(key, str):
        return key
    if isinstance(key, ast.Literal):
        return str(key.value)
    return "".join(map(text_of_key, ast.children(key))) if isinstance(key, ast.Template) else ""


# What names the string that follows it: ``password: ``, ``"clientSecret": "``, ``AccountKey=``, ``https://user:``. The
# member ``value`` of JSON is that of a secret as well as of a parameter.
_BEFORE = regex(
    r"(?:(?<![\w.-])(?P<name>[\w.-]{1,100})[\"']?[ \t]{0,9}[:=][ \t]{0,9}\\?[\"']?"
    r"(?:(?:Bearer|Basic|SharedKey)[ \t]{1,9})?"
    r"|://[^\s/@:]{0,100}:)\Z",
    re.IGNORECASE,
)
_MOST_BEFORE = 300


def ends_with_name(text: str) -> bool:
    """Return whether the end of a text shows that a secret follows."""
    match = _BEFORE.search(text[-_MOST_BEFORE:])
    if match is None:
        return False
    name = match["name"]
    return name is None or name.lower() == "value" or names_value(name)


# Words and short numbers occur in names by chance.
_WORDS, _LEAST_TELLING = regex(r"(?:(?:(?:[A-Z]?+[a-z]++)++|[0-9]{1,4}+)(?:[-_. /]|$))++"), 8


def contains_value(name: str, value: str) -> bool:
    """Return whether the name or address of a resource contains a secret value: as the key of an instance, or in it."""
    if value and f'["{value}"]' in name:
        return True
    return value.lower() in name.lower() and is_recognizable(value)


def is_recognizable(value: str) -> bool:
    """Return whether a value does not occur in other strings by chance."""
    return len(value) >= _LEAST_TELLING and _WORDS.fullmatch(value) is None


class Spans:
    """Stretches of one text, of which those that overlap are one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans: list[Span] = []
        for start, end in sorted(spans):
            if self._spans and start <= self._spans[-1][1]:
                self._spans[-1] = (self._spans[-1][0], max(end, self._spans[-1][1]))
            else:
                self._spans.append((start, end))

    def within(self, low: int, high: int) -> list[Span]:
        """Return those that reach between two offsets."""
        if not self._spans:
            return []
        first = max(bisect_left(self._spans, (low,)) - 1, 0)
        return [span for span in self._spans[first : bisect_left(self._spans, (high,))] if span[1] > low]

"""Patterns from their text form, for tests: the package itself never parses it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from azkvlint.model.pattern import (
    DEPLOYMENT,
    TERRAFORM,
    Hole,
    Pattern,
    Text,
    access,
    declared_hole,
    hole,
    join_texts,
    pattern_from,
)
from azkvlint.model.value import Answer

OPEN, CLOSE, SLASH = "\u27e8", "\u27e9", "\u2215"
_TERRAFORM = re.compile(r"((?:module\.\w+\.)*(?P<type>(?:data\.)?[a-z]+_[a-z_]+)\.\w+)\.(?P<path>.+)")


def text_of_form(form: str) -> Text:
    """Return a text from its text form."""
    return join_texts(_hole(part) if part.startswith(OPEN) else part for part in parts(form))


def pattern_of_form(form: str) -> Pattern | None:
    """Return a pattern from its text form; None for an empty one."""
    return pattern_from(text_of_form(form))


def text_in_braces(value: Answer) -> str:
    """Return the text of a value, or its pattern with each hole, at any depth, in braces."""
    return in_braces(value.text)


def in_braces(form: str) -> str:
    """Return a text form with braces in place of brackets."""
    return form.replace(OPEN, "{").replace(CLOSE, "}")


def from_braces(text: str, braces: str = "{}") -> Pattern | None:
    """Return the pattern of a text whose holes are in braces, or between two other characters; None if it is empty."""
    return pattern_of_form(text.translate(str.maketrans(braces, OPEN + CLOSE)))


def parts(form: str) -> Iterator[str]:
    """Yield the known texts and the holes of a text form."""
    depth = start = 0
    for number, character in enumerate(form):
        if character == OPEN:
            if depth == 0 and number > start:
                yield form[start:number]
            start = start if depth else number
            depth += 1
        elif character == CLOSE and depth:
            depth -= 1
            if depth == 0:
                yield form[start : number + 1]
                start = number + 1
    if start < len(form):
        yield form[start:]


def _hole(form: str) -> Hole:
    first, *others = parts(form[1:-1])
    if first.startswith(OPEN) and others:
        return access(_hole(first), "".join(others))
    inner = form[1:-1].replace(SLASH, "/")
    found = _TERRAFORM.fullmatch(inner)
    if found is not None:
        return declared_hole(TERRAFORM, found[1], found["path"], found["type"])
    if "/" in inner:
        above, _, last = inner.rpartition("/")
        name, _, path = last.partition(".")
        return declared_hole(DEPLOYMENT, text_of_form(f"{above}/{name}"), path)
    return declared_hole("", inner) if re.fullmatch(r"[\w.]+", inner) else hole(text_of_form(form[1:-1]))

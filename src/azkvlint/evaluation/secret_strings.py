"""Strings that no message shows, because their name indicates a secret, or because they are made of such a string.

The rules do not treat them as secrets: only a declaration does (``sensitive``, ``secureString``, ``@secure()``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from azkvlint.evaluation.values import Fields, Items, Result, pieces
from azkvlint.model.value import Scalar, Unknown
from azkvlint.util.secret_names import describes_secret, is_secret_name

# Of a larger value only so many parts are visited: no message shows more of them.
_MOST = 10_000
# Functions may be called in a loop over what they are given.
_MOST_GIVEN = 1_000


class SecretTexts:
    """The texts of one input that no message shows."""

    def __init__(self) -> None:
        self.texts: set[str] = set()

    def note(self, name: str, found: Result) -> None:
        """Record the strings of a value with a name, and those of the values in it."""
        if isinstance(found, Fields | Items) or is_secret_name(name):
            self.texts.update(_texts([found], _MOST, is_secret=is_secret_name(name)))

    def follow(self, arguments: Iterable[Result], made: Result) -> None:
        """Record the strings that a function makes of recorded ones, but not those that it only picks."""
        if not self.texts:
            return
        arguments = list(arguments)
        given = set(_texts(arguments, _MOST_GIVEN))
        if not self.texts.isdisjoint(given):
            names = {name for one in arguments if isinstance(one, Fields) for name in one.fields}
            self.texts.update(text for text in _texts([made], _MOST) if text not in given and text not in names)


def _texts(results: Iterable[Result], most: int, is_secret: bool = True) -> Iterator[str]:
    waiting = [(one, is_secret) for one in results]
    for _ in range(most):
        if not waiting:
            return
        here, secret = waiting.pop()
        if isinstance(here, Fields):
            waiting += [
                (item, is_secret_name(name) or (secret and not describes_secret(name)))
                for name, item in here.fields.items()
            ]
        elif isinstance(here, Items):
            waiting += [(item, secret) for item in here.items]
        elif isinstance(here, Scalar) and secret and not here.sensitive and not isinstance(here.value, bool):
            yield str(here.value)
        elif isinstance(here, Unknown) and secret and not here.sensitive:
            yield from map(str, here.one_of)
            yield from (text for text, is_hole in pieces(here.pattern) if not is_hole)

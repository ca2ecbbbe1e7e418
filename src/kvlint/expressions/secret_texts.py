"""Texts that no message shows, because they go by a name that speaks of a secret, or are made of such a one.

They are no secrets to the rules: only a declaration (``sensitive``, ``secureString``, ``@secure()``) decides that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kvlint.expressions.values import Fields, Items, Result, pieces
from kvlint.model.value import Scalar, Unknown
from kvlint.secret_names import holds_secret, is_about_secret

# Of a larger value only so many parts are looked at: no message shows more of them.
_MOST = 10_000


class SecretTexts:
    """The texts of one input that no message shows."""

    def __init__(self) -> None:
        self.texts: set[str] = set()

    def note(self, name: str, found: Result) -> None:
        """Take note of what goes by a name, and of what in it does."""
        if isinstance(found, Fields | Items) or holds_secret(name):
            self.texts.update(_texts(found, holds_secret(name)))

    def follow(self, arguments: Iterable[Result], made: Result) -> None:
        """Take note of what a function makes of them."""
        if self.texts and any(text in self.texts for one in arguments for text in _texts(one, is_secret=True)):
            self.texts.update(_texts(made, is_secret=True))


def _texts(found: Result, is_secret: bool) -> Iterator[str]:
    waiting = [(found, is_secret)]
    for _ in range(_MOST):
        if not waiting:
            return
        here, secret = waiting.pop()
        if isinstance(here, Fields):
            waiting += [
                (item, holds_secret(name) or (secret and not is_about_secret(name)))
                for name, item in here.fields.items()
            ]
        elif isinstance(here, Items):
            waiting += [(item, secret) for item in here.items]
        elif isinstance(here, Scalar) and secret and not here.sensitive and not isinstance(here.value, bool):
            yield str(here.value)
        elif isinstance(here, Unknown) and secret and not here.sensitive:
            yield from map(str, here.one_of)
            yield from (text for text, is_hole in pieces(here.pattern) if not is_hole)

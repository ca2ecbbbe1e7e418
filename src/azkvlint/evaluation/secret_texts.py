"""The texts of an input that no message shows, because of a name, or because they are made of such texts.

The rules do not treat them as secrets: only a declaration does (``sensitive``, ``secureString``, ``@secure()``).
"""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.pattern import is_one_hole, parts_of
from azkvlint.model.value import Absent, Scalar, Unknown
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
        is_secret = is_secret_name(name)
        if is_secret or isinstance(found, (Fields, Items)):
            self.texts.update(_texts([(found, is_secret)], _MOST))

    def follow(self, arguments: Iterable[Result], made: Result) -> None:
        """Record the strings that a function makes of recorded ones, but not those that it only picks."""
        if not self.texts:
            return
        arguments = list(arguments)
        if not any(map(self._may_have_part, arguments)):
            return
        waiting = [(one, True) for one in arguments if not _is_without_text(one)]
        given = _texts(waiting, _MOST_GIVEN) if waiting else ()
        if not self.texts.isdisjoint(given):
            known = set(given).union(*(one.fields for one in arguments if isinstance(one, Fields)))
            self.texts.update(text for text in _texts([(made, True)], _MOST) if text not in known)

    def _may_have_part(self, one: Result) -> bool:
        """Return whether a recorded string may be a part of a value: of most arguments that is known at once."""
        kind = type(one)
        if kind is Scalar:
            return str(one.value) in self.texts  # type: ignore[union-attr]  # mypy does not narrow by type()
        if kind is Unknown and not one.one_of:  # type: ignore[union-attr]  # the same
            return any(part in self.texts for part in parts_of(one.pattern) if isinstance(part, str))  # type: ignore[union-attr]  # the same
        return kind is not Absent


def _is_without_text(one: Result) -> bool:
    """Return whether a value is unknown as a whole, as most arguments of functions are."""
    return type(one) is Unknown and not one.one_of and is_one_hole(one.pattern)


def _texts(waiting: list[tuple[Result, bool]], most: int) -> list[str]:
    """Return the strings in values, of which each is secret as a whole or not, as far as they are secret."""
    texts: list[str] = []
    for _ in range(most):
        if not waiting:
            break
        here, secret = waiting.pop()
        if isinstance(here, Fields):
            waiting += [
                (item, is_secret_name(name) or (secret and not describes_secret(name)))
                for name, item in here.fields.items()
            ]
        elif isinstance(here, Items):
            waiting += [(item, secret) for item in here.items]
        elif not secret:
            continue
        elif isinstance(here, Scalar) and not here.sensitive and not isinstance(here.value, bool):
            texts.append(str(here.value))
        elif isinstance(here, Unknown) and not here.sensitive:
            texts += map(str, here.one_of)
            if not is_one_hole(here.pattern):
                texts += [part for part in parts_of(here.pattern) if isinstance(part, str)]
    return texts

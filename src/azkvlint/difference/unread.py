"""What a side may declare in files that cannot be read: it is unknown, and neither new, gone, destroyed nor lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from azkvlint.difference.inputs import BASE, HEAD
from azkvlint.difference.sides import RootState, Side
from azkvlint.model.finding import INPUT_INCOMPLETE, INPUT_UNREADABLE, Problem
from azkvlint.model.location import static_address
from azkvlint.readers.discover import BICEP, JSON, MODULE_ENDINGS, PARAMETERS
from azkvlint.util.text import visible

_NAMED = 3
_OF_TEMPLATES = (*JSON, *BICEP, *PARAMETERS)


def are_comparable(sides: Iterable[Side]) -> bool:
    """Return whether what can be read of the sides can be compared: each problem is about a file, and others are read.

    A report does not state what its results would be with the missing file.
    """
    return all(
        not side.errors
        or (side.access is not None and all(map(_is_of_file, side.errors)) and any(one.addresses for one in side.roots))
        for side in sides
    )


def _is_of_file(problem: Problem) -> bool:
    return problem.at is not None and problem.code in (INPUT_UNREADABLE, INPUT_INCOMPLETE)


class Doubts(NamedTuple):
    """What decides whether BASE or HEAD declares something of a root, in words; "" if the side is read completely.

    ``are_values_unread``: the parameter file of a side is not read completely, so any value may be another one.
    """

    base: str
    head: str
    are_values_unread: bool


class MissingModules(NamedTuple):
    """What decides whether BASE or HEAD declares something of a root in modules that only this side cannot read.

    ``base_calls`` and ``head_calls`` are the addresses of these modules in Terraform, where only they can declare what
    is at an address in them. In a template, they can declare anything.
    """

    base: str
    head: str
    base_calls: frozenset[str] = frozenset()
    head_calls: frozenset[str] = frozenset()

    def declared_in_base(self, address: str, *, is_terraform: bool) -> str:
        """Return what decides whether BASE declares what HEAD has at an address; "" if it certainly does not."""
        return self.base if not is_terraform or is_inside(address, self.base_calls) else ""

    def declared_in_head(self, address: str, *, is_terraform: bool) -> str:
        """Return what decides whether HEAD declares what BASE has at an address; "" if it certainly does not."""
        return self.head if not is_terraform or is_inside(address, self.head_calls) else ""


def is_inside(address: str, calls: Collection[str]) -> bool:
    """Return whether an address is in one of some calls of modules, in any instance of it."""
    return any(static_address(address).startswith(f"{call}.") for call in calls)


def missing_modules(before: RootState | None, after: RootState | None) -> MissingModules:
    """Return what the modules of a root decide that only one side cannot read. A version of a module is the same."""
    if before is None or after is None:
        return MissingModules("", "")
    counts = Counter(before.missing), Counter(after.missing)
    return MissingModules(
        _of_missing(counts[0] - counts[1], BASE),
        _of_missing(counts[1] - counts[0], HEAD),
        before.missing_calls - after.missing_calls,
        after.missing_calls - before.missing_calls,
    )


def _of_missing(messages: Iterable[str], side: str) -> str:
    # The problem states further on that nothing of the module is evaluated.
    names = sorted({message.partition(", so ")[0] for message in messages})
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"what {side} declares in modules that are not read: {', '.join(names[:_NAMED])}{more}"


class Unread:
    """The files of two sides that cannot be read, and the roots that these may belong to."""

    def __init__(self, base: Side, head: Side, relative: Sequence[Callable[[str], str]]) -> None:
        self._relative = relative
        self._loose = [_without_root(side, one) for side, one in zip((base, head), relative, strict=True)]

    def is_other_unread(self, path: str, *, is_base: bool) -> bool:
        """Return whether the other side has a path, but cannot read it."""
        return bool(path) and self._relative[not is_base](path) in self._loose[is_base]

    def of_pair(self, before: RootState | None, after: RootState | None) -> Doubts:
        """Return what decides whether a side declares something of a root of both sides, or of one alone."""
        base, head = self._doubt(0, before, after), self._doubt(1, after, before)
        if any(one is not None and one.world in one.unread for one in (before, after)):
            return Doubts(base or head, head or base, are_values_unread=True)
        return Doubts(base, head, are_values_unread=False)

    def _doubt(self, side: int, own: RootState | None, other: RootState | None) -> str:
        relative = self._relative[side]
        if own is not None:
            return _doubt(map(relative, own.unread), side)
        if other is None or not self._loose[side]:
            return ""
        places = {self._relative[1 - side](one) for one in (other.path, other.world) if one}
        return _doubt((places & self._loose[side]) or _of_language(other, self._loose[side]), side)


def _without_root(side: Side, relative: Callable[[str], str]) -> set[str]:
    """Return the files of which nothing could be read."""
    files = {one.at.path for one in side.errors if one.at is not None}
    return {relative(file) for file in files.difference(*(root.unread for root in side.roots))}


def _of_language(root: RootState, files: Collection[str]) -> list[str]:
    """Return the files that may have declared a root which is not there: a template, plan or module may be moved."""
    is_module = root.is_terraform and not root.path.lower().endswith(JSON)
    return [file for file in files if _is_of_module(file) == is_module]


def _is_of_module(file: str) -> bool:
    name = file.lower()
    return name.endswith(MODULE_ENDINGS) or not name.endswith(_OF_TEMPLATES)


def _doubt(files: Iterable[str], side: int) -> str:
    names = sorted(set(files))
    if not names:
        return ""
    shown = [f"`{visible(name)}`" for name in names[:_NAMED]]
    shown += [f"{len(names) - _NAMED} more files"] if len(names) > _NAMED else []
    text = " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)
    verb = "declares" if len(names) == 1 else "declare"
    return f"what {text} of {(BASE, HEAD)[side]} {verb}, which cannot be read"

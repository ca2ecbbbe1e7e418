"""The parts into which candidates are divided to decide on them: those of one part share resources, inputs or files."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

import msgspec

from azkvlint.fixes.batches import Pending
from azkvlint.fixes.proof import ProofFailure


class CandidateGroup(msgspec.Struct):
    """Candidates that are decided on together. ``names`` are those of their inputs and files."""

    names: set[str]
    resources: set[tuple[str, ...]]
    groups: list[list[Pending]]
    kept: list[Pending]

    def is_concerned(self, fault: ProofFailure) -> bool:
        """Return whether a fault is about an input or a file of the part."""
        return any(root in self.names for root, _ in fault.resources) or any(
            not self.names.isdisjoint((f"file {path}", path, path.rpartition("/")[0])) for path in fault.paths
        )


def one_part(parts: Sequence[CandidateGroup], groups: list[list[Pending]], kept: list[Pending]) -> CandidateGroup:
    """Return one part for several, with these groups."""
    names, resources = (part.names for part in parts), (part.resources for part in parts)
    return CandidateGroup(set().union(*names), set().union(*resources), groups, kept)


def join(parts: Sequence[CandidateGroup]) -> CandidateGroup:
    """Move everything to the first of several parts, and return it."""
    first, *others = parts
    for part in others:
        first.names |= part.names
        first.resources |= part.resources
        first.groups += part.groups
        first.kept += part.kept
        part.groups, part.kept = [], []
    return first


def separate(
    parts: Sequence[CandidateGroup], keys: Callable[[CandidateGroup], Iterable[Hashable]]
) -> list[CandidateGroup]:
    """Return parts of one group, merged where they have a key in common."""
    part_of: dict[Hashable, int] = {}
    found: dict[int, list[CandidateGroup]] = {}
    for number, part in enumerate(parts):
        near = dict.fromkeys(part_of[key] for key in keys(part) if key in part_of)
        found[number] = [*(other for one in near for other in found.pop(one)), part]
        part_of.update((key, number) for other in (found[number] if near else [part]) for key in keys(other))
    return [one_part(near, [[one for part in near for one in part.groups[0]]], []) for near in found.values()]


def blame(
    faults: Sequence[ProofFailure], active: Sequence[CandidateGroup]
) -> tuple[list[tuple[list[int], list[ProofFailure]]], list[int]]:
    """Return the faults with the parts of which one causes them, and the other parts that may cause faults.

    The cause of a fault of a resource is most likely a change of that resource or of one in its evidence, and otherwise
    of one that it refers to.
    """
    by_resource: dict[tuple[str, ...], list[int]] = {}
    for number, part in enumerate(active):
        for resource in part.resources:
            by_resource.setdefault(resource, []).append(number)
    blamed: list[tuple[list[int], list[ProofFailure]]] = []
    suspected: dict[int, None] = {}

    def of(resources: Iterable[tuple[str, ...]]) -> dict[int, None]:
        return dict.fromkeys(number for resource in resources for number in by_resource.get(resource, ()))

    pairs = [(fault, of((*fault.resources, *fault.related))) for fault in faults]
    # A reason for a refusal is about the resource itself, if there is one.
    pairs.sort(key=lambda pair: not pair[1])
    for fault, direct in pairs:
        numbers = direct or of(fault.linked)
        if not numbers:
            near = [number for number, part in enumerate(active) if part.is_concerned(fault)]
            suspected.update(dict.fromkeys(near or range(len(active))))
            continue
        same = [one for one in blamed if not numbers.keys().isdisjoint(one[0])]
        blamed = [one for one in blamed if one not in same]
        numbers.update((number, None) for one in same for number in one[0])
        blamed.append((sorted(numbers), [*(other for one in same for other in one[1]), fault]))
    of_blamed = {number for numbers, _ in blamed for number in numbers}
    return blamed, [number for number in suspected if number not in of_blamed]


def halves(parts: Sequence[CandidateGroup]) -> list[Sequence[CandidateGroup]]:
    """Return two halves of parts, of which the first is last."""
    middle = len(parts) // 2
    return [parts[middle:], parts[:middle]]

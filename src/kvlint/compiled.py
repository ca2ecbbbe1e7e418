"""A Bicep file and the template compiled from it: one deployment, told once, on the file that its author edits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from kvlint.judged import Judged, passed, placed, silenced
from kvlint.model.graph import Resource
from kvlint.model.report import Answers, Finding, Note
from kvlint.readers.reading import Read
from kvlint.suppress import EXPIRED, MALFORMED

_Key: TypeAlias = tuple[str, str, str]
# What is said of directives in the template.
_SAID = frozenset({MALFORMED, EXPIRED})


def merged(own: Judged, compiled: Judged, read: Read, known: Read) -> Judged:
    """What judging a Bicep file gave (``own``), and what only its template says (``compiled``).

    The template knows more where it holds a module of a registry: what the Bicep file leaves undecided, it decides.
    ``read`` and ``known`` are what was read of them.
    """
    here = {_name(resource): resource for resource in read.resources.values()}
    there = {_name(resource) for resource in known.resources.values()}
    failed = {_key(finding) for finding in own.findings + own.suppressed}
    decided = {_key(finding) for finding in compiled.findings}
    doubtful = {_key(finding) for finding in compiled.undecided}

    def is_answered(one: Finding) -> bool:
        return _key(one) in decided or (_named(one) in there and _key(one) not in doubtful)

    new = (one for one in compiled.findings + compiled.suppressed if _key(one) not in failed)
    told_here = [_moved(one, here.get(_named(one)), read) for one in new]
    findings = own.findings + [one for one in told_here if one.suppressed is None]
    undecided = [one for one in own.undecided if not is_answered(one)]
    undecided += (one for one in compiled.undecided if _named(one) not in here)
    problems = own.problems + [one for one in compiled.problems if one.level == "error" or one.code in _SAID]
    answers = own.answers
    if answers is not None and compiled.answers is not None:
        left = {_key(finding) for finding in findings + undecided}
        settled = (passed(finding) for finding in own.undecided if _key(finding) not in left)
        strangers = (one for one in compiled.answers.passes if _named(one) not in here)
        answers = _merged_answers(answers, compiled.answers, (*settled, *strangers))
    return msgspec.structs.replace(
        own,
        findings=findings,
        undecided=undecided,
        suppressed=own.suppressed + [one for one in told_here if one.suppressed is not None],
        problems=problems,
        read=own.read + compiled.read,
        unused=own.unused | compiled.unused,
        used=own.used | compiled.used,
        said=own.said + compiled.said,
        declarations=own.declarations + compiled.declarations,
        answers=answers,
    )


def _merged_answers(own: Answers, compiled: Answers, passes: Iterable[Finding]) -> Answers:
    """What both say together, each vault once: ``passes`` is what only the template says to hold."""
    known = {(vault.type.lower(), vault.name.lower()): vault.address for vault in own.vaults}
    same = {vault.address: known.get((vault.type.lower(), vault.name.lower())) for vault in compiled.vaults}

    def renamed(addresses: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(same.get(address) or address for address in addresses)

    owners = {
        key: msgspec.structs.replace(owner, certain=renamed(owner.certain), perhaps=renamed(owner.perhaps))
        for key, owner in compiled.owners.items()
    }
    return Answers(
        vaults=own.vaults + tuple(vault for vault in compiled.vaults if same[vault.address] is None),
        passes=(*own.passes, *passes),
        owners={**owners, **own.owners},
    )


def _name(resource: Resource) -> tuple[str, str]:
    """What a resource is called in both files."""
    return resource.type.lower(), resource.name.lower()


def _named(finding: Finding) -> tuple[str, str]:
    """The same of the resource that a finding is about."""
    return finding.type.lower(), finding.full_name.rpartition("/")[2].lower()


def _key(finding: Finding) -> _Key:
    return finding.rule.id, finding.type.lower(), finding.full_name.lower()


def _moved(finding: Finding, resource: Resource | None, read: Read) -> Finding:
    """A finding on the template, moved to the declaration that it was compiled from; suppressed if that says so."""
    if resource is None:
        return finding
    note = Note(text="compiled to this", at=finding.at)
    moved = msgspec.structs.replace(
        finding, at=resource.at, excerpt=None, related=(note, *finding.related), resource_at=resource.at
    )
    moved = placed(moved, read.places([resource.at]), read.root or read.path)
    is_off = moved.suppressed is None and read.is_suppressed(resource.at, finding.rule.id)
    return silenced(moved, moved.at) if is_off else moved

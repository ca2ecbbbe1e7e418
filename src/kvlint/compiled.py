"""A Bicep file and the template compiled from it: one deployment, told once, on the file that its author edits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import msgspec

from kvlint.judged import Judged, passed, placed, silenced
from kvlint.model.graph import Resource
from kvlint.model.report import Answers, Finding, Note
from kvlint.readers.read import Read
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
    doubtful = {_key(finding) for finding in compiled.undecided}
    findings, undecided, suppressed = list(own.findings), [], list(own.suppressed)
    for finding in compiled.findings + compiled.suppressed:
        if _key(finding) not in failed:
            moved = _moved(finding, here.get((finding.type.lower(), _last(finding))), read)
            (findings if moved.suppressed is None else suppressed).append(moved)
    decided = {_key(finding) for finding in compiled.findings}
    for finding in own.undecided:
        answered = (finding.type.lower(), _last(finding)) in there and _key(finding) not in doubtful
        if not answered and _key(finding) not in decided:
            undecided.append(finding)
    undecided += (one for one in compiled.undecided if (one.type.lower(), _last(one)) not in here)
    problems = own.problems + [one for one in compiled.problems if one.level == "error" or one.code in _SAID]
    answers = own.answers
    if answers is not None and compiled.answers is not None:
        left = {_key(finding) for finding in findings + undecided}
        settled = (passed(finding) for finding in own.undecided if _key(finding) not in left)
        strangers = (one for one in compiled.answers.passes if (one.type.lower(), _last(one)) not in here)
        answers = _merged_answers(answers, compiled.answers, (*settled, *strangers))
    return msgspec.structs.replace(
        own,
        findings=findings,
        undecided=undecided,
        suppressed=suppressed,
        problems=problems,
        read=own.read + compiled.read,
        unused=own.unused | compiled.unused,
        used=own.used | compiled.used,
        said=own.said + compiled.said,
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
    return resource.type.lower(), resource.name.lower()


def _last(finding: Finding) -> str:
    return finding.full_name.rpartition("/")[2].lower()


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

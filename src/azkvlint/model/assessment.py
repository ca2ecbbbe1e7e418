"""What control frameworks come to for the vaults of an input. Plain text only, as in a Report."""

from __future__ import annotations

from collections import Counter

import msgspec

from azkvlint.model.finding import Finding, Outcome, Problem, Repository, Vault
from azkvlint.model.framework import ControlQuestion, Sheet, Status


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says of one resource, as an answer about a vault: of its own resource, or ``perhaps`` of it."""

    finding: Finding
    perhaps: bool = False

    @property
    def outcome(self) -> Outcome:
        """What it counts as: a violation that is perhaps another vault's decides nothing."""
        return Outcome.UNDECIDED if self.perhaps else self.finding.outcome


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A row answered for one vault. ``why`` says what the ``bases`` do not; violations come first among those."""

    question: ControlQuestion
    status: Status
    why: str
    bases: tuple[Basis, ...] = ()
    references: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A vault or managed HSM with the answers to every sheet, in their order.

    Without a ``vault`` it is what is said of a root's resources that belong to no vault of the input: then there are
    only the rows with something to say. ``root`` is the
    document or folder through which it was found, ``parameters`` the file that gave its parameters, or empty.
    """

    vault: Vault | None
    root: str
    parameters: str
    sheets: tuple[tuple[Answer, ...], ...]

    def count(self) -> Counter[Status]:
        """How many rows of all sheets come to each status."""
        return Counter(answer.status for sheet in self.sheets for answer in sheet)


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run of controls."""

    sheets: tuple[Sheet, ...]
    subjects: tuple[Subject, ...]
    problems: tuple[Problem, ...]
    sources: tuple[str, ...]
    version: str
    repository: Repository | None = None

    def count(self) -> Counter[Status]:
        """How many rows of all subjects come to each status."""
        return sum((subject.count() for subject in self.subjects), Counter())

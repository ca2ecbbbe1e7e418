"""Results of control frameworks for the vaults of an input. Holds plain strings only, as a Report does."""

from __future__ import annotations

from collections import Counter

import msgspec

from azkvlint.model.finding import Finding, Outcome, Problem, Repository, Vault
from azkvlint.model.framework import ControlCheck, Sheet, Status


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """A finding on which a control result is based; ``perhaps`` if its resource may belong to another vault."""

    finding: Finding
    perhaps: bool = False

    @property
    def outcome(self) -> Outcome:
        """Return the outcome that counts: a violation that may be another vault's is unknown."""
        return Outcome.UNKNOWN if self.perhaps else self.finding.outcome


class ControlResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one control for one vault. ``why`` adds to the ``bases``, which list violations first."""

    check: ControlCheck
    status: Status
    why: str
    bases: tuple[Basis, ...] = ()
    references: tuple[str, ...] = ()


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A vault or managed HSM with its results for every framework, in order.

    Without a ``vault`` it holds the resources of a root that belong to no vault of the input, and only controls with a
    result. ``root`` is the document or folder through which it was found, ``parameters`` the parameter file, or empty.
    """

    vault: Vault | None
    root: str
    parameters: str
    sheets: tuple[tuple[ControlResult, ...], ...]

    def count(self) -> Counter[Status]:
        """Return the number of controls with each status."""
        return Counter(answer.status for sheet in self.sheets for answer in sheet)


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one run of ``kvlint controls``."""

    sheets: tuple[Sheet, ...]
    subjects: tuple[Subject, ...]
    problems: tuple[Problem, ...]
    sources: tuple[str, ...]
    version: str
    repository: Repository | None = None

    def count(self) -> Counter[Status]:
        """Return the number of controls of all subjects with each status."""
        return sum((subject.count() for subject in self.subjects), Counter())

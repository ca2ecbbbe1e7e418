"""The difference between two states of a deployment. Holds plain strings only, as a Report does."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from azkvlint.model.access import AccessPath, AccessVault, Principal
from azkvlint.model.finding import Finding, OfRoot, Problem, Report
from azkvlint.model.location import Location

NEW, GONE, CHANGED, MOVED, UNCHANGED = "new", "gone", "changed", "moved", "unchanged"
UNKNOWN, SUPPRESSED = "unknown", "suppressed"
STATES = (NEW, GONE, CHANGED, UNKNOWN, SUPPRESSED, MOVED, UNCHANGED)
"""The states of findings, in the order of reports."""
LOST, GAINED, WIDER, NARROWER = "lost", "gained", "wider", "narrower"
BY_BASE, BY_NONE, BY_OTHER, ACCEPTED, BY_ITSELF, BY_REPORTS = "base", "none", "outside", "accepted", "self", "reports"
BASES = (BY_BASE, BY_NONE, BY_OTHER, ACCEPTED, BY_ITSELF, BY_REPORTS)
"""By which configuration both sides are checked: that of BASE, which may have none; one outside of both sides, or none;
each by its own, because that is accepted; a single input, which is its own base; reports, which are checked already."""


class FindingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with its state, restricted to the occurrences that have this state.

    ``finding`` is that of HEAD, or of BASE for a state ``gone``, and ``whole`` the same with all of its occurrences.
    ``before`` is its counterpart in BASE. ``note`` adds what the state does not express. The state ``unknown`` is an
    unknown result that is new, or a finding of one side if the other may have the resource in a file that cannot be
    read. ``suppressed`` is a finding that became suppressed. A changed finding ``is_worse`` if its severity increased,
    or if it did not count before: it was unknown or suppressed. ``is_in_base``: only BASE has the place.
    """

    state: str
    finding: Finding
    whole: Finding
    before: Finding | None = None
    note: str = ""
    is_worse: bool = False
    is_in_base: bool = False


class KeptSetting(OfRoot, frozen=True, kw_only=True):
    """A setting of a deployed vault that stays as it is, although HEAD does not declare it any more.

    ``resource`` is the address, and ``name`` the name in Azure if it is known.
    """

    kind: str
    resource: str
    text: str
    at: Location
    name: str = ""


class OneWayDoor(KeptSetting, frozen=True, kw_only=True):
    """A change that cannot be undone. Unless it ``is_certain``, ``doubt`` is what would decide it.

    ``kind`` is purge-protection, retention, deleted, replaced, key-destroyed, hsm, tenant, location, role-assignment or
    prevent-destroy.
    ``free_on`` is the day (ISO 8601) on which the name of a deleted vault can be used again, if it is deleted today; ""
    if that is not known.
    ``is_in_base``: only BASE has the place.
    """

    is_in_base: bool = False
    is_certain: bool = True
    doubt: str = ""
    free_on: str = ""


class AccessChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a principal gains or loses on vaults. ``path`` is how it has the access now, or had it before.

    ``before`` and ``after`` are the certainties: yes, perhaps or no. ``is_lockout``: the principal had access to each
    of the vaults for certain, and has none left. ``only`` are the objects that the change is limited to, such as
    ``secrets/db``, and ``except_for`` those that it is not about; there are none of both if it is about all. If the
    direction is ``wider`` or ``narrower``, the access stays, and its role is assigned at another level: that of
    ``old_scope`` before.
    """

    direction: str
    principal: Principal
    capabilities: tuple[str, ...]
    labels: tuple[str, ...]
    vaults: tuple[AccessVault, ...]
    path: AccessPath
    before: str
    after: str
    is_lockout: bool = False
    only: tuple[str, ...] = ()
    except_for: tuple[str, ...] = ()
    old_scope: str = ""
    new_scope: str = ""

    @property
    def is_certain(self) -> bool:
        """Return whether the access is certain on one side and impossible on the other, or certain on both."""
        return {self.before, self.after} == {"yes", "no"} or self.direction in (WIDER, NARROWER)


class BrokenGate(msgspec.Struct, frozen=True, kw_only=True):
    """A condition of ``--fail-on`` that is met, and the number of differences that meet it."""

    gate: str
    count: int


class TurnedOff(msgspec.Struct, frozen=True, kw_only=True):
    """A check that HEAD turns off or weakens: what the checkout adds or changes, and where.

    ``kind`` is that of a row of the table of influences. ``rules`` are the ids that it affects, as far as known (empty:
    any), and ``resource`` the address, "" if it is not about one. ``is_in_base``: only BASE has the place.
    ``is_counted``: it counts for ``--fail-on suppressed``.
    """

    kind: str
    text: str
    at: Location
    rules: tuple[str, ...] = ()
    resource: str = ""
    is_in_base: bool = False
    is_counted: bool = True


class ConfigurationBasis(msgspec.Struct, frozen=True, kw_only=True):
    """By which configuration a difference was made.

    ``kind`` is one of BASES. ``file`` is the configuration file, "" without one.
    """

    kind: str
    file: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one run of ``kvlint diff``.

    ``base`` and ``head`` name the two sides. ``report`` is that of HEAD, with findings that count for SARIF logs.
    Paths of what is gone start from ``base_root``, and ``base_commit`` is the commit that BASE is. ``turned_off`` are
    the checks that HEAD turns off, and ``basis`` is the configuration that counts. ``kept`` is what stays on existing
    vaults. ``has_access`` is false if the inputs are reports, which contain neither access nor resources. Unless it
    ``is_compared``, ``problems`` state why not.
    """

    base: str
    head: str
    report: Report
    changes: tuple[FindingChange, ...]
    doors: tuple[OneWayDoor, ...]
    access: tuple[AccessChange, ...]
    gates: tuple[BrokenGate, ...]
    problems: tuple[Problem, ...]
    has_access: bool = True
    base_root: str = ""
    base_commit: str = ""
    turned_off: tuple[TurnedOff, ...] = ()
    basis: ConfigurationBasis = ConfigurationBasis(kind="outside")
    kept: tuple[KeptSetting, ...] = ()
    is_compared: bool = True

    def of_state(self, *states: str) -> list[FindingChange]:
        """Return the findings in one of the states."""
        return [one for one in self.changes if one.state in states]

    @property
    def is_complete(self) -> bool:
        """Return whether both sides were read completely."""
        return all(one.level != "error" for one in self.problems)

    @property
    def is_empty(self) -> bool:
        """Return whether nothing differs, except the places of findings."""
        return not (
            self.doors
            or self.access
            or self.turned_off
            or self.kept
            or any(one.state not in (MOVED, UNCHANGED) for one in self.changes)
        )


def counted(changes: Iterable[FindingChange], report: Report) -> list[FindingChange]:
    """Return the changes that count, without those in folders of tests and examples."""
    return [one for one in changes if report.includes_tests or not one.finding.in_tests]

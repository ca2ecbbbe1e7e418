"""One side of a comparison, and the roots in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.difference.one_way_doors import ResourceState
from azkvlint.model.access import AccessReport
from azkvlint.model.finding import (
    Problem,
    Report,
)
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource, ResourceGraph
from azkvlint.readers.reader import Reader

# Resources of BASE that stay, by root with its base world, then by address.
Stays: TypeAlias = Mapping[tuple[str, str], Mapping[str, Resource]]


class DeclaredResource(NamedTuple):
    """The type of a resource in lower case, its name or what is known of it, and the place of its declaration."""

    type: str
    identity: str
    at: Location


class ProtectedBlock(NamedTuple):
    """A block of Terraform with `prevent_destroy`, or with a value of it that is not known.

    ``is_call``: it is a call of a module that has no instances, so that the blocks in the module are not read.
    """

    at: Location
    doubt: str = ""
    is_call: bool = False


class RootState(msgspec.Struct, kw_only=True):
    """One root of a side with one base world: its path, and that of its ``source`` if it is a plan.

    ``world`` is the base world as the unit names it, and ``world_name`` as reports do.
    ``states`` are its vaults, managed HSMs and keys; ``addresses`` and ``names`` identify all of its resources, with
    their types; ``moved`` are the new addresses by the old ones. ``declared`` are the types and names of the resources
    of a template by their addresses: only Terraform identifies a resource by its address. ``resources`` are all of its
    resources by their addresses. ``is_terraform``: it is not a template.
    ``grants`` are the vaults and what grants access to them, and ``removed`` the actions of what is removed, each with
    whether it is certain. ``protected`` are the blocks that Terraform may refuse to destroy, by their addresses without
    instance keys. ``unread`` are the files that cannot be read, in which more may be declared. ``missing`` are the
    problems of modules that are not available, one for each call, and ``missing_calls`` the addresses of these in
    Terraform.
    """

    path: str
    source: str
    world: str = ""
    world_name: str = ""
    states: list[ResourceState]
    addresses: frozenset[tuple[str, str]]
    names: frozenset[tuple[str, str]]
    moved: Mapping[str, str]
    declared: Mapping[str, tuple[str, str]] = {}
    resources: Mapping[str, DeclaredResource] = {}
    is_terraform: bool = False
    grants: Mapping[str, Resource] = {}
    removed: Mapping[str, tuple[str, bool]] = {}
    protected: Mapping[str, ProtectedBlock] = {}
    unread: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    missing_calls: frozenset[str] = frozenset()


class Side(msgspec.Struct, kw_only=True):
    """One side of a comparison. ``label`` is the input as the user named it.

    ``folder`` is the reported path of the folder from which paths of the two sides are compared. ``document`` is the
    reported path of a plan or what-if result of which this is the state before: places in it do not exist. ``config``
    is what it was checked with, and ``reader`` has what was read, for another analysis. Without ``has_rows``, its
    access has no rows yet, and ``graphs`` are those of its roots, by the identity of their resources.
    """

    label: str
    report: Report
    access: AccessReport | None = None
    roots: list[RootState] = []
    folder: str = ""
    document: str = ""
    config: Config | None = None
    reader: Reader | None = None
    has_rows: bool = True
    graphs: Mapping[int, ResourceGraph] = {}

    @property
    def errors(self) -> list[Problem]:
        """Return the problems that make the side incomplete."""
        every = (*self.report.problems, *(() if self.access is None else self.access.problems))
        return list(dict.fromkeys(one for one in every if one.level == "error"))

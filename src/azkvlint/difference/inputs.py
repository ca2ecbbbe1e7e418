"""The two sides of a comparison: two folders, files or reports, or a plan or what-if result before and after."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec

from azkvlint.access.holdings import LOCAL_ASSIGNMENTS
from azkvlint.access.matrix import needs
from azkvlint.access.principals import MEMBER_TYPES
from azkvlint.azure.azurerm.providers import PROVIDER_TYPE
from azkvlint.azure.roles import IDENTITIES
from azkvlint.config.run_config import Config
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.assignments import GRANTS
from azkvlint.derived.federation import CREDENTIALS
from azkvlint.difference.deployed import Kept, with_settings
from azkvlint.difference.earlier_state import TWO_INPUTS, plan_before, what_if_before
from azkvlint.difference.one_way_doors import REQUIRED, TERRAFORM_KINDS, Doubt, ResourceState, states_of
from azkvlint.difference.report_inputs import report_data, side_of_report
from azkvlint.difference.sides import DeclaredResource, ProtectedBlock, RootState, Side, Stays
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.graph.resource_names import full_name, identity_pattern
from azkvlint.linter.access import Cleaner, Filters, RootResult, access, attributes_of_matrix
from azkvlint.linter.compiled_rules import SharedReads
from azkvlint.linter.linter import check
from azkvlint.model.access import AccessReport, origins_of
from azkvlint.model.finding import (
    PREDICTION,
    TERRAFORM_PLAN,
)
from azkvlint.model.location import static_address
from azkvlint.model.resource import Resource, ResourceGraph
from azkvlint.model.value import Unknown
from azkvlint.readers.discover import STDIN, STDIN_NAME
from azkvlint.readers.read_result import ReadResult
from azkvlint.readers.reader import KeepingReader, Reader
from azkvlint.readers.terraform.values import automatic_names
from azkvlint.readers.units import parameter_files
from azkvlint.util.errors import UsageError
from azkvlint.util.file_tracker import editor_texts
from azkvlint.util.project_boundary import is_within, real_path
from azkvlint.util.project_files import MAX_INPUT, list_entries, read_named, read_stdin
from azkvlint.util.text import visible
from azkvlint.values.redaction import Redactor

BASE, HEAD = "BASE", "HEAD"


class _Observer:
    """Collects the state of each root while its access is computed.

    ``kept`` is what Azure keeps of its vaults, and ``left`` are the resources of BASE that stay. ``graphs`` are those
    of an earlier run, for roots of which nothing is kept.
    """

    paths = REQUIRED

    def __init__(
        self,
        kept: Kept = MappingProxyType({}),
        left: Stays = MappingProxyType({}),
        *,
        needs_access: bool = True,
        graphs: Mapping[int, ResourceGraph] | None = None,
    ) -> None:
        self.roots: list[RootState] = []
        self.graphs = dict(graphs or {})
        self.needs_access, self.collects = needs_access, graphs is None
        self._kept, self._left = kept, left

    def graph(self, read: ReadResult, build: Callable[[Mapping[str, Resource]], ResourceGraph]) -> ResourceGraph:
        """Return the graph of a root, with what Azure keeps of its vaults and of the access to them."""
        place, key = (read.path, read.world), id(read.resources)
        found = None if place in self._kept or place in self._left else self.graphs.get(key)
        if found is None:
            found = build(self._deployed(read))
            if not self.needs_access:
                self.graphs[key] = found
        return found

    def _deployed(self, read: ReadResult) -> Mapping[str, Resource]:
        place = read.path, read.world
        settings = self._kept.get(place)
        # Rules read other types too.
        found = {address: one for address, one in read.all_resources.items() if one.type.lower() in _OBSERVED}
        found |= self._left.get(place, {})
        if settings is not None:
            text = Redactor(read.secret_texts()).text
            found = {address: with_settings(one, settings.get(text(address), {})) for address, one in found.items()}
        return found

    def observe(self, read: ReadResult, graph: ResourceGraph, clean: Cleaner) -> RootState:
        """Return the state of a root."""
        is_template = read.kind not in TERRAFORM_KINDS
        kept = [one for one in graph.resources.values() if one.type != PROVIDER_TYPE and one.stays]
        states = states_of(read, graph, clean)
        return RootState(
            path="",
            source="",
            states=states,
            addresses=frozenset((one.type.lower(), clean.text(one.address)) for one in kept),
            names=frozenset((one.type.lower(), clean.text(one.name).lower()) for one in kept),
            moved={clean.text(old): clean.text(new) for old, new in read.moved.items()},
            is_terraform=not is_template,
            grants={clean.text(one.address): one for one in _grants(kept, clean)},
            removed={
                clean.text(one.address): (one.action or "", not isinstance(one.select(_PLANNED), Unknown))
                for one in graph.resources.values()
                if not one.stays
            },
            declared={clean.text(one.address): (one.type.lower(), clean.text(one.name).lower()) for one in kept}
            if is_template
            else {},
            resources={
                clean.text(one.address): DeclaredResource(one.type.lower(), _identity(one, graph, clean), one.at)
                for one in kept
            },
            protected=dict(_protected(read, states, clean)),
            missing=tuple(clean.text(one.message) for one in read.problems if one.is_missing_module),
            missing_calls=frozenset(clean.text(address) for address, one in read.stubs.items() if one.is_missing),
            unread=frozenset(one.at.path for one in read.problems if one.level == "error" and one.at is not None),
        )

    def keep(self, root: RootResult, world_name: str, found: Any) -> None:
        """Add a root."""
        self.roots.append(
            msgspec.structs.replace(found, path=root.path, source=root.source, world=root.world, world_name=world_name)
        )


# The types that access and one-way doors are computed from.
_OBSERVED = frozenset((*needs(), *REQUIRED))
_PLANNED = ("derived", "plannedAction")
# What grants access to vaults, and the identities that have it.
_GRANTING = frozenset({VAULTS, POLICIES, *GRANTS, LOCAL_ASSIGNMENTS, IDENTITIES, CREDENTIALS, *MEMBER_TYPES})


def _grants(resources: Iterable[Resource], clean: Cleaner) -> Iterator[Resource]:
    """Yield what grants access, with its place. What contains a secret is left out: the other side shows it."""
    for one in resources:
        if one.type.lower() in _GRANTING:
            texts = (one.address, one.name, *(one.select(path).text for path in _SHOWN))
            if all(clean.text(text) == text for text in texts):
                yield msgspec.structs.replace(one, at=clean.location(one.at) or one.at)


def _protected(
    read: ReadResult, states: Iterable[ResourceState], clean: Cleaner
) -> Iterator[tuple[str, ProtectedBlock]]:
    """Yield the blocks with `prevent_destroy`, and the calls of modules without instances, by their addresses."""
    for address, stub in read.stubs.items():
        if stub.is_call or stub.prevents_destroy:
            yield clean.text(address), ProtectedBlock(clean.location(stub.at) or stub.at, is_call=stub.is_call)
    for state in states:
        prevents = state.prevents_destroy
        if state.is_terraform and prevents is not False and not read.plan:
            doubt = prevents.why if isinstance(prevents, Doubt) else ""
            yield static_address(state.address), ProtectedBlock(state.at, doubt)


_SHOWN = (("scope",), ("properties", "principalId"), ("properties", "roleDefinitionId"), ("properties", "roleName"))


def _identity(resource: Resource, graph: ResourceGraph, clean: Cleaner) -> str:
    """Return the identity of a resource as its findings have it."""
    pattern = identity_pattern(resource, graph.resources)
    return clean.text(pattern) if pattern else clean.text(full_name(resource, graph.resources)).lower()


def two_sides(base: Config, head: Config, words: Sequence[str]) -> tuple[Side, Side]:
    """Return the sides of two inputs, each with its own configuration. Raise UsageError if they cannot be compared."""
    reports = [report_data(word) for word in words]
    if reports[0] is not None and reports[1] is not None:
        rules = {rule.id: rule for rule in builtin_rules()}
        return side_of_report(words[0], reports[0], rules), side_of_report(words[1], reports[1], rules)
    for word, data, other in zip(words, reports, reversed(words), strict=True):
        if data is not None:
            raise UsageError(
                f"'{visible(word)}' is a JSON report and '{visible(other)}' is not", "compare two inputs of one kind"
            )
    shared = SharedReads(attributes_of_matrix(_Observer()))
    side = msgspec.structs.replace(checked(base, words[0], shared), reader=None)
    return side, checked(_with_roots_of(side, head, words), words[1], shared, is_deployed_over=True)


def _with_roots_of(base: Side, head: Config, words: Sequence[str]) -> Config:
    """Return the configuration of HEAD, in which what BASE deploys is evaluated, whatever calls it there.

    That is each root module of BASE, and each template without a parameter file.
    """
    folders = [_folder_of(word) for word in words]
    found = set(head.default_worlds)
    for root in base.roots:
        path = real_path(os.path.join(base.report.root, root.path))
        is_root = os.path.isdir(path) or (os.path.isfile(path) and path not in parameter_files(os.path.dirname(path)))
        if is_root and is_within(path, folders[0]):
            found.add(os.path.normpath(os.path.join(folders[1], os.path.relpath(path, folders[0]))))
    return msgspec.structs.replace(head, default_worlds=frozenset(found))


def added_variable_files(base: Side, words: Sequence[str]) -> dict[str, str]:
    """Return the variable files that Terraform reads by itself and that HEAD adds to a root module of BASE.

    They are real paths, each with its name. If one is removed, the others may have its values under another name.
    """
    folders = [_folder_of(word) for word in words]
    found: dict[str, str] = {}
    for root in base.roots:
        old = real_path(os.path.join(base.report.root, root.path))
        new = os.path.join(folders[1], os.path.relpath(old, folders[0]))
        if is_within(old, folders[0]) and os.path.isdir(old) and os.path.isdir(new):
            every = ([entry.name for entry in list_entries(folder)] for folder in (old, new))
            names = [frozenset(automatic_names(one)) for one in every]
            if names[0] <= names[1]:
                found |= {real_path(os.path.join(new, name)): name for name in names[1] - names[0]}
    return found


def _folder_of(word: str) -> str:
    folder = real_path(word) if word != STDIN else real_path(os.curdir)
    return folder if os.path.isdir(folder) else os.path.dirname(folder)


def before_and_after(config: Config, word: str) -> tuple[Side, Side]:
    """Return the states before and after a plan or what-if result. Raise UsageError for any other input."""
    if word != STDIN and os.path.isdir(word):
        raise UsageError(f"'{visible(word)}' is neither a plan nor a what-if result, but a folder", TWO_INPUTS)
    if report_data(word) is not None:
        raise UsageError(f"'{visible(word)}' is a JSON report, which has one state only", TWO_INPUTS)
    if word == STDIN:
        # Both states are read from the same data.
        word = STDIN_NAME
        editor_texts()[real_path(word)] = read_stdin(MAX_INPUT)
    file = real_path(word)
    held = editor_texts().get(file)
    config = msgspec.structs.replace(config, paths=(word,))
    shared = SharedReads(attributes_of_matrix(_Observer()))
    after = checked(config, word, shared, is_deployed_over=True)
    if after.errors:
        return after, after
    kinds = set(after.report.unit_counts)
    if kinds not in ({TERRAFORM_PLAN}, {PREDICTION}):
        raise UsageError(f"'{visible(word)}' is neither a plan nor a what-if result", TWO_INPUTS)
    data = read_named(file, f"'{visible(word)}'", MAX_INPUT) if held is None else held
    earlier = plan_before(data) if kinds == {TERRAFORM_PLAN} else what_if_before(data, word)
    if earlier is None:
        report = msgspec.structs.replace(after.report, findings=(), unknown=(), suppressed=())
        access_report = None if after.access is None else msgspec.structs.replace(after.access, vaults=(), rows=())
        return Side(label=BASE, report=report, access=access_report, folder=after.folder), after
    editor_texts()[file] = earlier
    try:
        before = checked(config, word, shared)
    finally:
        editor_texts().pop(file, None)
        if held is not None:
            editor_texts()[file] = held
    return msgspec.structs.replace(before, label=BASE, document=before.report.sources[0], reader=None), after


def checked(config: Config, word: str, shared: SharedReads | None = None, *, is_deployed_over: bool = False) -> Side:
    """Return the side of an input that is checked now. ``shared`` has the rules of the other side.

    The access of a side that is deployed over another one is computed once that is known, if nothing is read again.
    """
    shared = SharedReads(attributes_of_matrix(_Observer())) if shared is None else shared
    shared.last_reader = None
    report = check(config, compiled=shared)
    reader = _reader_of(shared)
    is_later = is_deployed_over and isinstance(reader, KeepingReader) and reader.keeps_everything
    observer = _Observer(needs_access=not is_later)
    found = access(config, Filters(), (), observer, reader)
    folder = _folder_of(word)
    try:
        folder = os.path.relpath(folder, real_path(report.root or os.curdir)).replace(os.sep, "/")
    except ValueError:  # another drive
        folder = "."
    return Side(
        label=word, report=report, access=found, roots=_with_origins(observer.roots), folder=folder, config=config,
        reader=reader, has_rows=not is_later, graphs=observer.graphs,
    )  # fmt: skip


def _reader_of(shared: SharedReads) -> Reader | None:
    """Return the reader of the last run."""
    return shared.last_reader


def _with_origins(roots: list[RootState]) -> list[RootState]:
    """Return roots whose vaults have the origins that distinguish them."""
    origins = origins_of({(one.path, one.world): one.world_name for one in roots if one.states})
    return [
        msgspec.structs.replace(
            root,
            states=[
                msgspec.structs.replace(one, root=root.path, world=root.world, origin=origins[root.path, root.world])
                for one in root.states
            ],
        )
        for root in roots
    ]


def access_over(side: Side, kept: Kept, left: Stays) -> AccessReport | None:
    """Return the access of a side whose vaults exist already, and of which Azure keeps some settings and resources."""
    if side.config is None or (side.has_rows and not (kept or left)):
        return side.access
    return access(side.config, Filters(), (), _Observer(kept, left, graphs=side.graphs), side.reader)


def relative_to(folder: str) -> Callable[[str], str]:
    """Return a function that returns reported paths relative to a folder."""

    @cache
    def relative(path: str) -> str:
        path = posixpath.normpath(path or ".")
        return path if not folder or posixpath.isabs(path) else posixpath.relpath(path, folder)

    return relative

"""The result of reading one unit of any language, with the regions of its locations."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint.graph.duplicates import without_duplicates
from azkvlint.model.finding import BICEP_FILE, TERRAFORM_PLAN, Declaration, Problem
from azkvlint.model.location import Location, Place, SourceComments
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.readers.discover import JSON, PARAMETERS
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from azkvlint.evaluation.budget import UnitWork
    from azkvlint.evaluation.values import Result
    from azkvlint.graph.region_lookup import Hidden
    from azkvlint.graph.worlds import Variant
    from azkvlint.readers.bicep.read import BicepRead
    from azkvlint.readers.deployment.secret_sources import SecretPlaces
    from azkvlint.readers.modules.run import TemplateRead
    from azkvlint.readers.plan.document import Plan
    from azkvlint.readers.terraform.read import TerraformRead
    from azkvlint.readers.terraform.run import Stub
    from azkvlint.syntax.ignore_comments import Metadata


DisabledRange: TypeAlias = tuple[int, int, tuple[str, ...]]
RegionLookup: TypeAlias = Callable[[Location], "Place | None"]

# The word of a directive in a comment.
_MARK = "kvlint"


class ReadResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of reading one unit. ``is_complete``: it contains all deployed resources.

    ``locate`` maps all locations that a report shows to their regions.
    ``is_suppressed`` returns whether the author disabled a rule (by its ID) at a location.
    ``comments`` are those of files in which kvlint respects directives, by reported path; ``metadata`` the directives
    in templates; ``disabled_rules`` those of Bicep itself: start, end, and rule IDs, in files with these ``texts``.
    ``root`` is the reported path of a Terraform root folder, if that is not ``path``.
    ``undeclared_variables`` have a value but no declaration in a Terraform root; None for any other input.
    ``deployed`` are the real paths of templates that are evaluated with the unit, and ``texts_read`` the reported paths
    of all files in which it is written, with those of its modules. ``stubs`` are Terraform modules that
    are foreign or not available, and declarations without instances, by static address. ``skipped`` are declarations
    that were not evaluated; other uses of them may be. ``secret_texts`` are strings that no report may show. ``kind``
    is one of UNIT_KINDS, if known. ``secret_lines`` are lines of files, without indentation, that no diff may show.
    ``moved`` are the new addresses of Terraform resources and modules by the old ones, and ``imported`` the addresses
    in ``import`` blocks. ``work`` counts what the unit
    causes. ``is_for_callers``: it requires values that no file or option sets, or only its own examples call it.
    ``variants`` are the other worlds that create declarations which ``resources`` do not have. ``world`` is the base
    world, as the unit names it.
    """

    path: str
    resources: Mapping[str, Resource]
    problems: Sequence[Problem]
    is_complete: bool
    locate: Callable[[Iterable[Location]], RegionLookup]
    is_suppressed: Callable[[Location, str], bool]
    comments: Mapping[str, SourceComments] = {}
    metadata: Mapping[str, Metadata] = {}
    disabled_rules: Mapping[str, Sequence[DisabledRange]] = {}
    texts: Mapping[str, str] = {}
    root: str = ""
    plan: Plan | None = None
    undeclared_variables: frozenset[str] | None = None
    deployed: frozenset[str] = frozenset()
    texts_read: frozenset[str] = frozenset()
    stubs: Mapping[str, Stub] = {}
    skipped: Sequence[Declaration] = ()
    secret_texts: Callable[[], frozenset[str]] = frozenset
    secret_lines: Callable[[], frozenset[str]] = frozenset
    kind: str = ""
    moved: Mapping[str, str] = {}
    imported: frozenset[str] = frozenset()
    work: UnitWork | None = None
    is_for_callers: bool = False
    variants: Sequence[Variant] = ()
    world: str = ""

    @property
    def all_resources(self) -> Mapping[str, Resource]:
        """Return the resources of the base world, and those that only variants create, with their conditions."""
        if not self.variants:
            return self.resources
        from azkvlint.graph.worlds import joined  # most inputs deploy all that they declare

        return joined(self.resources, self.variants)


class ParameterValues(msgspec.Struct, frozen=True, kw_only=True):
    """Parameter values by name, the contents of their files by reported path, and the problems of these."""

    values: Mapping[str, Result] = {}
    files: Mapping[str, str] = {}
    problems: Sequence[Problem] = ()


def plan_result(path: str, data: bytes, required: RequiredAttributes, unit: UnitWork | None = None) -> ReadResult:
    """Return a Terraform or OpenTofu plan. Raises InputError if the data is not a plan."""
    from azkvlint.derived.repeated_secrets import repeated_secrets
    from azkvlint.readers.plan.document import positions
    from azkvlint.readers.plan.read import read_plan

    read = read_plan(path, data, required, unit)

    def locate(locations: Iterable[Location]) -> RegionLookup:
        found = positions(read.plan, read.numbers, {at.address for at in locations if at.address is not None})
        return lambda at: found.get(at.address or "")

    return ReadResult(
        path=path, resources=without_duplicates(read.resources), problems=read.problems, is_complete=read.closed,
        locate=locate, is_suppressed=nothing_is_suppressed, plan=read.plan,
        secret_texts=lambda: read.secret_texts().union(repeated_secrets(read.resources.values())),
        kind=TERRAFORM_PLAN, moved=read.moved,
    )  # fmt: skip


def not_evaluated(path: str, problem: Problem) -> ReadResult:
    """Return the result of a file that was not evaluated because of ``problem``."""
    return ReadResult(
        path=path, resources={}, problems=[problem], is_complete=False, locate=_no_regions,
        is_suppressed=nothing_is_suppressed,
    )  # fmt: skip


def _no_regions(locations: Iterable[Location]) -> RegionLookup:
    del locations
    return lambda _: None


def without_places(read: ReadResult) -> ReadResult:
    """Return the result with a ``locate`` that finds no regions."""
    return msgspec.structs.replace(read, locate=_no_regions)


def without_suppressions(read: ReadResult) -> ReadResult:
    """Return the result without suppressions."""
    return msgspec.structs.replace(
        read, is_suppressed=nothing_is_suppressed, comments={}, metadata={}, disabled_rules={}, texts={}
    )


def nothing_is_suppressed(at: Location, rule: str) -> bool:
    """Return False: the language of the input has no directives of its own, or they are ignored."""
    return False


def _hidden_in(read: BicepRead | TerraformRead) -> Callable[[str], Hidden | None]:
    """Return what returns the secrets in a file, and what they are made of."""
    sources = cache(read.secret_sources)

    def hidden(path: str) -> Hidden | None:
        file = read.sources.get(path)
        return None if file is None else file.secrets({*read.secrets.get(path, ()), *sources().get(path, ())})

    return hidden


def bicep_result(path: str, read: BicepRead, given: ParameterValues, *, peer_comments: bool = False) -> ReadResult:
    """Return the result of a Bicep file, with comments for other tools if ``peer_comments``."""
    from azkvlint.readers.bicep.suppressions import disabled_ranges, is_suppressed
    from azkvlint.syntax.ignore_comments import has_peer_comments

    found = template_result(path, read, given, partial(is_suppressed, read), _hidden_in(read))
    # Some of its modules may be templates.
    texts = {file: text for file, text in read.files.items() if file.lower().endswith(JSON)}
    comments: Mapping[str, SourceComments] = {}
    if any(_MARK in text.lower() or (peer_comments and has_peer_comments(text)) for text in read.files.values()):
        from azkvlint.readers.bicep.suppressions import comments_of

        comments = comments_of(read, peer_comments)
    return msgspec.structs.replace(
        found, metadata=metadata_in(texts, peer_comments), disabled_rules=disabled_ranges(read), texts=read.files,
        comments=comments, deployed=read.deployed, kind=BICEP_FILE,
    )  # fmt: skip


def metadata_in(files: Mapping[str, str], peer_comments: bool = False) -> dict[str, Metadata]:
    """Return the directives in the metadata of templates, and those for other tools, by reported path."""
    found = {}
    for path, text in files.items():
        if "kvlint" in text.lower() or (peer_comments and "checkov" in text):
            from azkvlint.syntax.ignore_comments import metadata_of
            from azkvlint.syntax.json_decoder import decode_text

            try:
                metadata = metadata_of(decode_text(text))
            except InputError:  # a file that a Bicep file loads may contain anything
                continue
            if metadata is not None:
                found[path] = metadata
    return found


def terraform_result(path: str, read: TerraformRead) -> ReadResult:
    """Return the result of a Terraform module."""
    return template_result(path, read, ParameterValues(), hidden=_hidden_in(read), data=read.value_files)


class _TemplateSecrets:
    """The secrets of the templates among the files of a unit, found on first use."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._places: Mapping[str, SecretPlaces] | None = None

    def hidden(self, path: str) -> Hidden | None:
        """Return the secrets of one file; None if it contains no template."""
        from azkvlint.graph.region_lookup import HiddenSpans, spans_at
        from azkvlint.readers.deployment.secret_sources import secret_places

        if not path.lower().endswith(JSON):
            return None
        if self._places is None:
            self._places = secret_places({one: text for one, text in self._files.items() if one.lower().endswith(JSON)})
        found, text = self._places.get(path), self._files[path]
        if found is None:
            return None
        return HiddenSpans([(0, len(text))] if found.is_all else spans_at(text, found.values, found.keys))


def _nothing_is_hidden(path: str) -> Hidden | None:  # the default
    return None


def template_result(
    path: str,
    read: TemplateRead,
    given: ParameterValues,
    is_suppressed: Callable[[Location, str], bool] = nothing_is_suppressed,
    hidden: Callable[[str], Hidden | None] = _nothing_is_hidden,
    data: Container[str] = (),
) -> ReadResult:
    """Return the result of a template or a similar input.

    ``hidden`` returns the secrets in a file (by its reported path), in addition to those of the resources. ``data`` are
    the paths of files that contain values, such as variable definitions; parameter files are always included.
    """
    from azkvlint.derived.repeated_secrets import repeated_secrets
    from azkvlint.derived.secrets import secret_places
    from azkvlint.graph.region_lookup import places_of, spot_of

    files = {**given.files, **read.files}
    templates = _TemplateSecrets(files)

    def secrets_of(path: str) -> Hidden | None:
        return hidden(path) or templates.hidden(path)

    def secret_lines() -> frozenset[str]:
        found = ((text, secrets_of(path)) for path, text in files.items())
        return frozenset(one for text, hidden in found if hidden is not None for one in _lines_in(text, hidden.found))

    def locate(locations: Iterable[Location]) -> RegionLookup:
        values = {one for one in files if one in data or one in given.files or one.lower().endswith(PARAMETERS)}
        found = places_of(files, locations, secrets_of, secret_places(_all_of(read)), values)

        def find(at: Location) -> Place | None:
            spot = spot_of(at)
            return None if spot is None else found.get(spot)

        return find

    return ReadResult(
        path=path, resources=without_duplicates(read.resources), problems=[*given.problems, *read.problems],
        is_complete=read.closed, locate=locate, is_suppressed=is_suppressed, skipped=read.skipped,
        is_for_callers=read.is_for_callers, variants=read.variants, texts_read=frozenset(files),
        secret_texts=lambda: read.secret_texts.union(repeated_secrets(_all_of(read), _stated_in(read))),
        secret_lines=secret_lines,
    )  # fmt: skip


def _all_of(read: TemplateRead) -> list[Resource]:
    """Return the resources of all worlds."""
    worlds = (read.resources, *(variant.changed for variant in read.variants))
    return list({id(one): one for world in worlds for one in world.values()}.values())


def _stated_in(read: TemplateRead) -> Iterator[str]:
    """Yield the values that the conditions of all worlds state."""
    for variant in read.variants:
        yield from (str(one.value) for one in variant.condition.inputs if one.value is not None)


def _lines_in(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Yield the lines that spans touch, without their indentation."""
    reached = 0
    for start, end in sorted(spans):
        low = max(text.rfind("\n", 0, start) + 1, reached)
        high = text.find("\n", end)
        reached = max(reached, len(text) if high < 0 else high)
        if low < reached:
            yield from filter(None, map(str.strip, text[low:reached].split("\n")))

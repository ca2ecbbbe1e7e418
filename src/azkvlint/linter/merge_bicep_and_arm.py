"""Merge the results of a Bicep file and its compiled template: one deployment, reported on the Bicep file."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from azkvlint.linter.suppressions import EXPIRED_SUPPRESSION, MALFORMED_SUPPRESSION
from azkvlint.linter.unit_result import (
    UnitResult,
    answers_with_regions,
    as_passed,
    locate_declarations,
    lookup_of,
    problem_with_region,
    suppress,
    with_regions,
)
from azkvlint.model.finding import TEMPLATE_DIFFERS, ControlAnswers, Finding, Problem
from azkvlint.model.location import Location, static_address
from azkvlint.model.pattern import Text, join_texts, marked, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Link, ListValue, MapValue, Origin, Scalar, Unknown, Value
from azkvlint.readers.deployment.origins import OUTPUT_TYPE
from azkvlint.readers.read_result import ReadResult

_Identity: TypeAlias = tuple[str, str]
_Identify: TypeAlias = Callable[[Resource], "_Identity | None"]
# The problems of directives that are reported for the template too.
_DIRECTIVES = frozenset({MALFORMED_SUPPRESSION, EXPIRED_SUPPRESSION})
# Fields that follow from a resource's identity or are not properties.
_NOT_COMPARED = frozenset({"id", "name", "parent", "scope", "derived", "deployment"})
# Nested deployments are resources of the Bicep file, but not of the compiled template.
_NO_RESOURCES = frozenset({"microsoft.resources/deployments", OUTPUT_TYPE.lower()})
_KEY_VAULT = "microsoft.keyvault/"
_MAX_NAMED = 3


def merge_template(
    own: UnitResult, compiled: UnitResult, read: ReadResult, known: ReadResult, explain: bool
) -> UnitResult:
    """Return the results of a Bicep file (``own``), with those that only its template has, on the template's lines.

    Resources with the same identity are the same. The template contains the modules of registries, so it decides
    results that are unknown in the Bicep file. ``read`` and ``known`` are the contents of the Bicep file and of the
    template. The results in ``compiled`` are not located yet; unknown ones are only with ``explain``.
    """
    pairs = _pair_resources(known.resources, read.resources)
    twins = {mine: theirs for theirs, mine in pairs.items()}
    failed = {(finding.rule.id, finding.resource) for finding in own.findings + own.suppressed}
    decided = {(finding.rule.id, finding.resource) for finding in compiled.findings + compiled.suppressed}
    unknown_keys = {(finding.rule.id, finding.resource) for finding in compiled.unknown}
    own_findings = list(_with_twins(own.findings, compiled.findings, pairs))

    def is_resolved(finding: Finding) -> bool:
        twin = twins.get(finding.resource)
        return twin is not None and ((finding.rule.id, twin) in decided or (finding.rule.id, twin) not in unknown_keys)

    compiled = _only_in_template(compiled, read, known, pairs, failed, explain)
    unknown = [finding for finding in own.unknown if not is_resolved(finding)] + compiled.unknown
    problems = own.problems + compiled.problems
    differences = list(_differences(read, known, pairs))
    if differences:
        problems.append(_difference_problem(read.path, known.path, differences))
    answers = own.control_answers
    if answers is not None and compiled.control_answers is not None:
        open_keys = {(finding.rule.id, finding.resource) for finding in unknown}
        resolved = (finding for finding in own.unknown if (finding.rule.id, finding.resource) not in open_keys)
        passes_resolved = (
            as_passed(finding)
            for finding in resolved
            if (finding.rule.id, twins.get(finding.resource, "")) not in decided
        )
        template_passes = (finding for finding in compiled.control_answers.passes if finding.resource not in pairs)
        answers = _merged_answers(answers, compiled.control_answers, (*passes_resolved, *template_passes), pairs)
    return msgspec.structs.replace(
        own,
        outdated=known.path if differences else "",
        findings=own_findings + [finding for finding in compiled.findings if finding.suppressed is None],
        unknown=unknown,
        suppressed=own.suppressed + [finding for finding in compiled.findings if finding.suppressed is not None],
        problems=problems,
        resource_counts=own.resource_counts | compiled.resource_counts,
        read=own.read + compiled.read,
        texts_read=own.texts_read | compiled.texts_read,
        unused=own.unused | compiled.unused,
        used=own.used | compiled.used,
        directives=own.directives + compiled.directives,
        declarations=own.declarations + compiled.declarations,
        control_answers=answers,
        secret_texts=own.secret_texts | compiled.secret_texts,
        secret_lines=own.secret_lines | compiled.secret_lines,
    )


def _with_twins(
    findings: Iterable[Finding], compiled: Iterable[Finding], pairs: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield the findings of a Bicep file, each with the resource of the template that has it too."""
    found = {_key(finding, pairs): (finding.root, finding.resource) for finding in compiled}
    for finding in findings:
        twin = found.get((finding.rule.id, finding.resource))
        yield finding if twin is None else msgspec.structs.replace(finding, twin=twin)


def _only_in_template(
    compiled: UnitResult,
    read: ReadResult,
    known: ReadResult,
    pairs: Mapping[str, str],
    failed: Container[tuple[str, str]],
    explain: bool,
) -> UnitResult:
    """Return what only the template has, located in it. ``failed`` are the results that the Bicep file has too."""
    findings = [finding for finding in compiled.findings + compiled.suppressed if _key(finding, pairs) not in failed]
    declared = set(map(static_address, pairs))
    only = msgspec.structs.replace(
        compiled,
        findings=[_with_bicep_directives(finding, pairs, read) for finding in findings],
        unknown=[finding for finding in compiled.unknown if finding.resource not in pairs],
        problems=[one for one in compiled.problems if one.level == "error" or one.code in _DIRECTIVES],
        declarations=[each for each in compiled.declarations if each.address not in declared],
    )
    return _with_places(only, known, explain)


def _with_places(compiled: UnitResult, known: ReadResult, explain: bool) -> UnitResult:
    """Return the result of a template with its regions."""
    # Without directives and ``explain``, no report shows the places of unknown results.
    located = compiled.findings + (compiled.unknown if explain or compiled.directives else [])
    answers, declared = compiled.control_answers, (each.at for each in compiled.declarations)
    find = lookup_of(known, located, compiled.problems, answers, declared)
    return msgspec.structs.replace(
        compiled,
        findings=[with_regions(finding, find, finding.root) for finding in compiled.findings],
        unknown=[with_regions(finding, find, finding.root) for finding in compiled.unknown],
        problems=[problem_with_region(problem, find) for problem in compiled.problems],
        control_answers=answers_with_regions(answers, find, known.root or known.path),
        declarations=locate_declarations(compiled.declarations, find),
    )


def _key(finding: Finding, pairs: Mapping[str, str]) -> tuple[str, str]:
    """Return the rule of a finding on the template, and the address of its resource in the Bicep file."""
    return finding.rule.id, pairs.get(finding.resource, "")


def _with_bicep_directives(finding: Finding, pairs: Mapping[str, str], read: ReadResult) -> Finding:
    """Return a finding on the template, suppressed if a directive at the resource in the Bicep file disables its
    rule.
    """
    resource = read.resources.get(pairs.get(finding.resource, ""))
    is_off = resource is not None and finding.suppressed is None and read.is_suppressed(resource.at, finding.rule.id)
    return suppress(finding, resource.at) if resource is not None and is_off else finding


def _merged_answers(
    own: ControlAnswers, compiled: ControlAnswers, passes: Iterable[Finding], pairs: Mapping[str, str]
) -> ControlAnswers:
    """Return the control answers of both, with each vault once; ``passes`` are checks that only the template passes."""

    def renamed(addresses: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(pairs.get(address, address) for address in addresses)

    owners = {}
    for (rule, address), owner in compiled.owners.items():
        renamed_owner = msgspec.structs.replace(owner, certain=renamed(owner.certain), perhaps=renamed(owner.perhaps))
        owners[rule, address] = owners[rule, pairs.get(address, address)] = renamed_owner
    return ControlAnswers(
        vaults=own.vaults + tuple(vault for vault in compiled.vaults if vault.address not in pairs),
        passes=(*own.passes, *passes),
        owners={**owners, **own.owners},
    )


def _pair_resources(theirs: Mapping[str, Resource], mine: Mapping[str, Resource]) -> dict[str, str]:
    """Return the addresses of resources in the template, each with the address of the same resource in the Bicep file.

    Resources are the same if they have the same type and the same id, as far as it is known. The compiler rewrites some
    expressions, so resources whose ids differ only in unknown parts are paired in order, if both sides have the same
    number of them. All others remain unpaired.
    """
    pairs: dict[str, str] = {}
    for identity in (_identity, _form):
        left = _group_by_identity(theirs, pairs.keys(), identity)
        right = _group_by_identity(mine, set(pairs.values()), identity)
        for key, addresses in left.items():
            others = right.get(key, [])
            if len(addresses) == len(others):
                pairs.update(zip(addresses, others, strict=True))
    return pairs


def _group_by_identity(
    resources: Mapping[str, Resource], paired: Iterable[str], identity: _Identify
) -> dict[_Identity, list[str]]:
    addresses_by_identity: dict[_Identity, list[str]] = {}
    paired_addresses = set(paired)
    for address, resource in resources.items():
        key = None if address in paired_addresses or resource.existing else identity(resource)
        if key is not None:
            addresses_by_identity.setdefault(key, []).append(address)
    return addresses_by_identity


def _identity(resource: Resource) -> _Identity | None:
    """Return the type and the id of a resource; None if it has none."""
    own_id = _own_id(resource)
    return (resource.type.lower(), text_form(own_id).lower()) if own_id else None


def _own_id(resource: Resource) -> Text:
    """Return the id of a resource. An output, which has none, is identified by its deployment and name."""
    own_id = resource.select(("id",)).string
    deployment = resource.attributes.fields.get("deployment")
    return own_id if own_id or deployment is None else join_texts([deployment.string, "/", resource.name])


def _form(resource: Resource) -> _Identity | None:
    """Return the type and the id without unknown parts; None if the id is known."""
    own_id = _own_id(resource)
    is_known = isinstance(own_id, str) and own_id != ""
    return None if is_known else (resource.type.lower(), marked(own_id, "*").lower())


def _difference_problem(bicep: str, template: str, different: list[str]) -> Problem:
    listed, more = different[:_MAX_NAMED], len(different) - _MAX_NAMED
    rest = f", and {more} more" if more > 0 else ""
    return Problem(
        code=TEMPLATE_DIFFERS,
        level="note",
        message=f"the compiled template differs from `{bicep}`: {', '.join(listed)}{rest}",
        at=Location(path=template),
        hint=f"run `bicep build {bicep}`",
    )


def _differences(read: ReadResult, known: ReadResult, pairs: Mapping[str, str]) -> Iterator[str]:
    """Yield the known differences between a Bicep file and its template, resources first."""
    mine = {address: resource for address, resource in read.resources.items() if address not in set(pairs.values())}
    theirs = {address: resource for address, resource in known.resources.items() if address not in pairs}
    # A part that could not be read may declare any resource.
    if known.is_complete:
        yield from (f"`{address}` is only in the Bicep file" for address in _unmatched_addresses(mine, theirs))
    if read.is_complete:
        yield from (f"`{address}` is only in the template" for address in _unmatched_addresses(theirs, mine))
    for their_address, address in sorted(pairs.items(), key=lambda pair: _rank(read.resources[pair[1]])):
        for path in _differing_properties(
            read.resources[address].attributes, known.resources[their_address].attributes
        ):
            yield f"`{path}` of `{address}`"


def _unmatched_addresses(resources: Mapping[str, Resource], others: Mapping[str, Resource]) -> Iterator[str]:
    """Yield the addresses of resources that are certainly missing on the other side: none there has an id of that form.

    The compiler rewrites the expressions of many names, so an id with unknown parts is compared for Key Vault only.
    """
    forms = {form for resource in others.values() if (form := _form(resource)) is not None}
    vague = {type_ for type_, _ in forms}
    for address, resource in sorted(resources.items(), key=lambda item: _rank(item[1])):
        type_, form = resource.type.lower(), _form(resource)
        if resource.existing or type_ in _NO_RESOURCES or (type_, "") in forms:
            continue
        is_missing = type_ not in vague if form is None else form not in forms and type_.startswith(_KEY_VAULT)
        if is_missing:
            yield address


def _rank(resource: Resource) -> bool:
    return not resource.type.lower().startswith(_KEY_VAULT)


def _differing_properties(mine: MapValue, theirs: MapValue, prefix: str = "") -> Iterator[str]:
    """Yield the paths of properties that are known on both sides and differ. Defaults are ignored."""
    names = {name.lower(): name for name in (*theirs.fields, *mine.fields)}
    left = {name.lower(): value for name, value in mine.fields.items()}
    right = {name.lower(): value for name, value in theirs.fields.items()}
    for lower, name in names.items():
        if not prefix and lower in _NOT_COMPARED:
            continue
        one, other = _explicit(left.get(lower)), _explicit(right.get(lower))
        path = f"{prefix}.{name}" if prefix else name
        if one is None or other is None:
            is_open = (mine if one is None else theirs).rest is not None
            if not (is_open or isinstance(one, Unknown) or isinstance(other, Unknown)) and one is not other:
                yield path
        else:
            yield from _differing_values(one, other, path)


def _differing_values(one: Value, other: Value, path: str) -> Iterator[str]:
    match one, other:
        case (Unknown() | Link(), _) | (_, Unknown() | Link()):
            return
        case MapValue(), MapValue():
            yield from _differing_properties(one, other, path)
        case ListValue(items=items), ListValue(items=others) if len(items) == len(others):
            for number, (item, another) in enumerate(zip(items, others, strict=True)):
                yield from _differing_values(item, another, f"{path}[{number}]")
        case Scalar(value=value), Scalar(value=another) if value == another:
            return
        case _:
            yield path


def _explicit(value: Value | None) -> Value | None:
    """Return a value that an author wrote; None for a default, and for an object or list without written values."""
    match value:
        case None:
            return None
        case MapValue(fields=fields, rest=None) if all(_explicit(field) is None for field in fields.values()):
            return None
        case ListValue(items=()):
            return None
    return None if value.origin in (Origin.DEFAULT, Origin.DERIVED) else value

"""A Bicep file and the template compiled from it: one deployment, reported on the file that its author edits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import msgspec

from azkvlint.evaluation.values import CLOSE, OPEN
from azkvlint.linter.suppressions import EXPIRED, MALFORMED
from azkvlint.linter.unit_result import UnitResult, passed, suppressed
from azkvlint.model.finding import ControlAnswers, Finding, Problem
from azkvlint.model.location import Location, static_address
from azkvlint.model.problem_codes import TEMPLATE_DIFFERS
from azkvlint.model.resource import Resource
from azkvlint.model.value import Link, ListValue, MapValue, Origin, Scalar, Unknown, Value, text_of
from azkvlint.readers.arm.origins import OUTPUT_TYPE
from azkvlint.readers.read_result import ReadResult

_Identity: TypeAlias = tuple[str, str]
_Identify: TypeAlias = Callable[[Resource], "_Identity | None"]
# What is reported of directives in the template.
_DIRECTIVES = frozenset({MALFORMED, EXPIRED})
# What follows from a resource's identity, or is no property of it.
_NOT_COMPARED = frozenset({"id", "name", "parent", "scope", "derived", "deployment"})
# A template that a Bicep file contains is a resource there, but not in what is compiled from it.
_NO_RESOURCES = frozenset({"microsoft.resources/deployments", OUTPUT_TYPE.lower()})
_KEY_VAULT = "microsoft.keyvault/"
_MAX_NAMED = 3


def merged(own: UnitResult, compiled: UnitResult, read: ReadResult, known: ReadResult) -> UnitResult:
    """Return the results of a Bicep file (``own``) with those that only its template has, on the template's lines.

    A resource of the template is one of the Bicep file if both have one identity. The template knows more where it
    holds a module of a registry: what is unknown in the Bicep file, it decides. ``read`` and ``known`` are what was
    read of them.
    """
    pairs = _pairs(known.resources, read.resources)
    twins = {mine: theirs for theirs, mine in pairs.items()}
    failed = {(finding.rule.id, finding.resource) for finding in own.findings + own.suppressed}
    decided = {(finding.rule.id, finding.resource) for finding in compiled.findings + compiled.suppressed}
    unknown = {(finding.rule.id, finding.resource) for finding in compiled.undecided}

    def is_answered(one: Finding) -> bool:
        twin = twins.get(one.resource)
        return twin is not None and ((one.rule.id, twin) in decided or (one.rule.id, twin) not in unknown)

    new = [one for one in compiled.findings + compiled.suppressed if _key(one, pairs) not in failed]
    new = [_silenced_in_bicep(one, pairs, read) for one in new]
    findings = own.findings + [one for one in new if one.suppressed is None]
    undecided = [one for one in own.undecided if not is_answered(one)]
    undecided += (one for one in compiled.undecided if one.resource not in pairs)
    problems = own.problems + [one for one in compiled.problems if one.level == "error" or one.code in _DIRECTIVES]
    different = list(_differences(read, known, pairs))
    if different:
        problems.append(_note(read.path, known.path, different))
    declared = set(map(static_address, pairs))
    answers = own.answers
    if answers is not None and compiled.answers is not None:
        left = {(finding.rule.id, finding.resource) for finding in undecided}
        answered = (one for one in own.undecided if (one.rule.id, one.resource) not in left)
        settled = (passed(one) for one in answered if (one.rule.id, twins.get(one.resource, "")) not in decided)
        more = (one for one in compiled.answers.passes if one.resource not in pairs)
        answers = _merged_answers(answers, compiled.answers, (*settled, *more), pairs)
    return msgspec.structs.replace(
        own,
        findings=findings,
        undecided=undecided,
        suppressed=own.suppressed + [one for one in new if one.suppressed is not None],
        problems=problems,
        judged=own.judged | compiled.judged,
        read=own.read + compiled.read,
        unused=own.unused | compiled.unused,
        used=own.used | compiled.used,
        said=own.said + compiled.said,
        declarations=own.declarations + [one for one in compiled.declarations if one.address not in declared],
        answers=answers,
        secret_texts=own.secret_texts | compiled.secret_texts,
    )


def _key(finding: Finding, pairs: Mapping[str, str]) -> tuple[str, str]:
    """Return the rule of a finding on the template, and the address of its resource in the Bicep file."""
    return finding.rule.id, pairs.get(finding.resource, "")


def _silenced_in_bicep(finding: Finding, pairs: Mapping[str, str], read: ReadResult) -> Finding:
    """Return a finding on the template, suppressed if a directive at the resource in the Bicep file says so."""
    resource = read.resources.get(pairs.get(finding.resource, ""))
    is_off = resource is not None and finding.suppressed is None and read.is_suppressed(resource.at, finding.rule.id)
    return suppressed(finding, resource.at) if resource is not None and is_off else finding


def _merged_answers(
    own: ControlAnswers, compiled: ControlAnswers, passes: Iterable[Finding], pairs: Mapping[str, str]
) -> ControlAnswers:
    """Return the answers of both, each vault once; ``passes`` are the checks that only the template passes."""

    def renamed(addresses: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(pairs.get(address, address) for address in addresses)

    owners = {}
    for (rule, address), owner in compiled.owners.items():
        found = msgspec.structs.replace(owner, certain=renamed(owner.certain), perhaps=renamed(owner.perhaps))
        owners[rule, address] = owners[rule, pairs.get(address, address)] = found
    return ControlAnswers(
        vaults=own.vaults + tuple(vault for vault in compiled.vaults if vault.address not in pairs),
        passes=(*own.passes, *passes),
        owners={**owners, **own.owners},
    )


# --- which resources are one ------------------------------------------------------------------------------------------


def _pairs(theirs: Mapping[str, Resource], mine: Mapping[str, Resource]) -> dict[str, str]:
    """Return the addresses of resources in the template, each with that of the same resource in the Bicep file.

    Those are one that have the same type and id, as far as it is known. The compiler writes some expressions in another
    way: where as many resources have ids of one form on both sides, and only unknown parts tell them apart, they are
    paired in their order. What is left has no pair.
    """
    pairs: dict[str, str] = {}
    for identity in (_identity, _form):
        left = _by_identity(theirs, pairs.keys(), identity)
        right = _by_identity(mine, set(pairs.values()), identity)
        for key, addresses in left.items():
            others = right.get(key, [])
            if len(addresses) == len(others):
                pairs.update(zip(addresses, others, strict=True))
    return pairs


def _by_identity(
    resources: Mapping[str, Resource], paired: Iterable[str], identity: _Identify
) -> dict[_Identity, list[str]]:
    found: dict[_Identity, list[str]] = {}
    taken = set(paired)
    for address, resource in resources.items():
        key = None if address in taken or resource.existing else identity(resource)
        if key is not None:
            found.setdefault(key, []).append(address)
    return found


def _identity(resource: Resource) -> _Identity | None:
    """Return the type and the id of a resource. An output has no id: it is one of a deployment's, by its name."""
    own_id = text_of(resource.select(("id",)))
    if not own_id:
        deployment = resource.attributes.fields.get("deployment")
        if deployment is None:
            return None
        own_id = f"{text_of(deployment)}/{resource.name}"
    return resource.type.lower(), own_id.lower()


def _form(resource: Resource) -> _Identity | None:
    """Return the type and the id of a resource without what is unknown of it; None if all of it is known."""
    found = _identity(resource)
    if found is None:
        return resource.type.lower(), ""
    type_, id_ = found
    return (type_, _known_parts(id_)) if OPEN in id_ else None


def _known_parts(pattern: str) -> str:
    """Return a pattern with nothing left of what is in brackets."""
    kept, depth = [], 0
    for character in pattern:
        depth += (character == OPEN) - (character == CLOSE)
        if depth == 0 or (depth == 1 and character == OPEN):
            kept.append(character)
    return "".join(kept)


# --- where they differ ------------------------------------------------------------------------------------------------


def _note(bicep: str, template: str, different: list[str]) -> Problem:
    named, more = different[:_MAX_NAMED], len(different) - _MAX_NAMED
    rest = f", and {more} more" if more > 0 else ""
    return Problem(
        code=TEMPLATE_DIFFERS,
        level="note",
        message=f"the compiled template differs from {bicep}: {', '.join(named)}{rest}",
        at=Location(path=template),
        hint=f"run bicep build {bicep}",
    )


def _differences(read: ReadResult, known: ReadResult, pairs: Mapping[str, str]) -> Iterator[str]:
    """Yield what differs between a Bicep file and its template, resources first, as far as it is known."""
    mine = {address: one for address, one in read.resources.items() if address not in set(pairs.values())}
    theirs = {address: one for address, one in known.resources.items() if address not in pairs}
    # In a part that could not be read there may be any other resource.
    if known.is_complete:
        yield from (f"`{address}` is only in the Bicep file" for address in _unmatched(mine, theirs))
    if read.is_complete:
        yield from (f"`{address}` is only in the template" for address in _unmatched(theirs, mine))
    for their_address, address in sorted(pairs.items(), key=lambda pair: _rank(read.resources[pair[1]])):
        for path in _different(read.resources[address].attributes, known.resources[their_address].attributes):
            yield f"`{path}` of `{address}`"


def _unmatched(resources: Mapping[str, Resource], others: Mapping[str, Resource]) -> Iterator[str]:
    """Yield the addresses of resources that the other side certainly lacks: it has none whose id is of that form.

    The compiler writes expressions of its own for many names: what is unknown in them counts for Key Vault only.
    """
    forms = {found for one in others.values() if (found := _form(one)) is not None}
    vague = {type_ for type_, _ in forms}
    for address, one in sorted(resources.items(), key=lambda item: _rank(item[1])):
        type_, form = one.type.lower(), _form(one)
        if one.existing or type_ in _NO_RESOURCES or (type_, "") in forms:
            continue
        is_missing = type_ not in vague if form is None else form not in forms and type_.startswith(_KEY_VAULT)
        if is_missing:
            yield address


def _rank(resource: Resource) -> bool:
    """Sort resources of Key Vault before others."""
    return not resource.type.lower().startswith(_KEY_VAULT)


def _different(mine: MapValue, theirs: MapValue, above: str = "") -> Iterator[str]:
    """Yield the paths of properties that are known on both sides and differ. A default is no property."""
    names = {name.lower(): name for name in (*theirs.fields, *mine.fields)}
    left = {name.lower(): value for name, value in mine.fields.items()}
    right = {name.lower(): value for name, value in theirs.fields.items()}
    for lower, name in names.items():
        if not above and lower in _NOT_COMPARED:
            continue
        one, other = _written(left.get(lower)), _written(right.get(lower))
        path = f"{above}.{name}" if above else name
        if one is None or other is None:
            is_open = (mine if one is None else theirs).rest is not None
            if not (is_open or isinstance(one, Unknown) or isinstance(other, Unknown)) and one is not other:
                yield path
        else:
            yield from _different_values(one, other, path)


def _different_values(one: Value, other: Value, path: str) -> Iterator[str]:
    match one, other:
        case (Unknown() | Link(), _) | (_, Unknown() | Link()):
            return
        case MapValue(), MapValue():
            yield from _different(one, other, path)
        case ListValue(items=items), ListValue(items=others) if len(items) == len(others):
            for number, (item, another) in enumerate(zip(items, others, strict=True)):
                yield from _different_values(item, another, f"{path}[{number}]")
        case Scalar(value=value), Scalar(value=another) if value == another:
            return
        case _:
            yield path


def _written(value: Value | None) -> Value | None:
    """Return a value that an author wrote; None for a default, and for an object or list without anything written."""
    match value:
        case None:
            return None
        case MapValue(fields=fields, rest=None) if all(_written(field) is None for field in fields.values()):
            return None
        case ListValue(items=()):
            return None
    return None if value.origin in (Origin.DEFAULT, Origin.DERIVED) else value

"""The text of a plan (``terraform show -json``, ``tofu show -json``) -> its parts, decoded only as far as needed.

Only the frame is decoded here: each ``change`` stays raw until a rule requires its resource, so that the cost follows
the rules and not the size of the plan. The positions of resources are found only for those with findings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from itertools import chain
from typing import Any, TypedDict, TypeVar, get_type_hints

import msgspec

from azkvlint.azure.azurerm.providers import PROVIDER_PREFIX
from azkvlint.model.location import Excerpt, LazyExcerpt, Place, Region
from azkvlint.syntax.json_decoder import (
    DECODE_ERRORS,
    MAX_DEPTH,
    ByteLines,
    decode_error,
    duplicate_key,
    fault,
    is_nested_deeper,
    place,
)
from azkvlint.syntax.json_positions import RepeatedKeyError, elements, members
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

MAKE_PLAN_JSON = "create a plan with `terraform show -json tfplan > plan.json`"
MAKE_UTF8 = "in PowerShell, run `terraform show -json tfplan | Out-File -Encoding utf8 plan.json`"
# Above this many bytes only the outermost keys are checked for duplicates: Terraform itself never prints any, and the
# exact check costs more than all other reading combine.
DUPLICATES_CHECKED_UP_TO = 1 << 20
_TOO_DEEP = f"invalid plan: the nesting is deeper than {MAX_DEPTH} levels"
# The parts of a plan that nothing is read from. The first is often as long as all others together.
_NOT_READ = frozenset({"planned_values", "relevant_attributes", "checks"})
# The head of an entry is all that precedes its change: address, type, name, index, provider. It contains no values.
_CHANGE = regex(rb'\s*"change"\s*:')
_ADDRESS = regex(rb'"address"\s*:\s*"(?:[^"\\]|\\.)*"')
_MAX_HEAD = 2000
# The configuration sections of objects without an entry among the changes, by address prefix.
_NAMED = {
    PROVIDER_PREFIX: ("configuration", "provider_config"),
    "output.": ("configuration", "root_module", "outputs"),
    "module.": ("configuration", "root_module", "module_calls"),
}
# start, end: the region; head_start, head_end: the range that an excerpt may show.
_Span = tuple[int, int, int, int]


class PlanChange(msgspec.Struct, gc=False):
    """The ``change`` of an entry of ``resource_changes``. ``before`` is read for resources that are removed."""

    actions: list[str] = []
    before: msgspec.Raw = msgspec.Raw(b"null")
    after: Any = None
    after_unknown: Any = None
    after_sensitive: Any = None
    before_sensitive: Any = None
    replace_paths: list[list[str | int]] | None = None
    importing: Any = None


# Each decoder of changes resolves them again as long as they are strings.
PlanChange.__annotations__ = get_type_hints(PlanChange)


class ResourceChange(msgspec.Struct, gc=False):
    """One entry of ``resource_changes``, its change undecoded."""

    address: str
    type: str
    change: msgspec.Raw
    mode: str = "managed"
    name: str = ""
    module_address: str = ""
    index: str | int | float | None = None
    deposed: str | None = None
    previous_address: str | None = None


class _TypeAlone(msgspec.Struct, gc=False):
    """The type of an entry of ``resource_changes``."""

    type: str


class DeferredChange(msgspec.Struct, gc=False):
    """One entry of ``deferred_changes``: what Terraform leaves to a later plan, and what it expects of it so far."""

    resource_change: ResourceChange
    reason: str = ""


class Plan(msgspec.Struct, kw_only=True):
    """A plan. ``parts`` are its outermost values, which start at the bytes ``places``; ``entries`` are those of
    ``resource_changes``, and ``deferred`` those of ``deferred_changes``. ``types`` are those of both, in this order.
    ``decoded_configuration`` has the configuration, or nothing while it is not decoded.
    """

    data: bytes
    parts: Mapping[str, msgspec.Raw]
    offsets: Mapping[str, int]
    format_version: str
    entries: list[msgspec.Raw]
    deferred: list[msgspec.Raw]
    types: list[str | None]
    decoded_configuration: list[dict[str, Any] | None]
    prior_state: msgspec.Raw | None
    drift: msgspec.Raw | None
    variables: msgspec.Raw | None
    output_changes: msgspec.Raw | None
    errored: bool
    complete: bool

    @property
    def configuration(self) -> dict[str, Any] | None:
        """Return the configuration, decoded again if it was released."""
        if not self.decoded_configuration:
            self.decoded_configuration.append(_part(self.parts, "configuration", _ANY))
        return self.decoded_configuration[0]

    def release_configuration(self) -> None:
        """Release the configuration of a large plan: once a plan is read, few need it."""
        if len(self.data) > _LARGE:
            self.decoded_configuration.clear()


# The size in bytes from which the memory for the configuration is worth decoding it twice.
_LARGE = 16 << 20
Part = TypeVar("Part")
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENTRIES = msgspec.json.Decoder(list[msgspec.Raw] | None)
_ENTRY = msgspec.json.Decoder(ResourceChange)
_TYPE_ALONE = msgspec.json.Decoder(_TypeAlone)
_TYPES_ALONE = msgspec.json.Decoder(list[_TypeAlone])
_DEFERRED = msgspec.json.Decoder(DeferredChange)
# Whichever comes first. Inside a text the quotes would be escaped, so this is a key; if it is ``change``, the type may
# stand behind it.
_TYPE = regex(rb'"(?:change|type)"\s*:\s*(?:"([^"\\]*)")?')
_VALUE = msgspec.json.Decoder(object)
_ANY = msgspec.json.Decoder(dict[str, Any])


def entry_type(entry: msgspec.Raw) -> str | None:
    """Return the resource type of an entry, read off its head where that suffices; None if it cannot be decoded."""
    match = _TYPE.search(entry)
    if match is not None and match[1] is not None:
        return match[1].decode("utf-8", "replace")
    try:
        return _TYPE_ALONE.decode(entry).type
    except DECODE_ERRORS:
        return None


def _entry_types(raw: msgspec.Raw | None, entries: Sequence[msgspec.Raw]) -> list[str | None]:
    """Return the types of ``entries``, those in ``raw``: at once if the heads lack them, as with sorted keys."""
    head = _TYPE.search(entries[0]) if entries else None
    if raw is not None and head is not None and head[1] is None:
        try:
            return [one.type for one in _TYPES_ALONE.decode(raw)]
        except DECODE_ERRORS:
            pass
    return [entry_type(entry) for entry in entries]


def decode_entry(entry: msgspec.Raw) -> ResourceChange:
    """Return an entry of ``resource_changes``, its change still raw."""
    return _ENTRY.decode(entry)


def decode_drift(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """Return the entries of ``resource_drift``, still raw."""
    return _ENTRIES.decode(raw) or []


def decode_deferred(entry: msgspec.Raw) -> DeferredChange:
    """Return an entry of ``deferred_changes``, its change still raw."""
    return _DEFERRED.decode(entry)


class ChangeDecoder:
    """Decodes changes of one resource type: only the required arguments, or all without ``arguments``.

    Its decoders are created on first use, which takes as long as decoding dozens of changes.
    """

    def __init__(self, arguments: Iterable[str] | None = None) -> None:
        self._arguments = arguments

    @cached_property
    def _type(self) -> Any:
        if self._arguments is None:
            return dict[str, Any]
        # A TypedDict makes msgspec skip every key that it does not name, without building anything.
        make: Any = TypedDict  # mypy knows only those that are written out
        return make("values", dict.fromkeys(self._arguments, Any), total=False)

    @cached_property
    def _values(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(self._type | None)

    @cached_property
    def _change(self) -> msgspec.json.Decoder[Any]:
        values = self._type
        marks = values | bool | None
        change = msgspec.defstruct(
            "TypedChange",
            [
                ("after", values | None, None),
                ("after_unknown", marks, None),
                ("after_sensitive", marks, None),
                ("before_sensitive", marks, None),
            ],
            bases=(PlanChange,),
            gc=False,
        )
        return msgspec.json.Decoder(change)

    def change(self, raw: msgspec.Raw) -> PlanChange:
        """Return the change of one resource."""
        found: PlanChange = self._change.decode(raw)
        return found

    def values(self, raw: msgspec.Raw) -> dict[str, Any]:
        """Return the values before the change."""
        found: dict[str, Any] | None = self._values.decode(raw)
        return found or {}


@cache
def whole_changes() -> ChangeDecoder:
    """Return the decoder for changes with all arguments."""
    return ChangeDecoder()


def decode_plan(data: bytes) -> Plan:
    """Return the parts of the plan ``data``. Raises InputError, with a line where there is one, for anything else."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    _refuse_other_files(data)
    try:
        return _decode_parts(data)
    except (InputError, *DECODE_ERRORS) as error:
        # Which error a deeply nested plan has depends on the limit of the interpreter.
        if isinstance(error, RecursionError) or is_nested_deeper(data, MAX_DEPTH):
            raise InputError(_TOO_DEEP, MAKE_PLAN_JSON) from error
        match error:
            case InputError():
                raise
            case msgspec.ValidationError():
                raise InputError(f"invalid plan: {decode_error(error)}", MAKE_PLAN_JSON) from error
            case _:
                raise _malformed(data, error) from error


def _decode_parts(data: bytes) -> Plan:
    parts = _RAW.decode(data)
    _refuse_other_documents(parts)
    places = members(data, parts)
    entries = _part(parts, "resource_changes", _ENTRIES) or []
    deferred = _part(parts, "deferred_changes", _ENTRIES) or []
    _refuse_deep_nesting(parts, {"resource_changes": entries, "deferred_changes": deferred})
    if len(data) <= DUPLICATES_CHECKED_UP_TO:
        _refuse_duplicate_keys(parts)
    return Plan(
        data=data,
        parts=parts,
        offsets=places,
        format_version=_text(parts.get("format_version")),
        entries=entries,
        deferred=deferred,
        types=[*_entry_types(parts.get("resource_changes"), entries), *map(entry_type, deferred)],
        decoded_configuration=[_part(parts, "configuration", _ANY)],
        prior_state=parts.get("prior_state"),
        drift=parts.get("resource_drift"),
        variables=parts.get("variables"),
        output_changes=parts.get("output_changes"),
        errored=bytes(parts.get("errored", b"")) == b"true",
        complete=bytes(parts.get("complete", b"")) != b"false",
    )


def shortcomings(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what a plan lacks for its answer to be whole: levels of problems, and texts."""
    if not plan.entries and not plan.deferred:
        yield "error", "the plan has no `resource_changes`, so no resource was evaluated"
    if plan.configuration is None:
        yield "error", "the plan has no `configuration`, so references between new resources cannot be resolved"
    if plan.errored:
        yield "error", "the plan ended with an error and is incomplete"
    elif not plan.complete:
        yield "warning", "the plan is incomplete (`-target` or deferred changes), so missing resources are unknown"
    if not plan.format_version:
        yield "warning", "the plan has no `format_version`; format 1.x is assumed"
    elif plan.format_version.startswith("0."):
        yield "warning", f"plan format {plan.format_version} is older than 1.0; format 1.x is assumed"


def variables_of(plan: Plan) -> dict[str, Any]:
    """Return the values of the root module's variables, secrets among them; those that cannot be read are left out."""
    try:
        found = _ANY.decode(plan.variables) if plan.variables is not None else {}
    except DECODE_ERRORS:
        return {}
    return {name: entry["value"] for name, entry in found.items() if isinstance(entry, dict) and "value" in entry}


def _part(parts: Mapping[str, msgspec.Raw], name: str, decoder: msgspec.json.Decoder[Part]) -> Part | None:
    """Return one of the outermost values; None if there is none."""
    raw = parts.get(name)
    try:
        return None if raw is None else decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise InputError(f"invalid plan: `{name}`: {decode_error(error)}", MAKE_PLAN_JSON) from error


def _refuse_other_files(data: bytes) -> None:
    head = data[:64].lstrip()
    if not head and not data.strip():
        raise InputError("the file is empty; expected a plan in JSON", MAKE_PLAN_JSON)
    if data[:2] == b"PK":
        raise InputError("the file is a binary plan; expected a plan in JSON", MAKE_PLAN_JSON)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[1:2] == b"\0" or data[:1] == b"\0":
        raise InputError("the file is UTF-16; expected UTF-8", MAKE_UTF8)
    if head[:9] == b'{"@level"':
        raise InputError("the file is the log of `terraform plan -json`; expected a plan in JSON", MAKE_PLAN_JSON)


def _refuse_other_documents(parts: dict[str, msgspec.Raw]) -> None:
    if "resource_changes" in parts or "planned_values" in parts:
        version = _text(parts.get("format_version"))
        if version and not version.startswith(("0.", "1.")):
            raise InputError(f"plan format {version} is not supported; expected 1.x", "update kvlint")
        return
    if "lineage" in parts or ("values" in parts and "terraform_version" in parts):
        raise InputError("the file is a Terraform state; expected a plan in JSON", MAKE_PLAN_JSON)
    if "root_module" in parts or "configuration" in parts or "provider_config" in parts:
        raise InputError("the file is a configuration without a plan", MAKE_PLAN_JSON)
    raise InputError("invalid plan: the file has neither `resource_changes` nor `planned_values`", MAKE_PLAN_JSON)


def _refuse_deep_nesting(parts: Mapping[str, msgspec.Raw], lists: Mapping[str, Sequence[msgspec.Raw]]) -> None:
    """Raise InputError if one of the outermost values is nested too deeply; ``lists`` has the entries of some.

    Most entries have fewer brackets than the limit, which is faster to see than how deep they are nested.
    """
    within = MAX_DEPTH - 2
    long = (bytes(entry) for entries in lists.values() for entry in entries if len(entry) > 2 * within)
    others = (memoryview(raw) for name, raw in parts.items() if name not in lists)
    if any(is_nested_deeper(raw, within) for raw in long) or any(is_nested_deeper(raw, within + 1) for raw in others):
        raise InputError(_TOO_DEEP, MAKE_PLAN_JSON)


def _refuse_duplicate_keys(parts: Mapping[str, msgspec.Raw]) -> None:
    for name, raw in parts.items():
        if name not in _NOT_READ and (key := duplicate_key(bytes(raw))):
            raise InputError(f"key `{key}` is duplicated", MAKE_PLAN_JSON)


def _text(raw: msgspec.Raw | None) -> str:
    if raw is None:
        return ""
    found = _VALUE.decode(raw)
    return found if isinstance(found, str) else ""


def _malformed(data: bytes, error: Exception) -> InputError:
    if isinstance(error, RepeatedKeyError):
        return InputError(f"invalid JSON: {error.reason}", MAKE_PLAN_JSON, *place(data, error.at))
    reason, line, column = fault(data)
    return InputError(f"invalid JSON: {reason}", MAKE_PLAN_JSON, line, column)


def positions(plan: Plan, numbers: Mapping[str, int], addresses: Collection[str]) -> dict[str, Place]:
    """Return the place of each address in the plan: its ``"address"`` line, or the key that names it.

    ``numbers`` are the plan entries of the addresses.
    """
    by_entry: dict[int, list[str]] = {}
    for address in addresses:
        if address in numbers:
            # All resources of a template share the entry of its deployment.
            by_entry.setdefault(numbers[address], []).append(address)
    spans = dict(_change_spans(plan, by_entry))
    spans |= _key_spans(plan, addresses)
    # The four offsets of each span and the spans themselves are in order, so that one pass finds all their places.
    ordered = sorted(spans.items(), key=lambda item: item[1][2])
    lines = ByteLines(plan.data)
    found: dict[str, Place] = {}
    for address, (start, end, low, high) in ordered:
        head_start, first, last, head_end = map(lines.place, (low, start, end, high))
        entry, context = (plan.data[start:end], first, last), (plan.data[low:high], head_start, head_end)
        found[address] = _region(first, last), LazyExcerpt(partial(_excerpt, entry, context))
    return found


# Bytes of the plan with their first and last place: line, column, and column in UTF-16 code units.
_Shown = tuple[bytes, tuple[int, int, int], tuple[int, int, int]]


def _excerpt(entry: _Shown, context: _Shown) -> Excerpt:
    """Return an excerpt of the plan."""
    return Excerpt(
        text=entry[0].decode("utf-8", "replace"),
        context=_region(*context[1:]),
        context_text=context[0].decode("utf-8", "replace"),
        utf16=_utf16_region(*entry[1:]),
        context_utf16=_utf16_region(*context[1:]),
    )


def _region(start: tuple[int, int, int], end: tuple[int, int, int]) -> Region:
    return Region(start[0], start[1], end[0], end[1])


def _utf16_region(start: tuple[int, int, int], end: tuple[int, int, int]) -> Region | None:
    """Return the region in UTF-16 code units, where that is another one."""
    if start[1] == start[2] and end[1] == end[2]:
        return None
    return Region(start[0], start[2], end[0], end[2])


def _change_spans(plan: Plan, by_entry: Mapping[int, list[str]]) -> Iterator[tuple[str, _Span]]:
    """Yield the entries with these numbers, deferred ones last. Skipping the others is cheap."""
    last = max(by_entry, default=-1)
    parts = (("resource_changes", plan.entries), ("deferred_changes", plan.deferred))
    places = chain.from_iterable(elements(plan.data, items, plan.offsets.get(name, 0)) for name, items in parts)
    for number, (start, end) in enumerate(places):
        if number > last:
            return
        if number in by_entry:
            span = _head(plan.data, start, end)
            for address in by_entry[number]:
                yield address, span


def _head(data: bytes, start: int, end: int) -> _Span:
    stop = min(end, start + _MAX_HEAD)
    change = _CHANGE.search(data, start, stop)
    head_end = change.start() if change is not None else start + 1
    if head_end > start + 1 and data[head_end - 1 : head_end] == b",":
        head_end -= 1
    address = _ADDRESS.search(data, start, head_end)
    if address is None:
        # What follows a brace is a blank, a quote or the other brace.
        return start, start + 1, start, max(head_end, start + 2)
    return address.start(), address.end(), start, head_end


def _key_spans(plan: Plan, addresses: Collection[str]) -> dict[str, _Span]:
    """Return the spans of keys in the configuration: providers, outputs and module calls of the root module."""
    found: dict[str, _Span] = {}
    # Most addresses in a plan are those of resources in modules.
    named = [address for address in addresses if address.startswith(tuple(_NAMED))]
    for prefix, path in _NAMED.items():
        names = {address.removeprefix(prefix) for address in named if address.startswith(prefix)}
        keys = {name for name in names if prefix == PROVIDER_PREFIX or "." not in name}
        try:
            found |= {prefix + key: span for key, span in _keys(plan, path, keys)} if keys else {}
        except DECODE_ERRORS:
            # A key may be duplicated, which is not checked in a large plan: then no position is certain.
            continue
    return found


def _keys(plan: Plan, path: tuple[str, ...], keys: Collection[str]) -> Iterator[tuple[str, _Span]]:
    outermost, *inner = path
    if outermost not in plan.parts:
        return
    at, here = plan.offsets[outermost], bytes(plan.parts[outermost])
    for step in inner:
        parts = _RAW.decode(here)
        if step not in parts:
            return
        at += members(here, parts)[step]
        here = bytes(parts[step])
    for key, value in members(here, _RAW.decode(here)).items():
        # The value starts after the key and its colon; the key is what the finding marks.
        text = msgspec.json.encode(key)
        start = here.rfind(text, 0, value)
        if key in keys and start >= 0:
            yield key, (at + start, at + start + len(text), at + start, at + value)

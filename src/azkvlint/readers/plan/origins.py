"""Trace where a value of a plan comes from through its configuration, and which secrets its state shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

import msgspec

from azkvlint.azure.azurerm.azapi import AZAPI
from azkvlint.azure.azurerm.secret_attributes import (
    ARGUMENT_IN_STATE,
    OTHER_SECRETS,
    SECRET_ARGUMENTS,
    SECRET_DATA_SOURCE,
    attribute_origins,
    exposing_arguments,
    has_secrets,
    output_origins,
)
from azkvlint.graph.pseudo_resources import argument, default_sensitive, module_call, output, secret_read, with_origins
from azkvlint.model.location import Location, static_address
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Scalar, Unknown, Value
from azkvlint.readers.plan.address import Names, Traversal, longest
from azkvlint.readers.plan.configuration import PlanConfiguration, expression_at, references
from azkvlint.readers.plan.document import Plan, PlanChange, ResourceChange, decode_entry, variables_of
from azkvlint.readers.plan.planned_resource import PlannedInstance
from azkvlint.syntax.json_decoder import DECODE_ERRORS
from azkvlint.values import origins as value_origins
from azkvlint.values.origins import NONE, FollowedReferences, Origins, ValueOrigin, combine, union

_SECRET: Origins = frozenset(
    {
        value_origins.SECRET,
        value_origins.CREDENTIAL,
        value_origins.PRIVATE_KEY,
        value_origins.GENERATED,
        value_origins.SECURE,
    }
)
# A shorter string may be part of another one by coincidence.
_LEAST = 8
# The maximum number of comparisons with secrets.
_MOST_SECRETS = 5_000_000
_CHANGE = msgspec.json.Decoder(PlanChange)
_OUTPUTS = msgspec.json.Decoder(dict[str, PlanChange])


class VisibleSecrets:
    """The values of a plan that are shown, and the secrets that it knows."""

    def __init__(self, configuration: PlanConfiguration, plan: Plan) -> None:
        self._configuration = configuration
        self._plan = plan
        # The planned values, by type and by address without keys.
        self._instances: dict[str, defaultdict[str, list[Any]]] = {}

    def of_output(self, name: str, found: Origins) -> Origins:
        """Return ``found``, the origins of an output's references, with secrets only if its value exposes one."""
        change = self._outputs.get(name) if found & _SECRET else None
        value = change.after if change is not None else None
        # A boolean is not a secret, even if it is computed from one.
        if change is not None and isinstance(value, bool) and not change.after_unknown:
            return found - _SECRET | {value_origins.RESOURCE}
        return self._certain(found, [value])

    def of_argument(self, address: str, type_: str, name: str, found: Origins) -> Origins:
        """Return the same for an argument of all instances of a resource; ``address`` does not contain their keys."""
        if not found & _SECRET:
            return found
        if type_ not in self._instances:
            kept = self._instances[type_] = defaultdict(list)
            for entry, change in self._changes(type_.__eq__):
                kept[static_address(entry.address)].append(change.after)
        path = (*name.split("."),)
        return self._certain(found, [_secrets_below(after, path) for after in self._instances[type_].get(address, ())])

    def _certain(self, found: Origins, values: list[Any]) -> Origins:
        if not found & _SECRET:
            return found
        texts = [text for shown in _texts(values) for text in _spellings(shown)]
        bounded = len(texts) * len(self._secrets) <= _MOST_SECRETS
        if bounded and any(one in text for text in texts for one in self._secrets):
            return found
        return found - _SECRET | {value_origins.FROM_SECRET}

    @cached_property
    def _outputs(self) -> Mapping[str, PlanChange]:
        try:
            return _OUTPUTS.decode(self._plan.output_changes) if self._plan.output_changes is not None else {}
        except DECODE_ERRORS:
            return {}

    @cached_property
    def _secrets(self) -> frozenset[str]:
        """Return all secret strings in the plan: in variables, in resource changes and in the prior state."""
        declared = self._configuration.module(()).get("variables")
        held: list[Any] = [
            value
            for name, value in variables_of(self._plan).items()
            if isinstance(node := expression_at(declared, (name,)), dict) and node.get("sensitive") is True
        ]
        entries = [(entry.type, change.after) for entry, change in self._changes(has_secrets)]
        for type_, values in [*entries, *self._prior()]:
            fields = values.items() if isinstance(values, dict) else ()
            held += [value for name, value in fields if attribute_origins(type_, name) & _SECRET]
        return frozenset(text for text in _texts(held) if len(text) >= _LEAST)

    def _prior(self) -> list[tuple[str, Any]]:
        try:
            state = self._plan.prior_state
            return [(item.type, item.decode_values()) for item in state_resources(state)] if state is not None else []
        except DECODE_ERRORS:
            return []

    def _changes(self, is_required: Callable[[str], bool]) -> Iterator[tuple[ResourceChange, PlanChange]]:
        """Yield the changes of resources of the required types; broken ones are reported elsewhere."""
        for type_, entry in zip(self._plan.types, self._plan.entries, strict=False):
            if type_ is not None and not is_required(type_):
                continue
            try:
                found = decode_entry(entry)
                if is_required(found.type):
                    yield found, _CHANGE.decode(found.change)
            except DECODE_ERRORS:
                continue


def _secrets_below(value: Any, path: tuple[str, ...]) -> list[Any]:
    """Return all values at ``path``, in every block of a list."""
    if not path:
        return [value]
    if isinstance(value, list):
        return [found for item in value for found in _secrets_below(item, path)]
    return _secrets_below(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


def _spellings(text: str) -> Iterator[str]:
    """Yield a string, and its Base64-decoded form if it has one."""
    yield text
    if len(text) % 4 or " " in text:  # few strings can be Base64, and only then is the module needed
        return
    from binascii import a2b_base64

    try:
        yield a2b_base64(text, strict_mode=True).decode()
    except ValueError:
        return


def _texts(value: Any) -> Iterator[str]:
    """Yield all strings in a value."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            yield here
        elif isinstance(here, list):
            waiting += here
        elif isinstance(here, dict):
            waiting += here.values()


class StateResource(msgspec.Struct, frozen=True):
    """A resource of a state; its values are decoded when they are needed."""

    address: str
    type: str
    mode: str = "managed"
    values: msgspec.Raw = msgspec.Raw(b"{}")
    sensitive_values: msgspec.Raw = msgspec.Raw(b"{}")

    def decode_values(self) -> dict[str, Any]:
        """Return the values. Raises what ``DECODE_ERRORS`` names."""
        found: dict[str, Any] = _VALUES.decode(self.values)
        return found

    def sensitive_marks(self) -> dict[str, Any] | bool:
        """Return which values are sensitive. Raises what ``DECODE_ERRORS`` names."""
        found: dict[str, Any] | bool = _MARKS.decode(self.sensitive_values)
        return found


class _StateModule(msgspec.Struct, frozen=True):
    resources: tuple[StateResource, ...] = ()
    child_modules: tuple[_StateModule, ...] = ()


class _StateValues(msgspec.Struct, frozen=True):
    root_module: _StateModule = _StateModule()


class _State(msgspec.Struct, frozen=True):
    values: _StateValues = _StateValues()


_STATE = msgspec.json.Decoder(_State)
_VALUES = msgspec.json.Decoder(dict[str, Any])
_MARKS = msgspec.json.Decoder(dict[str, Any] | bool)


def state_resources(raw: msgspec.Raw) -> Iterator[StateResource]:
    """Yield all resources of a state, those of its modules too. Raises what ``DECODE_ERRORS`` names."""
    waiting = [_STATE.decode(raw).values.root_module]
    while waiting:
        here = waiting.pop()
        yield from here.resources
        waiting.extend(here.child_modules)


_MOST = 50
_NULL = {"constant_value": None}
# The arguments that may set a value, the origins of the value if it is set, and its sources.
_Traced: TypeAlias = tuple[tuple[str, ...], Origins | None, tuple[ValueOrigin, ...]]
NOT_TRACED: _Traced = ((), None, ())


class PlanOrigins:
    """Follows references; what has been found of an argument holds for all instances of its resource."""

    def __init__(self, configuration: PlanConfiguration, plan: Plan) -> None:
        self._configuration = configuration
        self._plan = plan
        self._shown = VisibleSecrets(configuration, plan)
        self._known: dict[tuple[Names, str, bool | None], _Traced] = {}
        self._sources: list[ValueOrigin] = []
        self._followed = FollowedReferences()

    @cached_property
    def _variable_values(self) -> Mapping[str, Any]:
        """Return the variable values of the plan."""
        return variables_of(self._plan)

    def with_origins(self, instance: PlannedInstance, attributes: MapValue) -> MapValue:
        """Return the attributes of an azapi resource with the origins of its value, if that is set."""
        _, found, sources = self.of_block(instance.names, instance.resource)
        return attributes if found is None else with_origins(attributes, found, sources=sources)

    def of_block(self, names: Names, resource: str, in_state: bool | None = None) -> _Traced:
        """Return the azurerm arguments that may set the value, the origins of the value if it is set, and its sources.

        ``in_state`` states whether the plan has a value for the argument that the state stores, None if that is not
        known. A plan has no values of write-only arguments.
        """
        key = (names, resource, in_state)
        if key not in self._known:
            self._sources = []
            arguments, found = self._of_block(names, resource, in_state)
            self._known[key] = arguments, found, tuple(dict.fromkeys(self._sources))
        return self._known[key]

    def _of_block(self, names: Names, resource: str, in_state: bool | None) -> tuple[tuple[str, ...], Origins | None]:
        block = self._configuration.resource(names, resource)
        written = block.get("expressions")
        if not isinstance(written, dict):
            return (), frozenset({value_origins.UNTRACED})
        type_ = resource.partition(".")[0]
        if type_ in OTHER_SECRETS:
            every = [self._of_credential(names, written, name, block) for name in OTHER_SECRETS[type_]]
            return (), value_origins.of_shown(union(every)) if any(every) else None
        arguments = ("body", "sensitive_body") if type_ in AZAPI else SECRET_ARGUMENTS.get(type_, ())
        # A plan does not show which property of an azapi body a reference belongs to.
        found = {name: written[name] for name in arguments if written.get(name) not in (None, _NULL)}
        if not found:
            return (), None
        if len(found) > 1 and type_ not in AZAPI and in_state is not None:
            found = {name: one for name, one in found.items() if (name == ARGUMENT_IN_STATE) is in_state}
        return () if type_ in AZAPI else tuple(found), union(
            self._of(names, one, block, frozenset()) for one in found.values()
        )

    def _of_credential(self, names: Names, written: Mapping[str, Any], name: str, block: Mapping[str, Any]) -> Origins:
        """Return the origins of an argument, in all blocks if it is in any; none if it is not written."""
        if isinstance(written.get(name.partition(".")[0] if "." in name else ""), dict):
            return self._untraced(f"a plan does not contain the expression of `{name}` in a dynamic block")
        below = _below(written, name)
        found: Origins = NONE
        for one in below if isinstance(below, list) else [below]:
            is_constant = isinstance(one, dict) and "constant_value" in one
            if not isinstance(one, dict) or (is_constant and one["constant_value"] in (None, "")):
                continue
            found |= self._of(names, one, block, frozenset()) or (
                frozenset({value_origins.WRITTEN})
                if is_constant
                # A function of constants, such as the content of a file.
                else self._untraced(f"a plan does not contain the expression of `{name}`")
            )
        return found

    def outputs(self, path: str) -> Iterator[Resource]:
        """Yield the outputs of the root module, as resources."""
        declared = self._configuration.module(()).get("outputs")
        for name, node in declared.items() if isinstance(declared, dict) else ():
            if isinstance(node, dict):
                at = Location(path=path, address=f"output.{name}")
                sensitive = node.get("sensitive")
                marked = Scalar(at=at, value=sensitive) if isinstance(sensitive, bool) else default_sensitive(at)
                self._sources = []
                found = self._shown.of_output(name, self._of((), node.get("expression"), {}, frozenset()))
                sources = tuple(self._sources)
                yield output(name, marked, found, at, _is_ephemeral(node.get("ephemeral"), at), sources)

    def exposing_arguments(self, path: str) -> Iterator[Resource]:
        """Yield the arguments that are given a secret and show it, as resources."""
        every = list(self._configuration.blocks())
        if not any(has_secrets(str(block.get("type"))) for _, block in every):
            return
        for names, block in every:
            written = block.get("expressions")
            if block.get("mode") != "managed" or not isinstance(written, dict):
                continue
            local = str(block.get("address"))
            address = ".".join([*(f"module.{name}" for name in names), local])
            for name in exposing_arguments(str(block.get("type")), written):
                expression = _below(written, name)
                if expression is not None:
                    self._sources = []
                    found = self._of(names, expression, block, frozenset())
                    found = self._shown.of_argument(address, str(block.get("type")), name, found)
                    resource = argument(address, name, found, Location(path=path, address=address), self._sources)
                    if resource is not None:
                        yield resource

    def readings(self, path: str, version_of: Callable[[Names, str], VersionRange]) -> Iterator[Resource]:
        """Yield the data sources that read secrets, as resources."""
        for names, block in self._configuration.blocks():
            local = str(block.get("address"))
            if local.startswith(SECRET_DATA_SOURCE):
                address = ".".join([*(f"module.{name}" for name in names), local])
                yield secret_read(address, version_of(names, local), Location(path=path, address=address))

    def module_calls(self, path: str, names: Names = ()) -> Iterator[Resource]:
        """Yield the module calls, as resources."""
        calls = self._configuration.module(names).get("module_calls")
        for name, call in calls.items() if isinstance(calls, dict) else ():
            address = ".".join(f"module.{one}" for one in (*names, name))
            at = Location(path=path, address=address)
            words = (call.get(key) if isinstance(call, dict) else None for key in ("source", "version_constraint"))
            source, version = (Scalar(at=at, value=word) if isinstance(word, str) else None for word in words)
            yield module_call(address, source, version, at)
            yield from self.module_calls(path, (*names, name))

    def _of(self, names: Names, expression: Any, block: Mapping[str, Any], busy: frozenset[str]) -> Origins:
        refs = longest(tuple(references(expression)))
        if len(busy) > _MOST:
            self._followed.end_at_limit()
            return frozenset({value_origins.UNTRACED}) if refs else NONE
        return combine([self._of_reference(names, ref, block, busy) for ref in refs if ref.kind != "known"])

    def _of_reference(self, names: Names, ref: Traversal, block: Mapping[str, Any], busy: frozenset[str]) -> Origins:
        """Return the origins of a reference, which is followed once."""
        key = ".".join((*names, ref.text))

        def follow(sources: list[ValueOrigin]) -> Origins:
            outer, self._sources = self._sources, sources
            try:
                return self._follow(names, ref, block, busy | {key})
            finally:
                self._sources = outer

        # Blocks live as long as the configuration.
        loop = id(block) if ref.kind == "each" and block else 0
        return self._followed.follow(key, (key, loop), busy, follow, lambda: True, self._sources)

    def _follow(self, names: Names, ref: Traversal, block: Mapping[str, Any], inner: frozenset[str]) -> Origins:
        match ref.kind:
            case "var":
                return value_origins.with_name_kind(self._variable(names, ref.name, inner), (ref.name, *ref.rest))
            case "module":
                found = self._output((*names, ref.name), str(ref.rest[0]) if ref.rest else "", inner)
                return value_origins.with_name_kind(found, ref.rest)
            case "each":
                return self._of(names, block.get("for_each_expression"), {}, inner)
            case "azure" | "other":
                return value_origins.with_name_kind(self._attribute(names, ref, inner), ref.rest)
        if ref.text.startswith("ephemeral."):
            parts = ref.text.split(".")
            return attribute_origins(parts[1] if len(parts) > 1 else "", parts[-1])
        return self._untraced(f"a plan does not contain the expression of `{ref.text}`")

    def _untraced(self, why: str) -> Origins:
        self._sources.append(ValueOrigin(value_origins.UNTRACED, why, None))
        return frozenset({value_origins.UNTRACED})

    def _variable(self, names: Names, name: str, busy: frozenset[str]) -> Origins:
        given = self._configuration.call(names).get("expressions") if names else None
        if isinstance(given, dict) and name in given:
            return self._of(names[:-1], given[name], self._configuration.call(names), busy)
        declared = expression_at(self._configuration.module(names).get("variables"), (name,))
        if not isinstance(declared, dict):
            return self._untraced(f"`var.{name}` is not declared")
        default = declared.get("default")
        value = None if names else self._variable_values.get(name)
        secure = declared.get("sensitive") is True
        if default not in (None, "") and value in (None, default):
            found = frozenset({value_origins.DEFAULT})
            self._sources.append(ValueOrigin(value_origins.DEFAULT, f"default of `var.{name}`", None))
        else:
            found = frozenset({value_origins.SECURE if secure else value_origins.PARAMETER})
            if not secure:
                text = f"`var.{name}` is not marked as sensitive"
                self._sources.append(ValueOrigin(value_origins.PARAMETER, text, None))
        return value_origins.secure_parameter_origins(found, name) if secure else found

    def _output(self, names: Names, name: str, busy: frozenset[str]) -> Origins:
        found = expression_at(self._configuration.module(names).get("outputs"), (name,))
        if isinstance(found, dict):
            return self._of(names, found.get("expression"), {}, busy)
        output = ".".join([*(f"module.{one}" for one in names), *([name] if name else [])])
        return output_origins(name, f"a plan does not contain the expression of `{output}`", self._sources)

    def _attribute(self, names: Names, ref: Traversal, busy: frozenset[str]) -> Origins:
        """Return the origins of an attribute of a resource, either of the attribute itself or of its expression."""
        name = str(ref.rest[0]) if ref.rest else ""
        found = attribute_origins(ref.type, name, str(ref.rest[-1]) if len(ref.rest) > 1 else "")
        block = self._configuration.resource(names, ref.name)
        written = expression_at(block.get("expressions"), (name,)) if name else None
        if written is None or found & {value_origins.SECRET, value_origins.PRIVATE_KEY, value_origins.GENERATED}:
            return found
        return found | self._of(names, written, block, busy)


def _below(written: Mapping[str, Any], name: str) -> Any:
    """Return the expression of an argument, or those of all blocks of a type."""
    block, _, attribute = name.rpartition(".")
    if not block:
        return written.get(attribute)
    inner = written.get(block)
    return [one[attribute] for one in inner if isinstance(one, dict) and attribute in one] if inner else None


def _is_ephemeral(flag: object, at: Location) -> Value | None:
    """Return whether an output is ephemeral, or None if it does not say so."""
    if flag is None or isinstance(flag, bool):
        return Scalar(at=at, value=True) if flag else None
    return Unknown(at=at, why="`ephemeral` is not true or false")

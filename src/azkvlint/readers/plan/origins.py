"""Where a value of a plan comes from, followed through its configuration, which shows references but no values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeAlias

from azkvlint.azure.azurerm import credentials
from azkvlint.azure.azurerm.azapi import AZAPI
from azkvlint.azure.azurerm.credentials import READING, exposing_arguments, has_secrets
from azkvlint.graph import value_origins
from azkvlint.graph.pseudo_resources import argument, default_sensitive, module_call, output, secret_read, with_origins
from azkvlint.graph.value_origins import NONE, Origins, Source, combine, union
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Scalar, Unknown, Value
from azkvlint.readers.plan.address import Names
from azkvlint.readers.plan.configuration import Configuration, expression_at, references
from azkvlint.readers.plan.document import Plan, variables_of
from azkvlint.readers.plan.planned_resource import Instance
from azkvlint.readers.plan.secret_visibility import VisibleSecrets
from azkvlint.readers.plan.traversal import Traversal, longest

_MOST = 50
_NULL = {"constant_value": None}
# The arguments that may set a value, the origins of the value if it is set, and its sources.
_Traced: TypeAlias = tuple[tuple[str, ...], Origins | None, tuple[Source, ...]]
NOT_TRACED: _Traced = ((), None, ())


class PlanOrigins:
    """Follows references; what has been found of an argument holds for all instances of its resource."""

    def __init__(self, configuration: Configuration, plan: Plan) -> None:
        self._configuration = configuration
        self._plan = plan
        self._shown = VisibleSecrets(configuration, plan)
        self._known: dict[tuple[Names, str, bool | None], _Traced] = {}
        self._sources: list[Source] = []

    @cached_property
    def _given(self) -> Mapping[str, Any]:
        """Return the variable values of the plan."""
        return variables_of(self._plan)

    def with_origins(self, instance: Instance, attributes: MapValue) -> MapValue:
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
        if type_ in credentials.OTHER_SECRETS:
            every = [self._of_credential(names, written, name, block) for name in credentials.OTHER_SECRETS[type_]]
            return (), union(every) if any(every) else None
        arguments = ("body", "sensitive_body") if type_ in AZAPI else credentials.ARGUMENTS.get(type_, ())
        # A plan does not show which property of an azapi body a reference belongs to.
        found = {name: written[name] for name in arguments if written.get(name) not in (None, _NULL)}
        if not found:
            return (), None
        if len(found) > 1 and type_ not in AZAPI and in_state is not None:
            found = {name: one for name, one in found.items() if (name == credentials.IN_STATE) is in_state}
        return () if type_ in AZAPI else tuple(found), union(
            self._of(names, one, block, frozenset()) for one in found.values()
        )

    def _of_credential(self, names: Names, written: Mapping[str, Any], name: str, block: Mapping[str, Any]) -> Origins:
        """Return the origins of an argument, in all blocks if it is in any; none if it is not written."""
        if isinstance(written.get(name.partition(".")[0] if "." in name else ""), dict):
            # It is unknown whether the block exists and what it contains.
            return frozenset({value_origins.UNTRACED})
        below = _below(written, name)
        found: Origins = NONE
        for one in below if isinstance(below, list) else [below]:
            is_constant = isinstance(one, dict) and "constant_value" in one
            if not isinstance(one, dict) or (is_constant and one["constant_value"] in (None, "")):
                continue
            # A plan does not show the result of a function of constants, such as the content of a file.
            word = value_origins.WRITTEN if is_constant else value_origins.UNTRACED
            found |= self._of(names, one, block, frozenset()) or frozenset({word})
        return found

    def outputs(self, path: str) -> Iterator[Resource]:
        """Yield the outputs of the root module, as resources."""
        declared = self._configuration.module(()).get("outputs")
        for name, node in declared.items() if isinstance(declared, dict) else ():
            if isinstance(node, dict):
                at = Location(path=path, address=f"output.{name}")
                sensitive = node.get("sensitive")
                marked = Scalar(at=at, value=sensitive) if isinstance(sensitive, bool) else default_sensitive(at)
                found = self._shown.of_output(name, self._of((), node.get("expression"), {}, frozenset()))
                yield output(name, marked, found, at, _is_ephemeral(node.get("ephemeral"), at))

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
            for name in exposing_arguments(str(block.get("type"))):
                expression = _below(written, name)
                if expression is not None:
                    found = self._of(names, expression, block, frozenset())
                    found = self._shown.of_argument(address, str(block.get("type")), name, found)
                    resource = argument(address, name, found, Location(path=path, address=address))
                    if resource is not None:
                        yield resource

    def readings(self, path: str, version_of: Callable[[Names, str], VersionRange]) -> Iterator[Resource]:
        """Yield the data sources that read secrets, as resources."""
        for names, block in self._configuration.blocks():
            local = str(block.get("address"))
            if local.startswith(READING):
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
            return frozenset({value_origins.UNTRACED}) if refs else NONE
        return combine([self._one(names, ref, block, busy) for ref in refs])

    def _one(self, names: Names, ref: Traversal, block: Mapping[str, Any], busy: frozenset[str]) -> Origins:
        key = ".".join((*names, ref.text))
        if key in busy:
            return NONE
        inner = busy | {key}
        match ref.kind:
            case "known":
                return NONE
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
            return credentials.attribute_origins(parts[1] if len(parts) > 1 else "", parts[-1])
        return frozenset({value_origins.UNTRACED})

    def _variable(self, names: Names, name: str, busy: frozenset[str]) -> Origins:
        given = self._configuration.call(names).get("expressions") if names else None
        if isinstance(given, dict) and name in given:
            return self._of(names[:-1], given[name], self._configuration.call(names), busy)
        declared = expression_at(self._configuration.module(names).get("variables"), (name,))
        if not isinstance(declared, dict):
            return frozenset({value_origins.UNTRACED})
        default = declared.get("default")
        value = None if names else self._given.get(name)
        secure = declared.get("sensitive") is True
        if default not in (None, "") and value in (None, default):
            found = frozenset({value_origins.DEFAULT})
            self._sources.append(Source(value_origins.DEFAULT, f"default of `var.{name}`", None))
        else:
            found = frozenset({value_origins.SECURE if secure else value_origins.PARAMETER})
            if not secure:
                text = f"`var.{name}` is not marked as sensitive"
                self._sources.append(Source(value_origins.PARAMETER, text, None))
        return value_origins.secure_parameter_origins(found, name) if secure else found

    def _output(self, names: Names, name: str, busy: frozenset[str]) -> Origins:
        found = expression_at(self._configuration.module(names).get("outputs"), (name,))
        if not isinstance(found, dict):
            return credentials.output_origins(name)
        return self._of(names, found.get("expression"), {}, busy)

    def _attribute(self, names: Names, ref: Traversal, busy: frozenset[str]) -> Origins:
        """Return the origins of an attribute of a resource, either of the attribute itself or of its expression."""
        name = str(ref.rest[0]) if ref.rest else ""
        found = credentials.attribute_origins(ref.type, name)
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

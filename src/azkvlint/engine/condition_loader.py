"""Decode the conditions and the edits of a rule file."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from azkvlint.engine.operators import ip_range
from azkvlint.engine.schema import (
    CONDITIONS,
    EDIT_COMMANDS,
    EDIT_KEYS,
    EDIT_OPERATIONS,
    FIX_LANGUAGES,
    LINK,
    NEGATED_OPERATORS,
    OPERATORS,
    PRESENCE,
    REPETITIONS,
    STEP_KEYS,
    OperandKind,
)
from azkvlint.engine.yaml_decoder import Decoder, MappingFields, describe, either, suggestion
from azkvlint.model.effect import CLASSES, Effect, merged
from azkvlint.model.rule import (
    All,
    AnyOf,
    AttributeCondition,
    Condition,
    EditPlan,
    EditStep,
    Given,
    ItemsCondition,
    Linked,
    Not,
    Operand,
)
from azkvlint.model.value import Path, Plain
from azkvlint.syntax.attribute_path import PathError, parse_path
from azkvlint.syntax.yaml_nodes import ListNode, MapNode, Node, ScalarNode, data

# The keys of each kind of condition, and the required ones.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "attribute": ("attribute", *OPERATORS, *NEGATED_OPERATORS, "default"),
    "all": ("all",),
    "any": ("any",),
    "not": ("not",),
    "some": ("some", "where"),
    "every": ("every", "where"),
    "linked_from": ("linked_from", "via", "where"),
    "links_to": ("links_to", "via", "where"),
    "given": ("given",),
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "some": ("where",),
    "every": ("where",),
    "linked_from": ("via",),
    "links_to": ("via",),
}
_NOTHING: Condition = All(())
# The operations that write a value, and those that name attributes.
_WITH_VALUE, _WITH_NAMES = ("set", "rename", "append"), ("set", "rename", "remove", "append")
# The words that other operations accept.
_WORDS = {
    "api_version": ("supported",), "constraint": ("supported",), "pin": ("version",), "versionless": (True,),
    "secure": (True,),
}  # fmt: skip


class _ConditionContext(msgspec.Struct, frozen=True):
    """The context of a condition: in ``some`` or ``every`` (``item``), in ``not`` (``negated``)."""

    item: bool = False
    negated: bool = False


_TOP = _ConditionContext()


class ConditionDecoder:
    """Decodes the conditions of one rule. ``used`` are the parameters to which they refer, ``attributes`` what they
    compare.
    """

    def __init__(self, decoder: Decoder, parameters: Mapping[str, Operand | None]) -> None:
        self.used: set[str] = set()
        self.attributes: set[str] = set()
        self._decoder = decoder
        self._parameters = parameters

    def conditions(self, node: Node | None, label: str, scope: _ConditionContext = _TOP) -> Condition:
        """Decode a condition, or a list of conditions that must all hold; None always holds."""
        if node is None:
            return _NOTHING
        if isinstance(node, ListNode):
            return All(self._list(node, label, scope))
        return self._condition(node, scope)

    def _list(self, node: Node, label: str, scope: _ConditionContext) -> tuple[Condition, ...]:
        return tuple(self._condition(item, scope) for item in self._decoder.items(node, label))

    def _condition(self, node: Node, scope: _ConditionContext) -> Condition:
        if not isinstance(node, MapNode):
            self._decoder.mismatch(node, "a condition", "a mapping")
            return _NOTHING
        heads = [key for key, _ in node.entries if key.value in CONDITIONS]
        if len(heads) != 1:
            self._report_unknown_kind(node, heads)
            return _NOTHING
        kind = str(heads[0].value)
        fields = self._decoder.fields(node, CONDITIONS[kind], _KEYS[kind], _REQUIRED.get(kind, ()))
        body = fields[kind]
        match kind:
            case "attribute":
                return self._attribute(fields, scope)
            case "all":
                return All(self._list(body, kind, scope))
            case "any":
                return AnyOf(self._list(body, kind, scope))
            case "not":
                return Not(self.conditions(body, kind, _ConditionContext(item=scope.item, negated=True)))
            case "some" | "every":
                text, path = self._path(body, kind, scope)
                self.attributes.add(text)
                where = self.conditions(
                    fields.get("where"), "where", _ConditionContext(item=True, negated=scope.negated)
                )
                return ItemsCondition(quantifier=kind, path=path, text=text, where=where)
            case "given":
                return self._given(body)
            case _:
                types = self._decoder.resource_types(body, kind)
                via, _ = self._path(fields.get("via"), "via", _TOP)
                where = self.conditions(fields.get("where"), "where", _ConditionContext(negated=scope.negated))
                return Linked(direction=kind, types=types, via=via, where=where)

    def _given(self, node: Node) -> Condition:
        name = self._decoder.line(node, "given")
        if name and name not in self._parameters:
            self._decoder.fault(node, f"there is no parameter {name!r}{suggestion(name, self._parameters)}")
        self.used.add(name)
        return Given(name)

    def _report_unknown_kind(self, node: MapNode, heads: list[ScalarNode]) -> None:
        """Report a mapping that is not exactly one condition."""
        if heads:
            text = f"{heads[0].value!r} and {heads[1].value!r} are two conditions, not one"
            self._decoder.fault(heads[1], text)
            return
        known = frozenset(key for keys in _KEYS.values() for key in keys)
        for key, _ in node.entries:
            hint = suggestion(key.value, CONDITIONS) if key.value not in known else ""
            if hint:
                self._decoder.fault(key, f"a condition has no key {key.value!r}{hint}")
                return
        self._decoder.fault(node, f"a condition needs {either(CONDITIONS)}:")

    def _path(self, node: Node | None, label: str, scope: _ConditionContext) -> tuple[str, Path]:
        """Return the path as text, and parsed."""
        text = self._decoder.line(node, label)
        if node is None or not text:
            return text, ()
        try:
            path = parse_path(text)
        except PathError as error:
            self._decoder.fault(node, str(error))
            return text, ()
        if not path and not scope.item:
            self._decoder.fault(node, "'$' is the item of some: or every:, and there is none here")
        return text, path

    def _attribute(self, fields: MappingFields, scope: _ConditionContext) -> Condition:
        text, path = self._path(fields["attribute"], "attribute", scope)
        self.attributes.add(text)
        operators = [key for key in fields if key in OPERATORS or key in NEGATED_OPERATORS]
        if len(operators) != 1:
            if operators:
                second = fields.key(operators[1])
                self._decoder.fault(second, f"{operators[0]!r} and {operators[1]!r} are two operators, not one")
            elif fields.complete:
                self._decoder.fault(fields.node, f"an attribute condition needs {either(OPERATORS)}:")
            return _NOTHING
        operator = NEGATED_OPERATORS.get(operators[0], operators[0])
        operand = self._operand(fields[operators[0]], operator)
        is_negated = operator != operators[0]
        if is_negated and "default" in fields:
            self._decoder.fault(fields.key("default"), f"{operators[0]}: does not accept default:; use not:")
        default = self._default(fields, operator, operand)
        # `$` is the item itself, which is never absent.
        may_be_missing = path or not scope.item
        needs_default = scope.negated and may_be_missing and operator != "is" and not is_negated
        if needs_default and fields.complete and "default" not in fields:
            self._decoder.fault(fields.node, "inside not: an attribute condition needs default:")
        if operand is None:
            return _NOTHING
        condition = AttributeCondition(path=path, text=text, operator=operator, operand=operand, default=default)
        return Not(condition) if is_negated else condition

    def _operand(self, node: Node, operator: str) -> Operand | None:
        """Return the operand, which may be ``$name``; None if it does not fit the operator."""
        value = data(node)
        if isinstance(value, str) and value.startswith("$"):
            return value if self._parameter_fits(node, operator, value[1:]) else None
        fault = operand_mismatch(OPERATORS[operator], value)
        if value == []:
            fault = "a list of at least one item"
        elif isinstance(value, list) and any(_names_parameter(item) for item in value):
            fault = "a list without parameters; a parameter replaces a whole list"
        if fault:
            self._decoder.fault(node, f"{operator} requires {fault}")
            return None
        return tuple(value) if isinstance(value, list) else value

    def _parameter_fits(self, node: Node, operator: str, name: str) -> bool:
        expected = OPERATORS[operator]
        if expected is OperandKind.PRESENCE:
            self._decoder.fault(node, f"{operator} accepts {expected.value}, not a parameter")
            return False
        if name not in self._parameters:
            self._decoder.fault(node, f"there is no parameter {name!r}{suggestion(name, self._parameters)}")
            return False
        self.used.add(name)
        default = self._parameters[name]
        if default is None:  # its own fault has been reported
            return False
        fault = operand_mismatch(expected, default)
        if fault:
            self._decoder.fault(node, f"the default of parameter {name!r} is invalid: {operator} requires {fault}")
        return not fault

    def _default(self, fields: MappingFields, operator: str, operand: Operand | None) -> Plain | None:
        node = fields.get("default")
        if node is None:
            return None
        value = self._decoder.plain(node, "default")
        if operator == "is":
            self._decoder.fault(fields.key("default"), "is: does not accept default:")
        elif value is None or operand is None:
            return value
        elif _names_parameter(value):
            self._decoder.fault(node, "a default cannot be a parameter")
        elif operator == "length_at_least":
            if not isinstance(value, str):
                self._decoder.fault(node, f"default {value!r} has no length; use a string, such as ''")
        else:
            operands = self._parameters[str(operand)[1:]] if _names_parameter(operand) else operand
            types = {_type(item) for item in (operands if isinstance(operands, tuple) else (operands,))}
            if types and _type(value) not in types:
                self._decoder.fault(
                    node, f"default {value!r} and {operator} {_format_operand(operand)} are of two types"
                )
        return value


def operand_mismatch(expected: OperandKind, value: Any) -> str:
    """Return the expected and the actual operand for a message; "" if it fits."""
    match expected:
        case OperandKind.PLAIN:
            fits = isinstance(value, Plain)
        case OperandKind.LIST:
            fits = isinstance(value, list | tuple) and all(isinstance(item, Plain) for item in value)
        case OperandKind.NUMBER:
            fits = _type(value) == "number"
        case OperandKind.PRESENCE:
            fits = value in PRESENCE
        case OperandKind.PATTERN:
            fits = isinstance(value, str) and _is_pattern(value)
        case OperandKind.COUNT:
            fits = type(value) is int and value >= 0
        case OperandKind.RANGES:
            fits = isinstance(value, list | tuple) and all(ip_range(item) is not None for item in value)
    return "" if fits else f"{expected.value}, not {describe(value)}"


def _is_pattern(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a pattern that Python warns about may change its meaning
        try:
            re.compile(text, re.IGNORECASE)
        except (re.error, Warning, OverflowError, RecursionError):
            return False
    return True


def _names_parameter(value: object) -> bool:
    return isinstance(value, str) and value.startswith("$")


def _type(value: object) -> str:
    """Return the type of a plain value. Integers and floats are one type."""
    return "number" if type(value) in (int, float) else type(value).__name__


def _format_operand(operand: Operand) -> str:
    if isinstance(operand, tuple):
        return repr(list(operand))
    return str(operand) if _names_parameter(operand) else repr(operand)


class EditDecoder:
    """Decodes the edits of a rule with these parameters; ``used`` are those that its values refer to."""

    def __init__(self, decoder: Decoder, parameters: Collection[str]) -> None:
        self._decoder = decoder
        self._parameters = parameters
        self.used: set[str] = set()

    def plans(self, node: Node | None) -> Iterator[EditPlan]:
        """Yield the ways to fix a finding, in the order in which they are tried."""
        for item in self._decoder.items(node, "edits"):
            fields = self._decoder.fields(item, "an edit", EDIT_KEYS)
            yield EditPlan(
                steps=tuple(self._steps(item, fields)),
                languages=self._languages(fields.get("language")),
                effects=self._effects(fields.get("unsafe")),
                sources=self._decoder.texts(fields.get("sources"), "sources", LINK, "an https:// link"),
                decision=self._decoder.line(fields.get("decision"), "decision"),
                if_run=self._commands(fields.get("if_run")),
                if_ignored=self._conditional(fields, "unsafe_if_ignored"),
                if_fails=self._conditional(fields, "unsafe_if_fails"),
                if_unknown=self._conditional(fields, "unsafe_if_unknown"),
                if_passes=self._conditional(fields, "unsafe_if_passes"),
                if_repeated=self._conditional(fields, "unsafe_if_repeated", REPETITIONS),
                unless_unknown=self._decoder.texts(fields.get("unless_unknown"), "unless_unknown"),
                otherwise=self._decoder.line(fields.get("otherwise"), "otherwise"),
                unless_tested=self._decoder.flag(fields.get("unless_tested"), "unless_tested"),
            )

    def _conditional(
        self, fields: MappingFields, key: str, cases: Collection[str] = ()
    ) -> dict[str, tuple[Effect, ...]]:
        """Return the effects that a change has in some cases, by case. Without ``cases``, there can be others."""
        found = {}
        for case, value in self._decoder.entries(fields.get(key), key):
            if cases and str(case.value) not in cases:
                self._decoder.mismatch(case, key, either(cases))
            found[str(case.value)] = self._effects(value)
        return found

    def _effects(self, node: Node | None) -> tuple[Effect, ...]:
        """Return the effects for which a change is not safe, by class."""
        found = []
        for key, value in self._decoder.entries(node, "unsafe"):
            if str(key.value) not in CLASSES:
                self._decoder.mismatch(key, "unsafe", either(CLASSES))
            found.append(Effect(str(key.value), self._decoder.line(value, str(key.value))))
        return merged(found) if all(effect.name in CLASSES for effect in found) else ()

    def _commands(self, node: Node | None) -> dict[str, str]:
        """Return what happens to commands in scripts, by command."""
        found = {}
        for key, value in self._decoder.entries(node, "if_run"):
            if str(key.value) not in EDIT_COMMANDS:
                self._decoder.mismatch(key, "if_run", either(EDIT_COMMANDS))
            found[str(key.value)] = self._decoder.line(value, str(key.value))
        return found

    def _languages(self, node: Node | None) -> tuple[str, ...]:
        """Return one language, or a list of them."""
        nodes = node.items if isinstance(node, ListNode) else () if node is None else (node,)
        return tuple(self._decoder.word(item, "language", FIX_LANGUAGES, "") for item in nodes)

    def _steps(self, item: Node, fields: MappingFields) -> Iterator[EditStep]:
        operations = [name for name in (*EDIT_OPERATIONS, "all", "decision") if name in fields]
        if fields.complete and len(operations) != 1:
            self._decoder.fault(item, f"an edit needs one of {either((*EDIT_OPERATIONS, 'all', 'decision'))}")
            return
        if "all" in fields:
            for step in self._decoder.items(fields["all"], "all"):
                below = self._decoder.fields(step, "a step", (*STEP_KEYS, "unsafe"))
                if below.complete and sum(name in below for name in EDIT_OPERATIONS) != 1:
                    self._decoder.fault(step, f"a step needs one of {either(EDIT_OPERATIONS)}")
                elif below.complete:
                    effects = self._effects(below.get("unsafe"))
                    yield msgspec.structs.replace(self._step(step, below), effects=effects)
        elif "decision" not in fields and fields.complete:
            yield self._step(item, fields)

    def _step(self, item: Node, fields: MappingFields) -> EditStep:
        decoder = self._decoder
        operation = next(name for name in EDIT_OPERATIONS if name in fields)
        names: tuple[str, ...] = ()
        if operation in _WITH_NAMES:
            names = self._names(fields[operation], operation)
        elif not any(repr(data(fields[operation])) == repr(word) for word in _WORDS[operation]):
            decoder.mismatch(fields[operation], operation, either(str(word).lower() for word in _WORDS[operation]))
        value = fields.get("to")
        choices = fields.get("to_least_of")
        if (operation in _WITH_VALUE) == (value is None and choices is None):
            word = "needs to:" if operation in _WITH_VALUE else "must not have to:"
            decoder.fault(item, f"{operation} {word}")
        if choices is not None and value is not None:
            decoder.fault(choices, "either to: or to_least_of:, not both")
        types = fields.get("resource")
        return EditStep(
            operation=operation,
            names=names,
            value=None if value is None else self._value(value),
            choices=decoder.integers(choices, "to_least_of"),
            is_linked=decoder.word(fields.get("on"), "on", ("linked",), "") == "linked",
            unless_used=self._uses(fields, "unless_used", names),
            unless_run=self._uses(fields, "unless_run", names),
            unless_variable=self._decoder.texts(fields.get("unless_variable"), "unless_variable"),
            if_absent=decoder.flag(fields.get("if_absent"), "if_absent"),
            if_reported=decoder.flag(fields.get("if_reported"), "if_reported"),
            resources=() if types is None else decoder.resource_types(types, "resource"),
        )

    def _names(self, node: Node, label: str) -> tuple[str, ...]:
        nodes = node.items if isinstance(node, ListNode) else (node,)
        names = tuple(self._decoder.line(item, label) for item in nodes)
        for item, name in zip(nodes, names, strict=True):
            try:
                if name:
                    parse_path(name)
            except PathError as error:
                self._decoder.fault(item, f"{label}: {error}")
        return names

    def _uses(self, fields: MappingFields, label: str, names: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the texts that show the use of an attribute, by attribute."""
        found = {}
        for key, value in self._decoder.entries(fields.get(label), label):
            if str(key.value) not in names:
                self._decoder.mismatch(key, label, either(names))
            found[str(key.value)] = self._decoder.texts(value, str(key.value))
        return found

    def _value(self, node: Node) -> object:
        """Return a plain value, a list or a mapping of such, or ``$name`` for a parameter."""
        value = data(node)
        for name in _parameters_in(value):
            if name not in self._parameters:
                self._decoder.fault(node, f"there is no parameter {name!r}")
            self.used.add(name)
        if value in (None, [], {}):
            self._decoder.mismatch(node, "to", "a value")
        return value


def _parameters_in(value: object) -> Iterator[str]:
    """Yield the names of the parameters in a value."""
    if isinstance(value, str) and value.startswith("$"):
        yield value[1:]
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parameters_in(item)

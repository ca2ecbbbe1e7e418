"""Load the edits of a rule: how a finding is fixed, as data."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from azkvlint.engine.schema import EDIT_KEYS, EDIT_OPERATIONS, FIX_LANGUAGES, STEP_KEYS
from azkvlint.engine.yaml_decoder import Decoder, Fields, either
from azkvlint.model.rule import EditPlan, EditStep
from azkvlint.syntax.attribute_path import PathError, parse_path
from azkvlint.syntax.yaml_nodes import ListNode, Node, data

# The operations that write a value, and those that name attributes.
_WITH_VALUE, _WITH_NAMES = ("set", "rename", "append"), ("set", "rename", "remove", "append")
# The words that other operations accept.
_WORDS = {"api_version": ("supported",), "pin": ("version",), "versionless": (True,), "secure": (True,)}


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
                consequence=self._decoder.line(fields.get("unsafe"), "unsafe"),
                decision=self._decoder.line(fields.get("decision"), "decision"),
            )

    def _languages(self, node: Node | None) -> tuple[str, ...]:
        """Return one language, or a list of them."""
        nodes = node.items if isinstance(node, ListNode) else () if node is None else (node,)
        return tuple(self._decoder.word(item, "language", FIX_LANGUAGES, "") for item in nodes)

    def _steps(self, item: Node, fields: Fields) -> Iterator[EditStep]:
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
                    consequence = self._decoder.line(below.get("unsafe"), "unsafe")
                    yield msgspec.structs.replace(self._step(step, below), consequence=consequence)
        elif "decision" not in fields and fields.complete:
            yield self._step(item, fields)

    def _step(self, item: Node, fields: Fields) -> EditStep:
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
            unless_used=self._uses(fields.get("unless_used"), names),
            if_absent=decoder.flag(fields.get("if_absent"), "if_absent"),
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

    def _uses(self, node: Node | None, names: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Return the texts that show the use of an attribute, by attribute."""
        found = {}
        for key, value in self._decoder.entries(node, "unless_used"):
            if str(key.value) not in names:
                self._decoder.mismatch(key, "unless_used", either(names))
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

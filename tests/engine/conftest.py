"""Graphs and conditions in few words, so that a test says only what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from azkvlint.engine.compiler import compile_condition
from azkvlint.engine.evaluator import RuleEvaluator, Verdicts
from azkvlint.engine.graph_index import GraphIndex, Trail
from azkvlint.model.finding import Evidence, Finding, Outcome
from azkvlint.model.location import Location
from azkvlint.model.resource import Reference, Resource, ResourceGraph
from azkvlint.model.rule import All, AttributeCondition, Condition, ItemsCondition, Linked, Parameter, Rule, Severity
from azkvlint.model.value import Link, ListValue, MapValue, Plain, Scalar, Unknown, Value
from azkvlint.syntax.attribute_path import parse_path

PATH = "plan.json"
VAULT = "Microsoft.KeyVault/vaults"
AT = Location(path=PATH)
NOTHING = All(())


class Answer(NamedTuple):
    """What a condition says of a resource, and the evidence that it leaves."""

    outcome: Outcome
    trail: list[Evidence]


class Build:
    """Makes the parts of a graph and of rules, and asks the one about the other."""

    unknown = Unknown(at=AT, why="known after apply, from var.x")
    link = Link(at=AT, target="azurerm_key_vault.other", type=VAULT)

    def value(self, plain: Any) -> Value:
        """Plain data as a Value; Values in it stay what they are."""
        match plain:
            case dict():
                fields = {name: self.value(field) for name, field in plain.items() if field is not None}
                return MapValue(at=AT, fields=fields)
            case list():
                return ListValue(at=AT, items=tuple(self.value(item) for item in plain))
            case str() | int() | float():
                return Scalar(at=AT, value=plain)
            case _:
                assert isinstance(plain, (Scalar, ListValue, MapValue, Link, Unknown))
                return plain

    def resource(self, address: str = "kv", type_: str = VAULT, /, **said: Any) -> Resource:
        """A resource; keywords are attributes, but for ``action``, ``existing`` and ``common``."""
        own = {name: said.pop(name) for name in ("action", "existing", "common") if name in said}
        attributes = self.value(said)
        assert isinstance(attributes, MapValue)
        return Resource(
            address=address,
            type=type_,
            name=address,
            attributes=attributes,
            at=Location(path=PATH, address=address),
            declared_as="azurerm_thing",
            **own,
        )

    def reference(self, source: str, via: str = "scope", /, **said: Any) -> Reference:
        """A reference; ``value`` is a link unless said otherwise."""
        value = said.pop("value", self.link if "targets" in said else self.unknown)
        return Reference(source=source, via=via, value=value, **said)

    def graph(self, *resources: Resource, references: tuple[Reference, ...] = (), closed: bool = True) -> ResourceGraph:
        """A graph of these resources, in this order."""
        vias: dict[str, tuple[Reference, ...]] = {}
        for reference in references:
            vias[reference.via] = (*vias.get(reference.via, ()), reference)
        return ResourceGraph(
            resources={resource.address: resource for resource in resources}, references=vias, is_complete=closed
        )

    def attribute(self, path: str, default: Plain | None = None, **operator: Any) -> AttributeCondition:
        """``attribute("a.b", equals=1)``."""
        ((name, operand),) = operator.items()
        return AttributeCondition(path=parse_path(path), text=path, operator=name, operand=operand, default=default)

    def items(self, quantifier: str, path: str, where: Condition) -> ItemsCondition:
        """``some`` or ``every`` item."""
        return ItemsCondition(quantifier=quantifier, path=parse_path(path), text=path, where=where)

    def linked(self, direction: str, *types: str, via: str = "scope", where: Condition = NOTHING) -> Linked:
        """``linked_from`` or ``links_to``."""
        return Linked(direction=direction, types=types, via=via, where=where)

    def rule(self, require: Condition = NOTHING, **said: Any) -> Rule:
        """A rule about vaults, unless said otherwise."""
        fields: dict[str, Any] = {
            "id": "ABC-1",
            "name": "a-rule",
            "title": "A rule",
            "severity": Severity.HIGH,
            "resources": (VAULT,),
            "when": NOTHING,
            "message": "{resource} is wrong",
            "why": "",
            "fixes": {},
            "references": (),
            "examples": (),
            "path": "rules/ABC-1-a-rule.yaml",
        }
        return Rule(require=require, **(fields | said))

    def parameter(self, name: str, default: Any) -> Parameter:
        """A parameter of a rule."""
        return Parameter(name=name, about="", default=default)

    def ask(
        self,
        condition: Condition,
        graph: ResourceGraph | Resource,
        address: str = "kv",
        parameters: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Judge one resource with and without a trail; both must come to the same outcome."""
        graph = self.graph(graph) if isinstance(graph, Resource) else graph
        judge, resource = compile_condition(condition, parameters or {}), graph.resources[address]
        trail: Trail = []
        outcome = judge(resource.attributes, resource, GraphIndex(graph), trail, "")
        assert judge(resource.attributes, resource, GraphIndex(graph), None, "") is outcome
        return Answer(outcome, trail)

    def evaluate(self, graph: ResourceGraph | Resource, *rules: Rule, explain: bool = True) -> Verdicts:
        """All that these rules say of a graph."""
        return RuleEvaluator(rules, explain).evaluate(self.graph(graph) if isinstance(graph, Resource) else graph)

    def finding(self, graph: ResourceGraph | Resource, rule: Rule) -> Finding:
        """The one finding or unknown question that a rule has about a graph."""
        verdicts = self.evaluate(graph, rule)
        assert not verdicts.problems
        (finding,) = verdicts.findings + verdicts.unknown
        return finding


@pytest.fixture(scope="session")
def build() -> Build:
    return Build()

"""What-if results and snapshots in few words, and what is read from them and judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from azkvlint.derived.build_graph import build_graph, with_needs
from azkvlint.engine.evaluator import RuleEvaluator, Verdicts
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Answer
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.readers.whatif import read_snapshot, read_what_if
from azkvlint.syntax.attribute_path import parse_path
from azkvlint.syntax.json_decoder import decode
from tests.readers.conftest import EVERYTHING, plain

GROUP = "/subscriptions/58a4121b-44a9-5e6d-9967-f867f1fb91b5/resourceGroups/rg"
KV = "Microsoft.KeyVault/vaults/kv"
ID = f"{GROUP}/providers/{KV}"
READERS = {"what-if": read_what_if, "snapshot": read_snapshot}

Json = dict[str, Any]


def vault(name: str = "kv", version: str = "2023-07-01", **properties: Any) -> Json:
    """A vault as what-if and snapshots show it."""
    return {
        "id": f"{GROUP}/providers/Microsoft.KeyVault/vaults/{name}",
        "type": "Microsoft.KeyVault/vaults",
        "name": name,
        "apiVersion": version,
        "location": "westeurope",
        "properties": properties,
    }


def setting(of: str, name: str = "audit", **properties: Any) -> Json:
    """A diagnostic setting of the resource with the id ``of``."""
    return {
        "id": f"{of}/providers/Microsoft.Insights/diagnosticSettings/{name}",
        "type": "Microsoft.Insights/diagnosticSettings",
        "name": name,
        "apiVersion": "2021-05-01-preview",
        "properties": properties,
    }


def change(kind: str, after: Json | None = None, before: Json | None = None, **more: Any) -> Json:
    """One change, with the id of what it shows."""
    shown = after or before or {}
    return {"resourceId": shown.get("id"), "changeType": kind, "before": before, "after": after} | more


def what_if(*changes: Any, **more: Any) -> Json:
    """A result as the Azure CLI prints it."""
    root = {"status": "Succeeded", "error": None, "changes": list(changes), "potentialChanges": None}
    return root | {"diagnostics": None} | more


def snapshot(*resources: Any, **more: Any) -> Json:
    """A snapshot as Bicep prints it."""
    return {"predictedResources": list(resources), "diagnostics": [], "outputs": {}} | more


class Read(NamedTuple):
    """A document that has been read."""

    read: TemplateRead

    def resource(self, address: str = KV) -> Resource:
        return self.read.resources[address]

    def answer(self, path: str, address: str = KV) -> Answer:
        return self.resource(address).select(parse_path(path))

    def get(self, path: str, address: str = KV) -> Any:
        """An answer as plain data: what is unknown is "?", what is absent None."""
        return plain(self.answer(path, address))

    @property
    def problems(self) -> list[tuple[str, str]]:
        return [(problem.level, problem.message) for problem in self.read.problems]


def read(document: Any, required: RequiredAttributes = EVERYTHING) -> Read:
    """Read a document of either kind."""
    kind = "snapshot" if isinstance(document, dict) and "predictedResources" in document else "what-if"
    return Read(READERS[kind]("result.json", decode(json.dumps(document).encode()), required))


class Judge:
    """The built-in rules, asked about documents."""

    def __init__(self) -> None:
        rules = builtin_rules()
        self.required = with_needs(required_by(rules))
        self.evaluator = RuleEvaluator(rules)

    def __call__(self, document: Any) -> Verdicts:
        found = read(document, self.required).read
        return self.evaluator.evaluate(build_graph(found.resources, self.required, found.closed))


_judge: list[Judge] = []


@pytest.fixture
def judge() -> Judge:
    if not _judge:
        _judge.append(Judge())
    return _judge[0]


@pytest.fixture
def verdict(judge: Judge) -> Callable[[Any, str], dict[str, str]]:
    """Of one rule, what it says of each resource that does not pass."""

    def ask(document: Any, rule: str) -> dict[str, str]:
        found = judge(document)
        assert not found.problems
        said = {finding.resource: "fails" for finding in found.findings if finding.rule.id == rule}
        return said | {finding.resource: "unknown" for finding in found.unknown if finding.rule.id == rule}

    return ask

"""Plans made by hand in few words, as Terraform prints them, and what is read from them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack

import pytest

from azkvlint.derived.build_graph import build_graph
from azkvlint.linter.rule_tests import expand
from azkvlint.model.finding import Problem
from azkvlint.model.resource import Reference, RequiredAttributes, Resource, ResourceGraph
from azkvlint.model.value import Answer, Link, ListValue, MapValue, Scalar, Unknown
from azkvlint.readers.plan.read import PlanRead, read_plan
from azkvlint.syntax.attribute_path import parse_path

PATH = "plan.json"
AZURERM = "registry.terraform.io/hashicorp/azurerm"
EVERYTHING = RequiredAttributes(paths={}, reference_paths={}, everything=True)
VIAS = ("parent", "scope", "provider", "derived.covers", "derived.keyId", "derived.privateLinkServiceId")
_LAST_STEP = re.compile(r"(\.[\w-]+|\[[^\[]*\])$")


def references(*texts: str) -> dict[str, list[str]]:
    """An expression of these references, each with the shorter ones that Terraform lists after it."""
    found: list[str] = []
    for text in texts:
        shortest = 3 if text.startswith("data.") else 2
        short = text
        while True:
            found.append(short)
            shorter = _LAST_STEP.sub("", short)
            if shorter == short or len(re.sub(r"\[[^\[]*\]", "", shorter).split(".")) < shortest:
                break
            short = shorter
    return {"references": found}


def expression(value: Any) -> Any:
    """``${ref}`` or several of them as references, blocks as lists, anything else as a constant."""
    if isinstance(value, str) and value.startswith("${"):
        return references(*re.findall(r"\$\{(.*?)\}(?=\$|$)", value))
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [{name: expression(below) for name, below in item.items()} for item in value]
    if isinstance(value, dict) and ("references" in value or not value):
        return value
    return {"constant_value": value}


class Entry(TypedDict, total=False):
    """What may be said of one entry besides its values after the change.

    ``written`` are the expressions of its block; those that ``after`` does not know are unknown, unless ``unknown``
    says what is. ``head`` and ``change`` go into the entry and its change as they are. What is not ``configured`` has
    no block.
    """

    key: str | float | None
    module: str
    written: Mapping[str, Any]
    unknown: Mapping[str, Any] | bool
    sensitive: Mapping[str, Any] | bool
    actions: Sequence[str]
    before: Mapping[str, Any] | None
    for_each: Any
    provider: str
    configured: bool
    head: Mapping[str, Any]
    change: Mapping[str, Any]


class PlanJson:
    """A plan in the making. Modules are named by their address, instance keys included."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        self.root: dict[str, Any] = {"resources": [], "module_calls": {}}
        self.providers: dict[str, Any] = {}
        self.more: dict[str, Any] = {}
        self.provider("azurerm", "~> 4.50")

    def provider(self, key: str, version: str, **features: Any) -> None:
        """A provider block of azurerm; ``features`` are the flags of its key_vault block."""
        block = {name: expression(value) for name, value in features.items()}
        self.providers[key] = {
            "name": "azurerm",
            "full_name": AZURERM,
            "version_constraint": version,
            "expressions": {"features": [{"key_vault": [block]} if block else {}]},
        }

    def module(self, address: str, *, outputs: Mapping[str, Any] | None = None, **arguments: Any) -> None:
        """A module call. ``for_each`` and ``count`` are the collection's expression."""
        call = self._call(address)
        for name in ("for_each", "count"):
            if name in arguments:
                call[f"{name}_expression"] = expression(arguments.pop(name))
        call["expressions"] = {name: expression(value) for name, value in arguments.items()}
        call["module"]["outputs"] = {name: {"expression": expression(value)} for name, value in (outputs or {}).items()}

    def resource(self, local: str, after: Mapping[str, Any] | None = None, **more: Unpack[Entry]) -> str:
        """One entry of resource_changes and the block it comes from; the entry's address."""
        data = local.startswith("data.")
        type_, _, name = local.removeprefix("data.").partition(".")
        key, module, actions = more.get("key"), more.get("module", ""), list(more.get("actions", ("create",)))
        written = dict(more.get("written") or {})
        unknown = more.get("unknown")
        if unknown is None:
            unwritten = {argument: True for argument in written if argument not in (after or {})}
            unknown = {"id": True, **unwritten} if "create" in actions else unwritten
        bracket = "" if key is None else f"[{json.dumps(key, ensure_ascii=False)}]"
        address = f"{module}.{local}{bracket}" if module else f"{local}{bracket}"
        entry: dict[str, Any] = {"address": address}
        if module:
            entry["module_address"] = module
        entry |= {"mode": "data" if data else "managed", "type": type_, "name": name}
        if key is not None:
            entry["index"] = key
        entry |= {"provider_name": AZURERM} | dict(more.get("head", {}))
        entry["change"] = {
            "actions": actions,
            "before": more.get("before"),
            "after": None if after is None and "delete" in actions else dict(after or {}),
            "after_unknown": unknown,
            "before_sensitive": False,
            "after_sensitive": more.get("sensitive", {}),
        } | dict(more.get("change", {}))
        self.changes.append(entry)
        if more.get("configured", True):
            self._block(local, module, written, more.get("for_each"), more.get("provider", "azurerm"))
        return address

    def _block(self, local: str, module: str, written: Mapping[str, Any], for_each: Any, provider: str) -> None:
        body = self._call(module)["module"] if module else self.root
        if any(block["address"] == local for block in body["resources"]):
            return
        type_, _, name = local.removeprefix("data.").partition(".")
        block = {
            "address": local,
            "mode": "data" if local.startswith("data.") else "managed",
            "type": type_,
            "name": name,
            "provider_config_key": provider,
            "expressions": {argument: expression(value) for argument, value in written.items()},
        }
        if for_each is not None:
            block["for_each_expression"] = expression(for_each)
        body["resources"].append(block)

    def _call(self, address: str) -> dict[str, Any]:
        here, call = self.root, {}
        for name in re.findall(r"module\.([^.\[]+)", re.sub(r'\["(?:[^"\\]|\\.)*"\]', "", address)):
            call = here["module_calls"].setdefault(name, {"module": {"resources": [], "module_calls": {}}})
            here = call["module"]
        return call

    def document(self) -> dict[str, Any]:
        """The plan as a tree."""
        return {
            "format_version": "1.2",
            "terraform_version": "1.13.4",
            "resource_changes": self.changes,
            "configuration": {"provider_config": self.providers, "root_module": self.root},
        } | self.more

    def text(self) -> bytes:
        """The plan's JSON."""
        return json.dumps(self.document(), separators=(",", ":"), ensure_ascii=False).encode()


def plain(answer: Answer) -> Any:
    """An answer as plain data: Link("x") is "-> x", an Unknown "?", and what is absent None."""
    match answer:
        case Scalar(value=value):
            return value
        case ListValue(items=items):
            return [plain(item) for item in items]
        case MapValue(fields=fields):
            return {name: plain(field) for name, field in fields.items()}
        case Link(target=target):
            return f"-> {target}"
        case Unknown():
            return "?"
        case _:
            return None


class Found(NamedTuple):
    """What a plan holds, and how its resources refer to each other."""

    read: PlanRead
    graph: ResourceGraph

    @property
    def problems(self) -> list[Problem]:
        """What the reader did not understand."""
        return self.read.problems

    def resource(self, address: str) -> Resource:
        """One resource."""
        return self.graph.resources[address]

    def answer(self, address: str, path: str) -> Answer:
        """What a resource says at a path, as a rule sees it."""
        return self.resource(address).select(parse_path(path))

    def get(self, address: str, path: str) -> Any:
        """The same as plain data."""
        return plain(self.answer(address, path))

    def link_of(self, address: str, name: str) -> Any:
        """A field that rules follow, as the resource itself has it: also of one that the plan removes."""
        return plain(self.resource(address).select((name,)))

    def reference(self, source: str, via: str = "parent") -> Reference:
        """The one reference that an attribute makes."""
        (found,) = [reference for reference in self.graph.references[via] if reference.source == source]
        return found

    def link(self, source: str, via: str = "parent") -> tuple[str, ...]:
        """A reference in short: ``("certain", target)``, or ``one of`` or ``perhaps`` (anything else too)."""
        found = self.reference(source, via)
        if found.targets:
            return ("certain", *found.targets)
        if found.outside and not found.candidates and not found.anything:
            return ("outside", found.outside)
        return ("perhaps" if found.anything or found.outside else "one of", *sorted(found.candidates))


class Reader(NamedTuple):
    """Reads plans with nothing left out."""

    def __call__(self, plan: PlanJson | bytes | str) -> Found:
        """The graph of a plan: one being made, its JSON, or a compact one."""
        data = plan.text() if isinstance(plan, PlanJson) else expand(plan) if isinstance(plan, str) else plan
        read = read_plan(PATH, data, EVERYTHING)
        types = frozenset(resource.type.lower() for resource in read.resources.values())
        required = RequiredAttributes(paths={}, reference_paths=dict.fromkeys(VIAS, types), everything=True)
        return Found(read, build_graph(read.resources, required, read.closed))


@pytest.fixture
def plan() -> PlanJson:
    return PlanJson()


@pytest.fixture
def read() -> Reader:
    return Reader()

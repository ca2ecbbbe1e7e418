"""Compact plans, the notation of rule examples -> the JSON that Terraform would print for them.

A compact plan is YAML: resource addresses and their arguments. A text that is wholly ``${reference}``, or several of
them (``${a}${b}``, one expression that names both), is known after apply; arguments that are left out are what
Terraform prints for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.readers.plan.address import module_path, resource_of, steps
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_REFERENCE = regex(r"\$\{(.+)\}")
_ACTIONS = {
    "create": ["create"],
    "update": ["update"],
    "delete": ["delete"],
    "replace": ["delete", "create"],
    "forget": ["forget"],
    "no-op": ["no-op"],
    "import": ["no-op"],
}
PROVIDER = "provider."
Node = dict[str, Any]


def expand(text: str) -> bytes:
    """Return the plan of a compact plan. Raises InputError where it cannot be read."""
    document = _load(text)
    root: Node = {"resources": [], "module_calls": {}}
    providers: Node = {"azurerm": _provider("azurerm", {})}
    changes: list[Node] = []
    outputs: Node = {}
    deferred: list[Node] = []
    for address, arguments in document.items():
        if not isinstance(arguments, dict):
            raise InputError(f"{address}: a mapping of arguments was expected")
        section, _, name = address.partition(".")
        if section in _SECTIONS and "." not in name:
            root.setdefault(f"{section}s", {})[name] = _SECTIONS[section](_written(arguments))
            if "$planned" in arguments:
                outputs[name] = {"actions": ["create"], "after": arguments["$planned"], "after_unknown": False}
        elif address.startswith(PROVIDER):
            providers[address.removeprefix(PROVIDER)] = _provider(address.removeprefix(PROVIDER), arguments)
        elif address.startswith("module.") and not resource_of(address):
            call = _module(root, address)
            call["expressions"] = _expression_of_block(_written(arguments))
            call |= {name: arguments[f"${name}"] for name in _OF_CALLS if f"${name}" in arguments}
        else:
            change = _change(address, arguments)
            if "$deferred" in arguments:
                deferred.append({"reason": str(arguments["$deferred"]), "resource_change": change})
            else:
                changes.append(change)
            _module_body(root, address)["resources"].append(_block(address, arguments))
    plan = {
        "format_version": "1.2",
        "resource_changes": changes,
        "output_changes": outputs,
        "configuration": {"provider_config": providers, "root_module": root},
    }
    return msgspec.json.encode(plan | ({"deferred_changes": deferred, "complete": False} if deferred else {}))


# What a module call says of itself: ``$source`` and so on.
_OF_CALLS = ("source", "version_constraint")


def _written(arguments: Node) -> Node:
    """Return the arguments without what is said of them."""
    return {key: value for key, value in arguments.items() if not key.startswith("$")}


def _output(arguments: Node) -> Node:
    """Return an output: its value, and whether it is sensitive."""
    flags = {name: flag for name, flag in arguments.items() if name != "value"}
    return {"expression": _expression(arguments.get("value"))} | flags


# What a module declares besides resources: a variable is as Terraform prints it.
_SECTIONS: Mapping[str, Callable[[Node], Node]] = {"variable": dict, "output": _output}


def _load(text: str) -> Mapping[str, Any]:
    from azkvlint.syntax.yaml_nodes import compose, data

    found = compose(text)
    for fault in found.faults:
        raise InputError(f"not a compact plan: {fault.text}", line=fault.line, column=fault.column)
    document = data(found.root) if found.root is not None else None
    if not isinstance(document, dict):
        raise InputError("not a compact plan: a mapping of addresses was expected")
    return document


def _provider(key: str, arguments: Node) -> Node:
    features = arguments.get("features", {})
    if not isinstance(features, dict):
        raise InputError(f"{PROVIDER}{key}: features is a mapping")
    return {
        "name": "azurerm",
        "full_name": "registry.terraform.io/hashicorp/azurerm",
        "version_constraint": str(arguments.get("version", "~> 4.50")),
        "expressions": {"features": [_expression_of_block({k: [v] for k, v in features.items()})]},
    } | ({"alias": key.partition(".")[2]} if "." in key else {})


def _change(address: str, arguments: Node) -> Node:
    action = str(arguments.get("$action", "create"))
    if action not in _ACTIONS:
        raise InputError(f"{address}: $action is one of {', '.join(_ACTIONS)}")
    data = address.startswith("data.") or ".data." in address
    path, local = module_path(_module_address(address)), resource_of(address)
    type_, _, name = local.removeprefix("data.").partition(".")
    written = _written(arguments)
    after, unknown = _split(written)
    if action == "create" and not data:
        _leave_out(type_, written, unknown)
    gone = action in ("delete", "forget")
    before = arguments.get("$before", after) if action != "create" and not data else None
    known = before if isinstance(before, dict) else {}
    after = {name: known[name] for name in _computed(type_) if name in known and name not in written} | after
    # What the plan knows of what is written as a reference.
    after |= arguments.get("$planned", {})
    unknown = {name: mark for name, mark in unknown.items() if name not in arguments.get("$planned", {})}
    change: Node = {
        "actions": ["read"] if data else _ACTIONS[action],
        "before": before,
        "after": None if gone else after,
        "after_unknown": {} if gone else unknown,
        "after_sensitive": {},
    }
    if action == "import":
        change["importing"] = {"id": "imported"}
    if "$replace_paths" in arguments:
        change["replace_paths"] = [[text] for text in arguments["$replace_paths"]]
    last = steps(address)[-1]
    head: Node = {"address": address, "mode": "data" if data else "managed", "type": type_, "name": name}
    if path:
        head["module_address"] = _module_address(address)
    if str(last) != name or isinstance(last, int):
        head["index"] = last if isinstance(last, int) else str(last)
    return head | {"change": change}


def _leave_out(type_: str, written: Node, unknown: Node) -> None:
    """What nobody wrote and the provider computes is unknown; everything else that nobody wrote is null, or absent."""
    unknown |= {name: True for name in ["id", *_computed(type_)] if name not in written}


def _computed(type_: str) -> list[str]:
    """Return the arguments that the provider computes, and keeps for a resource that exists, if nobody writes them."""
    mapped = RESOURCES.get(type_)
    return [name for name, field in mapped.fields.items() if field.computed] if mapped is not None else []


def _split(value: Any) -> tuple[Any, Any]:
    """Return a written value as Terraform shows it: what is known, and the marks of what is not."""
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return None, True
    if isinstance(value, list):
        pairs = [_split(item) for item in value]
        return [known for known, _ in pairs], [mark or False for _, mark in pairs]
    if isinstance(value, dict):
        pairs_by_name = {name: _split(item) for name, item in value.items()}
        known = {name: have for name, (have, mark) in pairs_by_name.items() if mark is not True}
        return known, {name: mark for name, (_, mark) in pairs_by_name.items() if mark}
    return value, False


def _block(address: str, arguments: Node) -> Node:
    local = resource_of(address)
    data = local.startswith("data.")
    type_, _, name = local.removeprefix("data.").partition(".")
    written = _written(arguments)
    return {
        "address": local,
        "mode": "data" if data else "managed",
        "type": type_,
        "name": name,
        "provider_config_key": str(arguments.get("$provider", "azurerm")),
        "expressions": _expression_of_block(written),
    } | ({"depends_on": arguments["$depends_on"]} if "$depends_on" in arguments else {})


def _expression_of_block(arguments: Node) -> Node:
    return {name: _expression(value) for name, value in arguments.items()}


def _expression(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [_expression_of_block(item) for item in value]
    refs = _references(value)
    return {"references": refs} if refs else {"constant_value": value}


def _references(value: Any) -> list[str]:
    if isinstance(value, str):
        match = _REFERENCE.fullmatch(value)
        return [text for one in match[1].split("}${") for text in _with_prefixes(one)] if match else []
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _references(item)]


# No reference that a person writes is deeper.
_MOST_PREFIXES = 200


def _with_prefixes(reference: str) -> list[str]:
    """Return a reference and the shorter ones that Terraform lists after it, down to the resource."""
    found = [reference]
    least = 3 if reference.startswith("data.") else 2
    while "." in reference and len(found) < _MOST_PREFIXES and len(steps(reference)) > least:
        cut = max(reference.rfind("."), reference.rfind("["))
        reference = reference[:cut]
        found.append(reference)
    return found


def _module_address(address: str) -> str:
    local = resource_of(address)
    at = address.rfind(local)
    return address[:at].rstrip(".") if local else address


def _module(root: Node, address: str) -> Node:
    here, call = root, {}
    for name, _ in module_path(_module_address(address)):
        call = here["module_calls"].setdefault(name, {"module": {"resources": [], "module_calls": {}}})
        here = call["module"]
    return call


def _module_body(root: Node, address: str) -> Node:
    found: Node = _module(root, address).get("module", root)
    return found

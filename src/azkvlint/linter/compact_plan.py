"""Expand compact plans, the notation of rule examples, to the JSON of Terraform plans.

A compact plan is YAML: resource addresses with their arguments. A string ``${reference}``, or several of them
(``${a}${b}``: one expression with both references), is known after apply. Omitted arguments have the values that
Terraform would output.
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
    """Return the plan of a compact plan as JSON. Raise InputError if it is invalid."""
    document = _load(text)
    root: Node = {"resources": [], "module_calls": {}}
    providers: Node = {"azurerm": _provider("azurerm", {})}
    changes: list[Node] = []
    outputs: Node = {}
    deferred: list[Node] = []
    for address, arguments in document.items():
        if not isinstance(arguments, dict):
            raise InputError(f"{address}: expected a mapping of arguments")
        section, _, name = address.partition(".")
        if section in _SECTIONS and "." not in name:
            root.setdefault(f"{section}s", {})[name] = _SECTIONS[section](_without_metadata(arguments))
            if "$planned" in arguments:
                outputs[name] = {"actions": ["create"], "after": arguments["$planned"], "after_unknown": False}
        elif address.startswith(PROVIDER):
            providers[address.removeprefix(PROVIDER)] = _provider(address.removeprefix(PROVIDER), arguments)
        elif address.startswith("module.") and not resource_of(address):
            call = _module(root, address)
            call["expressions"] = _expression_of_block(_without_metadata(arguments))
            call |= {name: arguments[f"${name}"] for name in _CALL_METADATA if f"${name}" in arguments}
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


# The metadata of a module call: ``$source`` and so on.
_CALL_METADATA = ("source", "version_constraint")


def _without_metadata(arguments: Node) -> Node:
    return {key: value for key, value in arguments.items() if not key.startswith("$")}


def _output(arguments: Node) -> Node:
    flags = {name: flag for name, flag in arguments.items() if name != "value"}
    return {"expression": _expression(arguments.get("value"))} | flags


# The declarations of a module besides resources. A variable has Terraform's own form.
_SECTIONS: Mapping[str, Callable[[Node], Node]] = {"variable": dict, "output": _output}


def _load(text: str) -> Mapping[str, Any]:
    from azkvlint.syntax.yaml_nodes import compose, data

    composed = compose(text)
    for fault in composed.faults:
        raise InputError(f"invalid compact plan: {fault.text}", line=fault.line, column=fault.column)
    document = data(composed.root) if composed.root is not None else None
    if not isinstance(document, dict):
        raise InputError("invalid compact plan: expected a mapping of addresses")
    return document


def _provider(key: str, arguments: Node) -> Node:
    features = arguments.get("features", {})
    if not isinstance(features, dict):
        raise InputError(f"{PROVIDER}{key}: `features` must be a mapping")
    return {
        "name": "azurerm",
        "full_name": "registry.terraform.io/hashicorp/azurerm",
        "version_constraint": str(arguments.get("version", "~> 4.50")),
        "expressions": {"features": [_expression_of_block({k: [v] for k, v in features.items()})]},
    } | ({"alias": key.partition(".")[2]} if "." in key else {})


def _change(address: str, arguments: Node) -> Node:
    action = str(arguments.get("$action", "create"))
    if action not in _ACTIONS:
        raise InputError(f"{address}: `$action` must be one of {', '.join(_ACTIONS)}")
    is_data = address.startswith("data.") or ".data." in address
    path, local = module_path(_module_address(address)), resource_of(address)
    type_, _, name = local.removeprefix("data.").partition(".")
    configured = _without_metadata(arguments)
    after, unknown = _split(configured)
    if action == "create" and not is_data:
        _mark_computed(type_, configured, unknown)
    is_removed = action in ("delete", "forget")
    before = arguments.get("$before", after) if action != "create" and not is_data else None
    known = before if isinstance(before, dict) else {}
    after = {name: known[name] for name in _computed(type_) if name in known and name not in configured} | after
    # Values that are known in the plan although they are written as references.
    after |= arguments.get("$planned", {})
    unknown = {name: mark for name, mark in unknown.items() if name not in arguments.get("$planned", {})}
    change: Node = {
        "actions": ["read"] if is_data else _ACTIONS[action],
        "before": before,
        "after": None if is_removed else after,
        "after_unknown": {} if is_removed else unknown,
        "after_sensitive": {},
    }
    if action == "import":
        change["importing"] = {"id": "imported"}
    if "$replace_paths" in arguments:
        change["replace_paths"] = [[text] for text in arguments["$replace_paths"]]
    last_step = steps(address)[-1]
    head: Node = {"address": address, "mode": "data" if is_data else "managed", "type": type_, "name": name}
    if path:
        head["module_address"] = _module_address(address)
    if str(last_step) != name or isinstance(last_step, int):
        head["index"] = last_step if isinstance(last_step, int) else str(last_step)
    return head | {"change": change}


def _mark_computed(type_: str, configured: Node, unknown: Node) -> None:
    """Mark omitted computed arguments as unknown. All other omitted arguments are null or absent."""
    unknown |= {name: True for name in ["id", *_computed(type_)] if name not in configured}


def _computed(type_: str) -> list[str]:
    """Return the arguments that the provider computes, and preserves for existing resources, if they are omitted."""
    mapped = RESOURCES.get(type_)
    return [name for name, field in mapped.fields.items() if field.computed] if mapped is not None else []


def _split(value: Any) -> tuple[Any, Any]:
    """Split a value as Terraform does: into known values and marks of unknown ones."""
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return None, True
    if isinstance(value, list):
        pairs = [_split(item) for item in value]
        return [known for known, _ in pairs], [mark or False for _, mark in pairs]
    if isinstance(value, dict):
        pairs_by_name = {name: _split(item) for name, item in value.items()}
        known = {name: known for name, (known, mark) in pairs_by_name.items() if mark is not True}
        return known, {name: mark for name, (_, mark) in pairs_by_name.items() if mark}
    return value, False


def _block(address: str, arguments: Node) -> Node:
    local = resource_of(address)
    is_data = local.startswith("data.")
    type_, _, name = local.removeprefix("data.").partition(".")
    configured = _without_metadata(arguments)
    return {
        "address": local,
        "mode": "data" if is_data else "managed",
        "type": type_,
        "name": name,
        "provider_config_key": str(arguments.get("$provider", "azurerm")),
        "expressions": _expression_of_block(configured),
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
        return [text for reference in match[1].split("}${") for text in _with_prefixes(reference)] if match else []
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _references(item)]


# More than any real reference has.
_MOST_PREFIXES = 200


def _with_prefixes(reference: str) -> list[str]:
    """Return a reference and the prefixes that Terraform lists after it, down to the resource."""
    prefixes = [reference]
    shortest = 3 if reference.startswith("data.") else 2
    while "." in reference and len(prefixes) < _MOST_PREFIXES and len(steps(reference)) > shortest:
        cut = max(reference.rfind("."), reference.rfind("["))
        reference = reference[:cut]
        prefixes.append(reference)
    return prefixes


def _module_address(address: str) -> str:
    local = resource_of(address)
    at = address.rfind(local)
    return address[:at].rstrip(".") if local else address


def _module(root: Node, address: str) -> Node:
    current, call = root, {}
    for name, _ in module_path(_module_address(address)):
        call = current["module_calls"].setdefault(name, {"module": {"resources": [], "module_calls": {}}})
        current = call["module"]
    return call


def _module_body(root: Node, address: str) -> Node:
    module: Node = _module(root, address).get("module", root)
    return module

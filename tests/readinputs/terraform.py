"""Generated Terraform modules, in HCL or in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from tests.readinputs.expressions import BOOL, INT, LIST, MAP, OBJECT, TEXT, Call, Expression, Hcl, Literal
from tests.readinputs.modules import Features, Loop, Module, ModuleCall, Resource

FEATURES = Features(workspace=True)
_OBJECT = "object({ flag = bool, name = string, days = optional(number, 30) })"
TYPES = {BOOL: "bool", TEXT: "string", INT: "number", LIST: "list(string)", OBJECT: _OBJECT, MAP: f"map({_OBJECT})"}
# An argument, with its expression, or a block.
Body: TypeAlias = "dict[str, str | Body]"
_SPACES = {
    "param": "var.{name}{path}", "local": "local.{name}{path}", "item": "each.value{path}", "key": "each.key",
    "index": "count.index", "output": "module.{of}.{name}", "workspace": "terraform.workspace",
}  # fmt: skip
_HCL = Hcl(_SPACES)


def files_of(module: Module, in_json: bool, folder: str = "") -> dict[str, str]:
    """Return the files of a root module and of the modules that it calls."""
    blocks: list[tuple[tuple[str, ...], Body]] = []
    for declared in module.parameters:
        body: Body = {"type": f"type:{TYPES[declared.type]}"}
        if declared.default is not None:
            # A default is a constant, which JSON has as it is.
            body["default"] = json.dumps(declared.default.plain if isinstance(declared.default, Literal) else None)
        blocks.append((("variable", declared.name), body))
    if module.locals:
        blocks.append((("locals",), {name: _HCL.text(value) for name, _, value in module.locals}))
    blocks += [(("resource", "azurerm_key_vault", declared.name), _resource(declared)) for declared in module.resources]
    blocks += [_secret(declared) for declared in module.resources if declared.has_secret]
    blocks += [(("module", declared.name), _call(declared)) for declared in module.calls]
    for name, (_, value) in module.outputs.items():
        blocks.append((("output", name), {"value": _HCL.text(value)}))
    text = _json(blocks) if in_json else "\n".join(_hcl(head, body) for head, body in blocks)
    result = {f"{folder}main.tf{'.json' if in_json else ''}": text}
    for call in module.calls:
        result |= files_of(call.module, in_json, f"{folder}{call.name}/")
    return result


def _loop(loop: Loop) -> Body:
    over: Expression = loop.over
    if loop.kind == "if":
        over = Call("if", (over, Literal(1), Literal(0)))
    name = {"if": "count", "count": "count", "each": "for_each"}.get(loop.kind)
    return {} if name is None else {name: _HCL.text(over)}


def _resource(declared: Resource) -> Body:
    texts = {name: _HCL.text(value) for name, value in declared.attributes.items()}
    rules: Body = {"default_action": _HCL.calls["action"].format(texts["deny"]), "bypass": '"None"'}
    body: Body = {
        **_loop(declared.loop), "name": texts["name"], "purge_protection_enabled": texts["purge"],
        "enabled_for_deployment": texts["deployment"], "rbac_authorization_enabled": texts["rbac"],
        "soft_delete_retention_days": texts["days"], "tags": f"{{ t = {texts['tag']} }}",
    }  # fmt: skip
    if declared.is_dynamic:
        inner: Body = {**rules, "ip_rules": "[network_acls.value]"}
        body["dynamic"] = {"network_acls": {"for_each": _HCL.text(declared.ranges), "content": inner}}
    else:
        body["network_acls"] = {**rules, "ip_rules": texts["addresses"]}
    return body


def _secret(declared: Resource) -> tuple[tuple[str, ...], Body]:
    vault = f"azurerm_key_vault.{declared.name}"
    body: Body = {
        "name": f"{vault}.name", "value": '"x"', "key_vault_id": f"{vault}.id",
        "content_type": f'"${{{vault}.tags.t}}-${{{vault}.soft_delete_retention_days}}"',
    }  # fmt: skip
    return ("resource", "azurerm_key_vault_secret", f"{declared.name}s"), body


def _call(declared: ModuleCall) -> Body:
    arguments = {name: _HCL.text(value) for name, value in declared.arguments.items()}
    return {"source": f'"./{declared.name}"', **_loop(declared.loop), **arguments}


def _hcl(head: tuple[str, ...], body: Body) -> str:
    lines = [_head(head)]
    for name, value in body.items():
        if isinstance(value, str):
            lines.append(f"{name} = {value.removeprefix('type:')}")
        elif name == "dynamic":
            lines += [_hcl((name, label), inner) for label, inner in value.items() if isinstance(inner, dict)]
        else:
            lines.append(_hcl((name,), value))
    return "\n".join([*lines, "}"])


def _head(head: tuple[str, ...]) -> str:
    return " ".join((head[0], *map(json.dumps, head[1:]), "{"))


def _json(blocks: list[tuple[tuple[str, ...], Body]]) -> str:
    whole: dict[str, Any] = {}
    for head, body in blocks:
        here = whole
        for step in head[:-1]:
            here = here.setdefault(step, {})
        here[head[-1]] = _plain(body)
    return json.dumps(whole)


def _plain(body: Mapping[str, str | Body]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in body.items():
        if not isinstance(value, str):
            result[name] = _plain(value)
        elif name == "default":
            result[name] = json.loads(value)
        elif name in ("source", "type"):
            result[name] = value.removeprefix("type:").strip('"')
        else:
            result[name] = "${" + value + "}"
    return result

"""Generated ARM templates."""

from __future__ import annotations

from typing import Any

from tests.readinputs.expressions import BOOL, INT, LIST, MAP, OBJECT, TEXT, Arm
from tests.readinputs.modules import Features, Loop, Module, ModuleCall, Resource

FEATURES = Features(reads_defaults=True, outer=True, groups=True, function="own")
TYPES = {BOOL: "bool", TEXT: "string", INT: "int", LIST: "array", OBJECT: "object", MAP: "object"}
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_TAGGED = {
    "parameters": [{"name": "a", "type": "string"}, {"name": "b", "type": "bool"}],
    "output": {"type": "string", "value": "[concat(parameters('a'), string(parameters('b')))]"},
}


class Writing:
    """Writes templates. ``symbolic``: resources have symbols."""

    def __init__(self, symbolic: bool) -> None:
        self.symbolic = symbolic
        self.spaces = {
            "param": "parameters('{name}'){path}", "local": "variables('{name}'){path}", "index": "copyIndex()",
            "output": f"reference('{'' if symbolic else 'dep-'}{{of}}').outputs.{{name}}.value",
        }  # fmt: skip

    def template(self, module: Module, spaces: dict[str, str] | None = None) -> dict[str, Any]:
        """Return a template; ``spaces`` are the names of the template around it, if its expressions are of that."""
        spaces = self.spaces if spaces is None else spaces
        arm = Arm(spaces)
        result: dict[str, Any] = {
            "$schema": _SCHEMA, "contentVersion": "1.0.0.0",
            "functions": [{"namespace": "own", "members": {"tagged": _TAGGED}}], "parameters": {},
            "variables": {name: arm.json(value) for name, _, value in module.locals},
            "outputs": {},
        }  # fmt: skip
        for name, (type_, value) in module.outputs.items():
            result["outputs"][name] = {"type": TYPES[type_], "value": arm.json(value)}
        for declared in module.parameters:
            default = {} if declared.default is None else {"defaultValue": arm.json(declared.default)}
            result["parameters"][declared.name] = {"type": TYPES[declared.type], **default}
        resources = {declared.name: self._resource(declared, spaces) for declared in module.resources}
        resources |= {f"{item.name}s": self._secret(item, spaces) for item in module.resources if item.has_secret}
        resources |= {declared.name: self._call(declared, spaces) for declared in module.calls}
        result["resources"] = resources if self.symbolic else list(resources.values())
        return result | ({"languageVersion": "2.0"} if self.symbolic else {})

    def _loop(self, name: str, loop: Loop, spaces: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the members that repeat a resource, and the names in it."""
        arm = Arm(spaces)
        match loop.kind:
            case "if":
                return {"condition": arm.json(loop.over)}, spaces
            case "count":
                return {"copy": {"name": name, "count": arm.json(loop.over)}}, {**spaces, "index": "copyIndex()"}
            case "each":
                items = f"items({arm.text(loop.over)})"
                inner = {"item": f"{items}[copyIndex()].value{{path}}", "key": f"{items}[copyIndex()].key"}
                return {"copy": {"name": name, "count": f"[length({items})]"}}, {**spaces, **inner}
        return {}, spaces

    def _resource(self, declared: Resource, spaces: dict[str, str]) -> dict[str, Any]:
        loop, inner = self._loop(declared.name, declared.loop, spaces)
        arm = Arm(inner)
        name = arm.text(declared.attributes["name"])
        suffix = ", '-', string(copyIndex())" if "copy" in loop else ""
        rules: dict[str, Any] = {
            "defaultAction": f"[{arm.calls['action'].format(arm.text(declared.attributes['deny']))}]"
        }
        if declared.is_dynamic:
            ranges = arm.text(declared.ranges)
            item = {"value": f"[{ranges}[copyIndex('ipRules')]]"}
            rules["copy"] = [{"name": "ipRules", "count": f"[length({ranges})]", "input": item}]
        else:
            addresses = arm.text(declared.attributes["addresses"])
            rules["ipRules"] = f"[map({addresses}, lambda('s', createObject('value', lambdaVariables('s'))))]"
        return {
            **loop, "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01",
            "name": f"[concat('{declared.name}-', {name}{suffix})]",
            "tags": {"t": arm.json(declared.attributes["tag"])},
            "properties": {
                "enablePurgeProtection": arm.json(declared.attributes["purge"]),
                "enabledForDeployment": arm.json(declared.attributes["deployment"]),
                "enableRbacAuthorization": arm.json(declared.attributes["rbac"]),
                "softDeleteRetentionInDays": arm.json(declared.attributes["days"]),
                "networkAcls": rules,
            },
        }  # fmt: skip

    def _secret(self, declared: Resource, spaces: dict[str, str]) -> dict[str, Any]:
        name = f"concat('{declared.name}-', {Arm(spaces).text(declared.attributes['name'])})"
        vault = f"reference('{declared.name}')" if self.symbolic else f"reference({name})"
        return {
            "type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01", "name": f"[concat({name}, '/s')]",
            "properties": {"contentType": f"[concat('d', string({vault}.softDeleteRetentionInDays))]"},
        }  # fmt: skip

    def _call(self, declared: ModuleCall, spaces: dict[str, str]) -> dict[str, Any]:
        loop, inner = self._loop(declared.name, declared.loop, spaces)
        arm = Arm(inner)
        name = f"[concat('dep-{declared.name}-', string(copyIndex()))]" if "copy" in loop else f"dep-{declared.name}"
        properties: dict[str, Any] = {
            "mode": "Incremental", "template": self.template(declared.module, inner if declared.is_outer else None),
            "expressionEvaluationOptions": {"scope": "outer" if declared.is_outer else "inner"},
            "parameters": {name: {"value": arm.json(value)} for name, value in declared.arguments.items()},
        }  # fmt: skip
        return {
            **loop, **({} if declared.group is None else {"resourceGroup": arm.json(declared.group)}),
            "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": name,
            "properties": properties,
        }  # fmt: skip

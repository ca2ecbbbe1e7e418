"""Write a root as an ARM template in JSON."""

from __future__ import annotations

import json

from tests.worlds.bicep import SECRETS_USER
from tests.worlds.expressions import Expr, Lit, arm, arm_inner
from tests.worlds.model import UNSET, Call, Decl, InputSpec, Root, Scope, Target
from tests.worlds.terraform import PRINCIPAL, SUBNET, TENANT, WORKSPACE

TYPES = {"bool": "bool", "string": "string", "number": "int", "names": "array", "items": "array"}
TYPES |= {"tags": "object", "settings": "object", "vault": "string"}
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
MARK = "declares "


def files(root: Root) -> dict[str, str]:
    """Return the files of a root."""
    result = {"main.json": json.dumps(Writer(root.modern).template(root.scope, root.scope, ()), indent=2) + "\n"}
    fixed = {each.name: {"value": each.fixed} for each in root.scope.inputs if each.fixed is not UNSET}
    if fixed:
        result["main.parameters.json"] = parameter_file(fixed)
    return result


def parameter_file(values: dict[str, dict[str, object]]) -> str:
    """Write a parameter file."""
    schema = SCHEMA.replace("deploymentTemplate", "deploymentParameters")
    return json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "parameters": values}, indent=2) + "\n"


def lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line of the type of each declaration of a template."""
    result = {}
    for number, line in enumerate(text.splitlines(), 1):
        if f'"comments": "{MARK}' in line:
            result[tuple(line.split(MARK)[1].rstrip('",').split("/"))] = number + 1
    return result


def vault_id(name: str) -> str:
    """Write the ID of a vault with a name, as it is between brackets."""
    return f"resourceId('Microsoft.KeyVault/vaults', {name})"


class Writer:
    """Write templates of one language version."""

    def __init__(self, modern: bool) -> None:
        self.modern = modern

    def template(self, scope: Scope, symbols: Scope, path: tuple[str, ...]) -> dict[str, object]:
        """Write a template; `symbols` is the scope that its expressions read."""
        result: dict[str, object] = {"$schema": SCHEMA, "contentVersion": "1.0.0.0"}
        if self.modern:
            result = {"$schema": SCHEMA, "languageVersion": "2.0", "contentVersion": "1.0.0.0"}
        if scope.inputs:
            result["parameters"] = {each.name: self.parameter(each) for each in scope.inputs}
        if scope.locals:
            result["variables"] = {name: arm(expr, "", self.modern) for name, expr in scope.locals.items()}
        content = {each.name: self.resource(each, scope, path) for each in scope.decls}
        content |= {each.name: self.call(each, scope, symbols, path) for each in scope.calls}
        result["resources"] = content if self.modern else list(content.values())
        return result

    def parameter(self, spec: InputSpec) -> dict[str, object]:
        """Write a parameter."""
        result: dict[str, object] = {"type": TYPES[spec.type]}
        if spec.nullable:
            result["nullable"] = True
        if spec.default is not UNSET and spec.default is not None:
            result["defaultValue"] = spec.default
        if spec.allowed is not None:
            result["allowedValues"] = spec.allowed
        word = "Value" if spec.type == "number" else "Length"
        if spec.minimum is not None:
            result[f"min{word}"] = spec.minimum
        if spec.maximum is not None:
            result[f"max{word}"] = spec.maximum
        return result

    def item(self, decl: Decl | Call) -> str:
        """Write the element of the copy loop of a declaration."""
        if decl.loop is None:
            return ""
        return "copyIndex()" if decl.loop.kind == "count" else f"{arm_inner(decl.loop.source)}[copyIndex()]"

    def inner(self, expr: Expr, decl: Decl | Call) -> str:
        """Write an expression of a declaration, as it is between brackets."""
        return arm_inner(expr, self.item(decl), self.modern)

    def name(self, vault: Decl) -> str:
        """Write the name of a vault, as it is between brackets."""
        return self.inner(vault.attributes["name"], vault)

    def resource(self, decl: Decl, scope: Scope, path: tuple[str, ...]) -> dict[str, object]:
        """Write a resource."""
        types = {
            "vault": ("Microsoft.KeyVault/vaults", "2023-07-01"),
            "policy": ("Microsoft.KeyVault/vaults/accessPolicies", "2023-07-01"),
            "role": ("Microsoft.Authorization/roleAssignments", "2022-04-01"),
            "diag": ("Microsoft.Insights/diagnosticSettings", "2021-05-01-preview"),
            "endpoint": ("Microsoft.Network/privateEndpoints", "2023-11-01"),
        }
        kind, version = types[decl.kind]
        result: dict[str, object] = {"comments": f"{MARK}{'/'.join((*path, decl.name))}", "type": kind}
        result["apiVersion"] = version
        result |= self.repetition(decl)
        link = ""
        if decl.target is not None:
            parameter = decl.target.kind == "parameter"
            link = f"parameters('{decl.target.name}')" if parameter else self.name(scope.decl(decl.target.name))
        return result | self.body(decl, link)

    def repetition(self, decl: Decl | Call) -> dict[str, object]:
        """Write the condition and the copy loop of a resource or deployment."""
        result: dict[str, object] = {}
        tests = [decl.condition, decl.loop.filter if decl.loop is not None else None]
        texts = [self.inner(each, decl) for each in tests if each is not None]
        if texts:
            result["condition"] = f"[and({', '.join(texts)})]" if len(texts) > 1 else f"[{texts[0]}]"
            if len(texts) == 1 and isinstance(decl.condition, Lit):
                result["condition"] = decl.condition.value
        if decl.loop is not None:
            source = arm_inner(decl.loop.source)
            count = source if decl.loop.kind == "count" else f"length({source})"
            result["copy"] = {"name": decl.name, "count": f"[{count}]"}
        return result

    def body(self, decl: Decl, link: str) -> dict[str, object]:
        """Write the name, scope and properties of a resource."""
        match decl.kind:
            case "vault":
                return {
                    "name": arm(decl.attributes["name"], self.item(decl), self.modern),
                    "location": "westeurope",
                    "properties": self.vault(decl),
                }
            case "policy":
                purge = decl.attributes["purge"]
                secrets: object = f"[if({self.inner(purge, decl)}, createArray('get', 'purge'), createArray('get'))]"
                if isinstance(purge, Lit):
                    secrets = ["get", "purge"] if purge.value else ["get"]
                policy = {"tenantId": TENANT, "objectId": PRINCIPAL, "permissions": {"secrets": secrets}}
                return {"name": f"[format('{{0}}/add', {link})]", "properties": {"accessPolicies": [policy]}}
            case "role":
                role = f"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{SECRETS_USER}')]"
                properties: dict[str, object] = {"roleDefinitionId": role, "principalId": PRINCIPAL}
                name = f"[guid({vault_id(link)}, '{decl.name}')]"
                return {"scope": f"[{vault_id(link)}]", "name": name, "properties": properties}
            case "diag":
                logs = [{"categoryGroup": "audit", "enabled": True}]
                properties = {"workspaceId": WORKSPACE, "logs": logs}
                return {"scope": f"[{vault_id(link)}]", "name": "audit", "properties": properties}
            case _:
                connection = {"privateLinkServiceId": f"[{vault_id(link)}]", "groupIds": ["vault"]}
                name = f"pe-{decl.name}" if decl.loop is None else f"[format('pe-{decl.name}-{{0}}', copyIndex())]"
                properties = {"subnet": {"id": SUBNET}}
                properties["privateLinkServiceConnections"] = [{"name": "vault", "properties": connection}]
                return {"name": name, "location": "westeurope", "properties": properties}

    def vault(self, decl: Decl) -> dict[str, object]:
        """Write the properties of a vault."""
        result: dict[str, object] = {"tenantId": TENANT, "sku": {"family": "A", "name": "standard"}}
        attributes = decl.attributes
        if "rbac" in attributes:
            result["enableRbacAuthorization"] = arm(attributes["rbac"], self.item(decl), self.modern)
        if "purge" in attributes:
            result["enablePurgeProtection"] = f"[if({self.inner(attributes['purge'], decl)}, true(), null())]"
        if "public" in attributes:
            result["publicNetworkAccess"] = f"[if({self.inner(attributes['public'], decl)}, 'Enabled', 'Disabled')]"
        if "acl" in attributes:
            action = arm(attributes["acl"], self.item(decl), self.modern)
            result["networkAcls"] = {"defaultAction": action, "bypass": "AzureServices"}
        if "inline" in attributes:
            permissions = "createObject('secrets', createArray('get'))"
            policy = f"createObject('tenantId', '{TENANT}', 'objectId', '{PRINCIPAL}', 'permissions', {permissions})"
            test = self.inner(attributes["inline"], decl)
            result["accessPolicies"] = f"[if({test}, createArray({policy}), createArray())]"
        return result

    def call(self, each: Call, scope: Scope, symbols: Scope, path: tuple[str, ...]) -> dict[str, object]:
        """Write a nested deployment."""
        result: dict[str, object] = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01"}
        result["name"] = each.name if each.loop is None else f"[format('{each.name}-{{0}}', copyIndex())]"
        result |= self.repetition(each)
        properties: dict[str, object] = {"mode": "Incremental"}
        if not each.inline:
            properties["expressionEvaluationOptions"] = {"scope": "inner"}
            values: dict[str, object] = {}
            for name, value in each.arguments.items():
                if isinstance(value, Target):
                    parameter = value.kind == "parameter"
                    text = f"parameters('{value.name}')" if parameter else self.name(scope.decl(value.name))
                    values[name] = {"value": f"[{text}]"}
                else:
                    values[name] = {"value": arm(value, self.item(each), self.modern)}
            properties["parameters"] = values
        inner = symbols if each.inline else each.scope
        properties["template"] = self.template(each.scope, inner, (*path, each.name))
        return result | {"properties": properties}

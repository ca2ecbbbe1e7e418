"""Write a root in Bicep."""

from __future__ import annotations

from tests.worlds.expressions import Expr, Lit, bicep, bicep_value
from tests.worlds.model import UNSET, Call, Decl, InputSpec, Root, Scope, Target
from tests.worlds.terraform import PRINCIPAL, SUBNET, TENANT, WORKSPACE

TYPES = {"bool": "bool", "string": "string", "number": "int", "names": "string[]", "items": "array"}
TYPES |= {"tags": "object", "settings": "object", "vault": "string"}
RESOURCES = {
    "vault": "Microsoft.KeyVault/vaults@2023-07-01",
    "policy": "Microsoft.KeyVault/vaults/accessPolicies@2023-07-01",
    "role": "Microsoft.Authorization/roleAssignments@2022-04-01",
    "diag": "Microsoft.Insights/diagnosticSettings@2021-05-01-preview",
    "endpoint": "Microsoft.Network/privateEndpoints@2023-11-01",
}
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"


def address(path: tuple[str, ...], decl: Decl) -> str:
    """Return the address of a declaration."""
    return ".".join(path)


def files(root: Root) -> dict[str, str]:
    """Return the files of a root."""
    result: dict[str, str] = {}
    write_scope(root.scope, "main.bicep", result)
    fixed = [each for each in root.scope.inputs if each.fixed is not UNSET]
    if fixed:
        lines = ["using 'main.bicep'", *(f"param {each.name} = {bicep_value(each.fixed)}" for each in fixed)]
        result["main.bicepparam"] = "\n".join(lines) + "\n"
    return result


def write_scope(scope: Scope, path: str, result: dict[str, str]) -> None:
    """Write a file and its modules."""
    parts = [parameter(each) for each in scope.inputs]
    parts += [f"var {name} = {bicep(expr)}\n" for name, expr in scope.locals.items()]
    for each in scope.inputs:
        if each.type == "vault":
            text = f"resource {each.name}_existing '{RESOURCES['vault']}' existing = {{\n  name: {each.name}\n}}\n"
            parts.append(text)
    parts += [resource(each, scope) for each in scope.decls]
    parts += [call(each, scope) for each in scope.calls]
    result[path] = "\n".join(parts)
    folder = path.rpartition("/")[0]
    for called in scope.calls:
        write_scope(called.scope, f"{folder}/modules/{called.scope.name}.bicep".lstrip("/"), result)


def parameter(spec: InputSpec) -> str:
    """Write a parameter with its decorators."""
    lines = [f"@allowed({bicep_value(spec.allowed)})"] if spec.allowed is not None else []
    word = "Value" if spec.type == "number" else "Length"
    lines += [f"@min{word}({spec.minimum})"] if spec.minimum is not None else []
    lines += [f"@max{word}({spec.maximum})"] if spec.maximum is not None else []
    line = f"param {spec.name} {TYPES[spec.type]}{'?' if spec.nullable else ''}"
    if spec.default is not UNSET and spec.default is not None:
        line += f" = {bicep_value(spec.default)}"
    return "\n".join([*lines, line, ""])


def reference(decl: Decl, scope: Scope) -> str:
    """Write the symbol of the vault of a companion."""
    assert decl.target is not None
    if decl.target.kind == "parameter":
        return f"{decl.target.name}_existing"
    vault = scope.decl(decl.target.name)
    return f"{vault.name}[i]" if vault.loop is not None else vault.name


def opening(decl: Decl | Call, conditions: list[Expr | None]) -> tuple[str, str]:
    """Return what is before and after the body of a resource."""
    tests = [bicep(each) for each in conditions if each is not None]
    test = " && ".join(f"({each})" for each in tests) if len(tests) > 1 else "".join(tests)
    if decl.loop is None:
        return (f"if ({test}) {{" if test else "{"), "}"
    source = bicep(decl.loop.source)
    head = f"[for i in range(0, {source}): " if decl.loop.kind == "count" else f"[for (v, i) in {source}: "
    return head + (f"if ({test}) {{" if test else "{"), "}]"


def resource(decl: Decl, scope: Scope) -> str:
    """Write a resource."""
    start, end = opening(decl, [decl.condition, decl.loop.filter if decl.loop is not None else None])
    item = "i" if decl.loop is not None and decl.loop.kind == "count" else "v"
    texts = {name: bicep(expr, item) for name, expr in decl.attributes.items()}
    lines = [f"resource {decl.name} '{RESOURCES[decl.kind]}' = {start}"]
    link = reference(decl, scope) if decl.target is not None else ""
    match decl.kind:
        case "vault":
            lines += vault_body(texts)
        case "policy":
            purge = decl.attributes["purge"]
            grants = "['get', 'purge']" if isinstance(purge, Lit) and purge.value else "['get']"
            if not isinstance(purge, Lit):
                grants = f"({texts['purge']}) ? ['get', 'purge'] : ['get']"
            lines += [f"  parent: {link}", "  name: 'add'", "  properties: {", "    accessPolicies: ["]
            lines += [
                f"      {{ tenantId: '{TENANT}', objectId: '{PRINCIPAL}', permissions: {{ secrets: {grants} }} }}"
            ]
            lines += ["    ]", "  }"]
        case "role":
            definition = f"subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{SECRETS_USER}')"
            lines += [f"  scope: {link}", f"  name: guid({link}.id, '{decl.name}')", "  properties: {"]
            lines += [f"    roleDefinitionId: {definition}", f"    principalId: '{PRINCIPAL}'", "  }"]
        case "diag":
            lines += [f"  scope: {link}", "  name: 'audit'", "  properties: {", f"    workspaceId: '{WORKSPACE}'"]
            lines += ["    logs: [{ categoryGroup: 'audit', enabled: true }]", "  }"]
        case "endpoint":
            name = f"'pe-{decl.name}-${{i}}'" if decl.loop is not None else f"'pe-{decl.name}'"
            lines += [f"  name: {name}", "  location: 'westeurope'", "  properties: {"]
            lines += [f"    subnet: {{ id: '{SUBNET}' }}", "    privateLinkServiceConnections: [", "      {"]
            lines += [
                "        name: 'vault'",
                f"        properties: {{ privateLinkServiceId: {link}.id, groupIds: ['vault'] }}",
            ]
            lines += ["      }", "    ]", "  }"]
    return "\n".join([*lines, end, ""])


def vault_body(texts: dict[str, str]) -> list[str]:
    """Write the properties of a vault."""
    lines = [f"  name: {texts['name']}", "  location: 'westeurope'", "  properties: {", f"    tenantId: '{TENANT}'"]
    lines += ["    sku: { family: 'A', name: 'standard' }"]
    if "rbac" in texts:
        lines.append(f"    enableRbacAuthorization: {texts['rbac']}")
    if "purge" in texts:
        lines.append(f"    enablePurgeProtection: ({texts['purge']}) ? true : null")
    if "public" in texts:
        lines.append(f"    publicNetworkAccess: ({texts['public']}) ? 'Enabled' : 'Disabled'")
    if "acl" in texts:
        lines.append(f"    networkAcls: {{ defaultAction: {texts['acl']}, bypass: 'AzureServices' }}")
    policy = f"{{ tenantId: '{TENANT}', objectId: '{PRINCIPAL}', permissions: {{ secrets: ['get'] }} }}"
    if "inline" in texts:
        lines.append(f"    accessPolicies: ({texts['inline']}) ? [{policy}] : []")
    return [*lines, "  }"]


def call(each: Call, scope: Scope) -> str:
    """Write a module."""
    start, end = opening(each, [each.condition, each.loop.filter if each.loop is not None else None])
    item = "i" if each.loop is not None and each.loop.kind == "count" else "v"
    name = f"'{each.name}-${{i}}'" if each.loop is not None else f"'{each.name}'"
    lines = [f"module {each.name} 'modules/{each.scope.name}.bicep' = {start}", f"  name: {name}", "  params: {"]
    for name, value in each.arguments.items():
        if isinstance(value, Target):
            lines.append(f"    {name}: {value.name}" + (".name" if value.kind == "own" else ""))
        else:
            lines.append(f"    {name}: {bicep(value, item)}")
    return "\n".join([*lines, "  }", end, ""])

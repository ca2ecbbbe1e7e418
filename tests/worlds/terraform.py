"""Write a root in Terraform (azurerm 4)."""

from __future__ import annotations

from tests.worlds.expressions import Expr, Lit, tf, tf_value
from tests.worlds.model import UNSET, Call, Decl, InputSpec, Root, Scope, Target

TYPES = {
    "bool": "bool",
    "string": "string",
    "number": "number",
    "names": "list(string)",
    "tags": "map(string)",
    "settings": "object({ kv = optional(object({ enabled = optional(bool, false) })) })",
    "vault": "string",
    "items": "map(object({ name = string, rbac = optional(bool, false), purge = optional(bool, false), "
    "enabled = optional(bool, true) }))",
}
RESOURCES = {
    "vault": "azurerm_key_vault",
    "policy": "azurerm_key_vault_access_policy",
    "role": "azurerm_role_assignment",
    "diag": "azurerm_monitor_diagnostic_setting",
    "endpoint": "azurerm_private_endpoint",
}
TENANT = "11111111-1111-1111-1111-111111111111"
PRINCIPAL = "22222222-2222-2222-2222-222222222222"
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers"
WORKSPACE = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/logs"
SUBNET = f"{SUBSCRIPTION}/Microsoft.Network/virtualNetworks/net/subnets/endpoints"
SHARED = f"{SUBSCRIPTION}/Microsoft.KeyVault/vaults/kv-shared"

HEAD = """terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.50"
    }
  }
}

provider "azurerm" {
  features {}
}
"""


def address(path: tuple[str, ...], decl: Decl) -> str:
    """Return the address of a declaration."""
    return "".join(f"module.{each}." for each in path[:-1]) + f"{RESOURCES[decl.kind]}.{decl.name}"


def literal(spec: InputSpec | None, value: object) -> str:
    """Write the value of an input; items are a map."""
    if spec is not None and spec.type == "items" and isinstance(value, list):
        return tf_value({each["key"]: {k: v for k, v in each.items() if k != "key"} for each in value})
    return tf_value(value)


def files(root: Root) -> dict[str, str]:
    """Return the files of a root."""
    result: dict[str, str] = {}
    write_scope(root.scope, "", result)
    result["main.tf"] = HEAD + result["main.tf"]
    fixed = [each for each in root.scope.inputs if each.fixed is not UNSET]
    if fixed:
        result["terraform.tfvars"] = "".join(f"{each.name} = {literal(each, each.fixed)}\n" for each in fixed)
    return result


def write_scope(scope: Scope, folder: str, result: dict[str, str]) -> None:
    """Write a module and those that it calls."""
    parts = [variable(each) for each in scope.inputs]
    if scope.locals:
        parts.append("locals {\n" + "".join(f"  {name} = {tf(expr)}\n" for name, expr in scope.locals.items()) + "}\n")
    parts += [resource(each, scope) for each in scope.decls]
    parts += [call(each, scope) for each in scope.calls]
    if scope.output is not None:
        parts.append(f'output "vault_id" {{\n  value = {output(scope)}\n}}\n')
    result[f"{folder}main.tf"] = "\n".join(parts)
    for each in scope.calls:
        write_scope(each.scope, f"{folder}modules/{each.scope.name}/", result)


def variable(spec: InputSpec) -> str:
    """Write a variable with its validations."""
    lines = [f'variable "{spec.name}" {{', f"  type = {TYPES[spec.type]}"]
    if spec.default is not UNSET:
        lines.append(f"  default = {literal(spec, spec.default)}")
    if not spec.nullable and spec.type != "vault":
        lines.append("  nullable = false")
    name = f"var.{spec.name}" if spec.type == "number" else f"length(var.{spec.name})"
    checks = [f"contains({tf_value(spec.allowed)}, var.{spec.name})"] if spec.allowed is not None else []
    checks += [f"{name} >= {spec.minimum}"] if spec.minimum is not None else []
    checks += [f"{name} <= {spec.maximum}"] if spec.maximum is not None else []
    for check in checks:
        test = f"var.{spec.name} == null ? true : {check}" if spec.nullable else check
        lines += ["  validation {", f"    condition = {test}", '    error_message = "Not valid."', "  }"]
    return "\n".join([*lines, "}", ""])


def reference(vault: Decl, companion: Decl | None) -> str:
    """Write a reference to the ID of a vault of the same module."""
    name = f"azurerm_key_vault.{vault.name}"
    if vault.loop is not None and companion is not None:
        return f"{name}[{'count.index' if vault.loop.kind == 'count' else 'each.key'}].id"
    if vault.condition is None:
        return f"{name}.id"
    return f'{name}["this"].id' if vault.style == "each" else f"{name}[0].id"


def target(value: Target, scope: Scope, companion: Decl | None) -> str:
    """Write the ID of the vault that a target names."""
    if value.kind == "parameter":
        return f"var.{value.name}"
    if value.kind == "child":
        called = next(each for each in scope.calls if each.name == value.name)
        if called.condition is None:
            return f"module.{value.name}.vault_id"
        index = '"this"' if called.style == "each" else "0"
        return f"module.{value.name}[{index}].vault_id"
    text = reference(scope.decl(value.name), companion)
    return f'try({text}, "{SHARED}")' if value.kind == "own or outside" else text


def output(scope: Scope) -> str:
    """Write the output of a module."""
    assert scope.output is not None
    vault = scope.decl(scope.output)
    if vault.condition is not None and scope.output_style == "null":
        name = f"azurerm_key_vault.{vault.name}"
        return f"one(values({name})[*].id)" if vault.style == "each" else f"one({name}[*].id)"
    return reference(vault, None)


def repetition(condition: Expr | None, style: str) -> list[str]:
    """Write `count` or `for_each` of a condition."""
    if condition is None:
        return []
    text = tf(condition)
    text = text if text.isidentifier() or " " not in text else f"({text})"
    return [f'  for_each = {text} ? toset(["this"]) : toset([])' if style == "each" else f"  count = {text} ? 1 : 0"]


def loop(decl: Decl | Call) -> list[str]:
    """Write `count` or `for_each` of a loop."""
    assert decl.loop is not None
    source = tf(decl.loop.source)
    if decl.loop.kind == "count":
        return [f"  count = {source}" if decl.condition is None else f"  count = ({tf(decl.condition)}) ? {source} : 0"]
    if decl.loop.kind == "names":
        text = f"toset({source})"
        test = f"({tf(decl.condition)}) ? " if decl.condition is not None else ""
        return [f"  for_each = {test}{text}" + (" : toset([])" if test else "")]
    tests = [tf(each, "v") for each in (decl.condition, decl.loop.filter) if each is not None]
    if not tests:
        return [f"  for_each = {source}"]
    test = " && ".join(f"({each})" for each in tests) if len(tests) > 1 else tests[0]
    return [f"  for_each = {{ for k, v in {source} : k => v if {test} }}"]


def resource(decl: Decl, scope: Scope) -> str:
    """Write a resource."""
    lines = [f'resource "{RESOURCES[decl.kind]}" "{decl.name}" {{']
    lines += loop(decl) if decl.loop is not None else repetition(decl.condition, decl.style)
    item = "count.index" if decl.loop is not None and decl.loop.kind == "count" else "each.value"
    texts = {name: tf(expr, item) for name, expr in decl.attributes.items()}
    identity = target(decl.target, scope, decl) if decl.target is not None else ""
    match decl.kind:
        case "vault":
            lines += vault_body(decl, texts)
        case "policy":
            purge = decl.attributes["purge"]
            lines += [f"  key_vault_id = {identity}", f'  tenant_id = "{TENANT}"', f'  object_id = "{PRINCIPAL}"']
            if isinstance(purge, Lit):
                lines.append("  secret_permissions = " + ('["Get", "Purge"]' if purge.value else '["Get"]'))
            else:
                lines.append("  secret_permissions = (" + texts["purge"] + ') ? ["Get", "Purge"] : ["Get"]')
        case "role":
            lines += [f"  scope = {identity}", '  role_definition_name = "Key Vault Secrets User"']
            lines += [f'  principal_id = "{PRINCIPAL}"']
        case "diag":
            lines += ['  name = "audit"', f"  target_resource_id = {identity}"]
            lines += [f'  log_analytics_workspace_id = "{WORKSPACE}"']
            lines += ["  enabled_log {", '    category_group = "audit"', "  }"]
        case "endpoint":
            lines += [f'  name = "pe-{decl.name}"', '  location = "westeurope"', '  resource_group_name = "rg"']
            lines += [f'  subnet_id = "{SUBNET}"', "  private_service_connection {", '    name = "vault"']
            lines += ["    is_manual_connection = false", '    subresource_names = ["vault"]']
            lines += [f"    private_connection_resource_id = {identity}", "  }"]
    return "\n".join([*lines, "}", ""])


def vault_body(decl: Decl, texts: dict[str, str]) -> list[str]:
    """Write the arguments of a vault."""
    lines = [f"  name = {texts['name']}", '  location = "westeurope"', '  resource_group_name = "rg"']
    lines += [f'  tenant_id = "{TENANT}"', '  sku_name = "standard"']
    names = {"rbac": "rbac_authorization_enabled", "purge": "purge_protection_enabled"}
    names["public"] = "public_network_access_enabled"
    lines += [f"  {name} = {texts[key]}" for key, name in names.items() if key in texts]
    if "acl" in texts:
        lines += ["  network_acls {", f"    default_action = {texts['acl']}", '    bypass = "AzureServices"', "  }"]
    if "inline" in texts:
        lines += ['  dynamic "access_policy" {', f"    for_each = ({texts['inline']}) ? [1] : []", "    content {"]
        lines += [f'      tenant_id = "{TENANT}"', f'      object_id = "{PRINCIPAL}"']
        lines += ['      secret_permissions = ["Get"]', "    }", "  }"]
    if decl.precondition is not None:
        lines += ["  lifecycle {", "    precondition {", f"      condition = {tf(decl.precondition)}"]
        lines += ['      error_message = "Not supported."', "    }", "  }"]
    return lines


def call(each: Call, scope: Scope) -> str:
    """Write a call of a module."""
    lines = [f'module "{each.name}" {{', f'  source = "./modules/{each.scope.name}"']
    lines += loop(each) if each.loop is not None else repetition(each.condition, each.style)
    item = "count.index" if each.loop is not None and each.loop.kind == "count" else "each.value"
    for name, value in each.arguments.items():
        lines.append(f"  {name} = {target(value, scope, None) if isinstance(value, Target) else tf(value, item)}")
    return "\n".join([*lines, "}", ""])

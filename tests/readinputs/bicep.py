"""Generated Bicep files."""

from __future__ import annotations

from tests.readinputs.expressions import BOOL, INT, LIST, MAP, OBJECT, TEXT, Bicep
from tests.readinputs.modules import Features, Loop, Module, ModuleCall, Resource

FEATURES = Features(reads_defaults=True, groups=True, function="own")
TYPES = {BOOL: "bool", TEXT: "string", INT: "int", LIST: "array", OBJECT: "object", MAP: "object"}
_SPACES = {
    "param": "{name}{path}", "local": "{name}{path}", "item": "item.value{path}", "key": "item.key", "index": "i",
    "output": "{of}.outputs.{name}",
}  # fmt: skip
_BICEP = Bicep(_SPACES)


def files_of(module: Module, path: str = "main.bicep") -> dict[str, str]:
    """Return the files of a root file and of the modules that it calls."""
    lines: list[str] = ["func tagged(a string, b bool) string => '${a}-${b}'"]
    for declared in module.parameters:
        default = "" if declared.default is None else f" = {_BICEP.text(declared.default)}"
        lines.append(f"param {declared.name} {TYPES[declared.type]}{default}")
    lines += [f"var {name} = {_BICEP.text(value)}" for name, _, value in module.locals]
    lines += [_resource(declared) for declared in module.resources]
    lines += [_call(declared) for declared in module.calls]
    lines += [f"output {name} {TYPES[type_]} = {_BICEP.text(value)}" for name, (type_, value) in module.outputs.items()]
    result = {path: "\n".join(lines)}
    for call in module.calls:
        result |= files_of(call.module, f"{call.name}.bicep")
    return result


def _looped(loop: Loop, body: str) -> str:
    over = _BICEP.text(loop.over)
    match loop.kind:
        case "if":
            return f"if ({over}) {body}"
        case "count":
            return f"[for i in range(0, {over}): {body}]"
        case "each":
            return f"[for item in items({over}): {body}]"
    return body


def _suffix(loop: Loop) -> str:
    return {"count": "-${i}", "each": "-${item.key}"}.get(loop.kind, "")


def _resource(declared: Resource) -> str:
    texts = {name: _BICEP.text(value) for name, value in declared.attributes.items()}
    rules = f"map({texts['addresses']}, s => {{ value: s }})"
    if declared.is_dynamic:
        rules = f"[for ip in {_BICEP.text(declared.ranges)}: {{ value: ip }}]"
    action = _BICEP.calls["action"].format(texts["deny"])
    body = f"""{{
  name: {texts["name"]}
  location: 'westeurope'
  tags: {{ t: {texts["tag"]} }}
  properties: {{
    enablePurgeProtection: {texts["purge"]}
    enabledForDeployment: {texts["deployment"]}
    enableRbacAuthorization: {texts["rbac"]}
    softDeleteRetentionInDays: {texts["days"]}
    networkAcls: {{
      defaultAction: {action}
      ipRules: {rules}
    }}
  }}
}}"""
    text = f"resource {declared.name} 'Microsoft.KeyVault/vaults@2023-07-01' = {_looped(declared.loop, body)}"
    if not declared.has_secret:
        return text
    return f"""{text}
resource {declared.name}s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {{
  parent: {declared.name}
  name: {declared.name}.name
  properties: {{ contentType: '${{{declared.name}.tags.t}}-${{{declared.name}.properties.softDeleteRetentionInDays}}' }}
}}"""


def _call(declared: ModuleCall) -> str:
    arguments = "\n".join(f"    {name}: {_BICEP.text(value)}" for name, value in declared.arguments.items())
    group = "" if declared.group is None else f"\n  scope: resourceGroup({_BICEP.text(declared.group)})"
    body = f"{{\n  name: '{declared.name}{_suffix(declared.loop)}'{group}\n  params: {{\n{arguments}\n  }}\n}}"
    return f"module {declared.name} '{declared.name}.bicep' = {_looped(declared.loop, body)}"

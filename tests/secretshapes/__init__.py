"""Generates deployments in which a secret is written somewhere, with any number of steps to where it is used.

Each shape is a folder: a secret in a key vault, or something else whose value is secret, made of a literal through
random steps of its language. No name suggests a secret, so only the way of the value shows that it is one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

Files: TypeAlias = Mapping[str, str]
MARK = "QXZJWYQJ"
"""What the literal contains that no excerpt may show."""


class Shape(NamedTuple):
    """The files of a shape, the one that is its input, and how its secret was made, for the message of a test."""

    files: Files
    main: str
    made: str


def shape_of(language: str, seed: int, steps: int) -> Shape:
    """Return the shape of a seed, with a number of steps between the literal and its use."""
    numbers = random.Random(f"{language} {seed} {steps}")  # noqa: S311  # nothing depends on it but the shape
    makers: Mapping[str, type[_Terraform | _Bicep | _Arm]] = {"terraform": _Terraform, "bicep": _Bicep, "arm": _Arm}
    return makers[language](numbers).shape(steps)


class _Terraform:
    """Builds a root module with the modules that it calls."""

    def __init__(self, numbers: random.Random) -> None:
        self.numbers = numbers
        self.files: dict[str, list[str]] = {"main.tf": [_VAULT]}
        self.made: list[str] = []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"s{self.count}"

    def shape(self, steps: int) -> Shape:
        value = self.literal()
        for _ in range(steps):
            value = self.numbers.choice(self.steps())(value)
        self.numbers.choice(
            [
                self.plain,
                self.keyed,
                self.counted,
                self.listed,
                self.nested,
                self.azapi,
                self.to_module,
                self.settings,
            ]
        )(value)
        files = {path: "\n".join(parts) + "\n" for path, parts in self.files.items()}
        return Shape(files, ".", " > ".join(self.made))

    def add(self, text: str, path: str = "main.tf") -> None:
        self.files.setdefault(path, []).append(text)

    def literal(self) -> str:
        form = self.numbers.randrange(6)
        self.made.append(f"literal {form}")
        name = self.name()
        if form == 5:
            type_ = f'object({{ p = optional(string, "{MARK}") }})'
            self.add(f'variable "{name}" {{\n  type    = {type_}\n  default = {{}}\n}}')
            return f"var.{name}.p"
        if form == 1:
            self.add(f'variable "{name}" {{\n  default = "{MARK}"\n}}')
            return f"var.{name}"
        if form == 2:
            self.add(f'variable "{name}" {{\n  default = {{ q = ["{MARK}"] }}\n}}')
            return f'var.{name}["q"][0]'
        if form == 3:
            self.add(f"locals {{\n  {name} = <<-EOT\n    {MARK}\n  EOT\n}}")
            return f"local.{name}"
        return f'"a${{1}}-{MARK}"' if form == 4 else f'"{MARK}"'

    def steps(self) -> list[Callable[[str], str]]:
        return [
            self.local,
            self.member,
            self.item,
            self.inline,
            self.loop,
            self.module,
            self.attribute,
            self.other_file,
        ]

    def local(self, value: str) -> str:
        name = self.name()
        self.made.append("local")
        self.add(f"locals {{\n  {name} = {value}\n}}")
        return f"local.{name}"

    def member(self, value: str) -> str:
        name = self.name()
        form = self.numbers.choice(["{}.b.c", '{}["b"]["c"]', 'lookup({}.b, "c", "x")', '{}.b[join("", ["c"])]'])
        self.made.append(f"member {form}")
        self.add(f'locals {{\n  {name} = {{\n    a = "plain"\n    b = {{ c = {value}, d = 1 }}\n  }}\n}}')
        return form.format(f"local.{name}")

    def item(self, value: str) -> str:
        name = self.name()
        form = self.numbers.choice(["{}[1]", "element({}, 1)", "reverse({})[0]", "concat([], {})[1]"])
        self.made.append(f"item {form}")
        self.add(f'locals {{\n  {name} = ["plain", {value}]\n}}')
        return form.format(f"local.{name}")

    def inline(self, value: str) -> str:
        form = self.numbers.choice(
            [
                "(true ? {} : null)", "try(local.nothing.x, {})", "coalesce(null, {})", '"${{{}}}"', "trimspace({})",
                'format("%s", {})', 'join("", [{}])', "jsondecode(jsonencode({{ k = {} }})).k", "one([{}])",
                "nonsensitive({})", "merge({{ z = 1 }}, {{ y = {} }}).y", "values({{ x = {} }})[0]", "({})",
                "base64decode(base64encode({}))", "flatten([[{}]])[0]", "[{{ u = {} }}][*].u[0]",
                'zipmap(["k"], [{}])["k"]', "tolist([{}])[0]", 'tomap({{ k = {} }})["k"]',
            ]
        )  # fmt: skip
        self.made.append(form)
        return form.format(value)

    def loop(self, value: str) -> str:
        form = self.numbers.choice(
            [
                "[for x in [{}] : x][0]", "{{ for k, v in {{ a = {} }} : k => v }}.a",
                "[for x in [{{ u = {} }}] : x.u][0]",
                '{{ for x in [{}] : "k" => x }}["k"]', "[for k, v in {{ a = {{ u = {} }} }} : v.u if k != null][0]",
                '{{ for x in [{}] : "k" => x... }}["k"][0]', "keys({{ for x in [{}] : x => 1 }})[0]",
            ]
        )  # fmt: skip
        self.made.append(form)
        return form.format(value)

    def module(self, value: str) -> str:
        name = self.name()
        self.made.append("module")
        self.add(f'module "{name}" {{\n  source = "./{name}"\n  x      = {{ w = {value} }}\n}}')
        self.add('variable "x" {}\noutput "y" {\n  value = { v = [var.x.w] }\n}', f"{name}/main.tf")
        return f"module.{name}.y.v[0]"

    def attribute(self, value: str) -> str:
        name = self.name()
        self.made.append("attribute")
        self.add(f'resource "terraform_data" "{name}" {{\n  input = {value}\n}}')
        return f"terraform_data.{name}.output"

    def other_file(self, value: str) -> str:
        name = self.name()
        self.made.append("other file")
        self.add(json.dumps({"locals": {name: f"${{{value}}}"}}, indent=1), f"{name}.tf.json")
        return f"local.{name}"

    def plain(self, value: str) -> None:
        self.made.append("value")
        self.add(_secret("main", f"value = {value}"))

    def keyed(self, value: str) -> None:
        key = self.numbers.choice(["value", "value.p", "key"])
        self.made.append(f"for_each {key}")
        given = {"value": f"{{ a = {value} }}", "value.p": f"{{ a = {{ p = {value} }} }}", "key": f"toset([{value}])"}
        self.add(_secret("main", f"for_each = {given[key]}\n  value = each.{key}"))

    def counted(self, value: str) -> None:
        self.made.append("count")
        self.add(f"locals {{\n  of_all = [{value}]\n}}")
        self.add(_secret("main", "count = 1\n  value = local.of_all[count.index]"))

    def listed(self, value: str) -> None:
        self.made.append("dynamic")
        self.add(
            'resource "azurerm_container_app" "main" {\n  name = "a"\n  dynamic "secret" {\n    for_each = '
            f'[{{ n = "b", v = {value} }}]\n    content {{\n      name  = secret.value.n\n'
            "      value = secret.value.v\n    }\n  }\n}"
        )

    def nested(self, value: str) -> None:
        self.made.append("nested dynamic")
        self.add(
            'resource "azurerm_container_app" "main" {\n  name = "a"\n  dynamic "outer" {\n    for_each = '
            f'[{{ v = [{value}] }}]\n    content {{\n      dynamic "secret" {{\n        for_each = outer.value.v\n'
            "        iterator = one\n        content {\n          value = one.value\n        }\n      }\n    }\n  }\n}"
        )

    def settings(self, value: str) -> None:
        self.made.append("protected settings")
        self.add(
            f'resource "azurerm_virtual_machine_extension" "main" {{\n  name = "a"\n'
            f"  protected_settings = jsonencode({{ c = {value} }})\n}}"
        )

    def azapi(self, value: str) -> None:
        self.made.append("azapi")
        self.add(
            'resource "azapi_resource" "main" {\n  type = "Microsoft.KeyVault/vaults/secrets@2023-07-01"\n'
            f"  body = {{\n    properties = {{\n      value = {value}\n    }}\n  }}\n}}"
        )

    def to_module(self, value: str) -> None:
        self.made.append("in a module")
        self.add(f'module "end" {{\n  source = "./end"\n  items  = {{ z = {value} }}\n}}')
        self.add('variable "items" {}', "end/main.tf")
        self.add(_secret("main", "for_each = var.items\n  value = each.value"), "end/main.tf")


_VAULT = 'resource "azurerm_key_vault" "v" {\n  name     = "kv-orders"\n  sku_name = "standard"\n}'


def _secret(name: str, arguments: str) -> str:
    vault = "/subscriptions/x/resourceGroups/y/providers/Microsoft.KeyVault/vaults/z"
    return (
        f'resource "azurerm_key_vault_secret" "{name}" {{\n  name = "one"\n  {arguments}\n'
        f'  key_vault_id = "{vault}"\n}}'
    )


class _Bicep:
    """Builds a Bicep file with the modules that it calls."""

    def __init__(self, numbers: random.Random) -> None:
        self.numbers = numbers
        self.files: dict[str, list[str]] = {"main.bicep": [_BICEP_VAULT]}
        self.made: list[str] = []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"s{self.count}"

    def shape(self, steps: int) -> Shape:
        value = self.literal()
        for _ in range(steps):
            step = self.numbers.choice(
                [
                    self.variable,
                    self.member,
                    self.item,
                    self.inline,
                    self.loop,
                    self.module,
                    self.function,
                    self.imported,
                ]
            )
            value = step(value)
        self.numbers.choice(
            [self.plain, self.looped, self.nested, self.setting, self.to_module, self.to_secure_part, self.to_template]
        )(value)
        files = {path: "\n".join(parts) + "\n" for path, parts in self.files.items()}
        return Shape(files, "main.bicep", " > ".join(self.made))

    def add(self, text: str, path: str = "main.bicep") -> None:
        self.files.setdefault(path, []).append(text)

    def literal(self) -> str:
        form = self.numbers.randrange(4)
        self.made.append(f"literal {form}")
        name = self.name()
        if form == 1:
            self.add(f"param {name} string = '{MARK}'")
            return name
        if form == 2:
            self.add(f"param {name} object = {{\n  q: [\n    '{MARK}'\n  ]\n}}")
            return f"{name}.q[0]"
        return f"'''\n{MARK}\n'''" if form == 3 else f"'{MARK}'"

    def variable(self, value: str) -> str:
        name = self.name()
        self.made.append("var")
        self.add(f"var {name} = {value}")
        return name

    def member(self, value: str) -> str:
        name = self.name()
        form = self.numbers.choice(["{}.b.c", "{}['b'].c", "{}.?b.c", "{}.b!.c"])
        self.made.append(f"member {form}")
        self.add(f"var {name} = {{\n  a: 'plain'\n  b: {{ c: {value}, d: 1 }}\n}}")
        return form.format(name)

    def item(self, value: str) -> str:
        name = self.name()
        form = self.numbers.choice(["{}[1]", "last({})", "concat([], {})[1]", "skip({}, 1)[0]"])
        self.made.append(f"item {form}")
        self.add(f"var {name} = [ 'plain', {value} ]")
        return form.format(name)

    def inline(self, value: str) -> str:
        form = self.numbers.choice(
            [
                "(true ? {} : '')", "(null ?? {})", "'${{{}}}'", "trim({})", "format('{{0}}', {})", "join([{}], '')",
                "json(string({{ k: {} }})).k", "union({{ z: 1 }}, {{ y: {} }}).y", "base64ToString(base64({}))",
                "any({})", "first([{}])", "{{ ...{{ k: {} }} }}.k", "flatten([[{}]])[0]", "items({{ k: {} }})[0].value",
            ]
        )  # fmt: skip
        self.made.append(form)
        return form.format(value)

    def loop(self, value: str) -> str:
        name = self.name()
        form = self.numbers.choice(
            [
                "map([{}], x => x)[0]", "map([{{ u: {} }}], x => x.u)[0]", "filter([{}], x => true)[0]", "for",
                "reduce([{}], '', (a, b) => b)", "toObject([{}], x => 'k', x => x).k",
                "mapValues({{ k: {} }}, x => x).k",
            ]
        )  # fmt: skip
        self.made.append(form)
        if form == "for":
            self.add(f"var {name} = [for x in [{{ u: {value} }}]: {{\n  w: x.u\n}}]")
            return f"{name}[0].w"
        return form.format(value)

    def module(self, value: str) -> str:
        name = self.name()
        self.made.append("module")
        self.add(
            f"module {name} '{name}.bicep' = {{\n  name: '{name}'\n  params: {{\n    x: {{ w: {value} }}\n  }}\n}}"
        )
        self.add("param x object\noutput y array = [ x.w ]", f"{name}.bicep")
        return f"{name}.outputs.y[0]"

    def function(self, value: str) -> str:
        name = self.name()
        self.made.append("func")
        self.add(f"func {name}(a string) string => '${{a}}'")
        return f"{name}({value})"

    def imported(self, value: str) -> str:
        name = self.name()
        self.made.append("import")
        self.add(f"@export()\nvar {name} = {{ k: '{MARK}' }}", f"{name}.bicep")
        self.add(f"import {{ {name} as {name}x }} from '{name}.bicep'")
        return f"(true ? {name}x.k : {value})"

    def plain(self, value: str) -> None:
        self.made.append("value")
        self.add(_bicep_secret("main", "", value))

    def looped(self, value: str) -> None:
        self.made.append("loop")
        self.add(f"var of_all = [ {{ p: {value} }} ]")
        self.add(_bicep_secret("main", "[for one in of_all: ", "one.p", "]"))

    def nested(self, value: str) -> None:
        self.made.append("nested")
        self.add(
            "resource outer 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-outer'\n"
            "  resource inner 'secrets' = {\n    name: 'one'\n    properties: {\n"
            f"      value: {value}\n    }}\n  }}\n}}"
        )

    def setting(self, value: str) -> None:
        self.made.append("setting")
        self.add(
            "resource site 'Microsoft.Web/sites@2023-12-01' = {\n  name: 'app'\n  properties: {\n    siteConfig: {\n"
            f"      appSettings: [\n        {{ name: 'A', value: {value} }}\n      ]\n    }}\n  }}\n}}"
        )

    def to_module(self, value: str) -> None:
        self.made.append("in a module")
        self.add(f"module end 'end.bicep' = {{\n  name: 'end'\n  params: {{\n    items: [ {value} ]\n  }}\n}}")
        self.add("param items array", "end.bicep")
        self.add(_bicep_secret("main", "[for one in items: ", "one", "]"), "end.bicep")

    def to_secure_part(self, value: str) -> None:
        self.made.append("secure part of a type")
        self.add(
            f"module end 'end.bicep' = {{\n  name: 'end'\n  params: {{\n    x: {{ a: [ {{ p: {value} }} ] }}\n  }}\n}}"
        )
        self.add("type part = {\n  @secure()\n  p: string\n}\nparam x {\n  a: part[]\n}", "end.bicep")

    def to_template(self, value: str) -> None:
        self.made.append("in a template")
        self.add(f"module end 'end.json' = {{\n  name: 'end'\n  params: {{\n    x: {value}\n  }}\n}}")
        parameters = {"x": {"type": "string"}}
        template = {
            "$schema": _SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters,
            "resources": [_arm_secret("[parameters('x')]")],
        }  # fmt: skip
        self.add(json.dumps(template), "end.json")


_BICEP_VAULT = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-orders'\n}"


def _bicep_secret(name: str, before: str, value: str, after: str = "") -> str:
    return (
        f"resource {name} 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {before}{{\n  name: 'kv-orders/one'\n"
        f"  properties: {{\n    value: {value}\n  }}\n}}{after}"
    )


class _Arm:
    """Builds a template."""

    def __init__(self, numbers: random.Random) -> None:
        self.numbers = numbers
        self.parameters: dict[str, object] = {}
        self.variables: dict[str, object] = {}
        self.functions: dict[str, object] = {}
        self.loops: list[object] = []
        self.made: list[str] = []
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"s{self.count}"

    def shape(self, steps: int) -> Shape:
        value = self.literal()
        for _ in range(steps):
            value = self.numbers.choice([self.variable, self.member, self.item, self.inline, self.loop, self.function])(
                value
            )
        resource = self.numbers.choice([self.plain, self.copied, self.deployed])(value)
        if self.loops:
            self.variables["copy"] = self.loops
        vault = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv-orders", "properties": {}}
        template = {
            "$schema": _SCHEMA, "contentVersion": "1.0.0.0", "parameters": self.parameters,
            "variables": self.variables, "functions": [{"namespace": "n", "members": self.functions}],
            "resources": [vault, resource],
        }  # fmt: skip
        indent = self.numbers.choice([None, 2])
        return Shape({"main.json": json.dumps(template, indent=indent)}, "main.json", " > ".join(self.made))

    def literal(self) -> str:
        form = self.numbers.randrange(4)
        self.made.append(f"literal {form}")
        name = self.name()
        if form == 1:
            self.parameters[name] = {"type": "string", "defaultValue": MARK}
            return f"parameters('{name}')"
        if form == 2:
            self.parameters[name] = {"type": "object", "defaultValue": {"q": [MARK]}}
            return f"parameters('{name}').q[0]"
        if form == 3:
            self.variables[name] = MARK
            return f"variables('{name}')"
        return f"'{MARK}'"

    def variable(self, value: str) -> str:
        name = self.name()
        self.made.append("variable")
        self.variables[name] = f"[{value}]"
        return f"variables('{name}')"

    def member(self, value: str) -> str:
        name = self.name()
        form = self.numbers.choice(["{}.b.c", "{}['b'].C", "tryGet({}, 'b').c"])
        self.made.append(f"member {form}")
        self.variables[name] = {"a": "plain", "b": {"c": f"[{value}]", "d": 1}}
        return form.format(f"variables('{name}')")

    def item(self, value: str) -> str:
        name = self.name()
        form = self.numbers.choice(["{}[1]", "last({})", "concat(createArray(), {})[1]"])
        self.made.append(f"item {form}")
        self.variables[name] = ["plain", f"[{value}]"]
        return form.format(f"variables('{name}')")

    def inline(self, value: str) -> str:
        form = self.numbers.choice(
            [
                "if(true(), {}, '')", "coalesce(null(), {})", "concat({}, '')", "trim({})", "first(createArray({}))",
                "format('{{0}}', {})", "createObject('k', {}).k",
                "union(createObject('z', 1), createObject('y', {})).y",
                "json(string(createObject('k', {}))).k", "base64ToString(base64({}))",
                "map(createArray({}), lambda('x', lambdaVariables('x')))[0]",
            ]
        )  # fmt: skip
        self.made.append(form)
        return form.format(value)

    def loop(self, value: str) -> str:
        name = self.name()
        self.made.append("copy")
        if self.numbers.randrange(2):
            self.loops.append({"name": name, "count": 1, "input": {"w": f"[{value}]"}})
            return f"variables('{name}')[0].w"
        self.variables[name] = {"copy": [{"name": "x", "count": 1, "input": f"[{value}]"}]}
        return f"variables('{name}').x[0]"

    def function(self, value: str) -> str:
        name = self.name()
        self.made.append("function")
        output = {"type": "string", "value": "[parameters('a')]"}
        self.functions[name] = {"parameters": [{"name": "a", "type": "string"}], "output": output}
        return f"n.{name}({value})"

    def plain(self, value: str) -> object:
        self.made.append("value")
        return _arm_secret(f"[{value}]")

    def copied(self, value: str) -> object:
        self.made.append("resource copy")
        self.variables["of_all"] = [f"[{value}]"]
        return {**_arm_secret("[variables('of_all')[copyIndex()]]"), "copy": {"name": "c", "count": 1}}

    def deployed(self, value: str) -> object:
        self.made.append("nested deployment")
        inner = {
            "$schema": _SCHEMA, "contentVersion": "1.0.0.0", "parameters": {"items": {"type": "array"}},
            "resources": [_arm_secret("[parameters('items')[0]]")],
        }  # fmt: skip
        properties = {
            "mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"items": {"value": [f"[{value}]"]}}, "template": inner,
        }  # fmt: skip
        return {
            "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "inner",
            "properties": properties,
        }  # fmt: skip


_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def _arm_secret(value: str) -> dict[str, object]:
    return {
        "type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01", "name": "kv-orders/one",
        "properties": {"value": value},
    }  # fmt: skip

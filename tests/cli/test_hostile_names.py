"""Whoever names files and resources cannot make a report act: not on a terminal, in a build log, or on a page."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from azkvlint.__main__ import _run_with_error_handling
from azkvlint.linter.rule_tests import expand
from azkvlint.reporters import REPORTERS
from azkvlint.reporters.access import ACCESS_REPORTERS
from azkvlint.reporters.controls import CONTROLS_REPORTERS
from tests.sarif import run_in

pytestmark = pytest.mark.slow(8)

# Each acts somewhere: terminals, GitHub's and Azure's agents (which overlook a soft hyphen), XML, HTML and Markdown.
HOSTILE = (
    "\x1b[31mred\x9b1m",
    "x\n::error file=y::z",
    "\r##vso[task.setvariable variable=a]b",
    "##[error]c",
    "#\u00ad#vso[task.complete result=Succeeded]",
    "##v\u200bso[task.complete result=Succeeded]",
    "]]><!--&amp;%0A::debug::%25",
    "\u202eevil\u2028line",
    "\ufffe\uffff",
    "\u3164\u115f\uffa0\u2066hidden\U000e0041",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "`code` ``more`` | cell | <details>",
    "[link](https://evil.example) ![image](https://evil.example/i.png) <https://evil.example>",
    "https://evil.example www.evil.example @somebody org/repo#1",
    "*bold* __bold__ ~~gone~~ $math$ \\",
)
ALL = "".join(HOSTILE)
FOLDER = ALL.replace("/", "")[:80]
TELLING = re.compile(
    r"::(error|warning|notice) title=kvlint \([A-Z]+-?\d+\)(,(file|line|col|endLine|endColumn)=[^:,]*)*::"
)
LOGISSUE = re.compile(
    r"##vso\[task\.logissue type=(error|warning);((sourcepath|linenumber|columnnumber|code)=[^;\]]*;)+\]"
)
# What says nothing of what it read but where it is.
WITHOUT_NAMES = {"graph.bicep.dot", "graph.bicep.mermaid"}
# What kvlint writes in Markdown of its own.
OWN_HTML = {"<details>", "<summary>", "</summary>", "</details>", "<br>"}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Every report on inputs of all kinds in a hostile folder, by format; ``stderr`` is one of them."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "in" / FOLDER
    folder.mkdir(parents=True)
    write(folder)
    errors = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(errors):
        patch.chdir(home)
        patch.setenv("COLUMNS", "120")
        words = [word for form in REPORTERS for word in ("-f", f"{form}={form}")]
        assert _run_with_error_handling(["in", "--profile", "all", "-v", "--strict", "--show-suppressed", *words]) == 3
        audit = ("-f", "sarif=audit.sarif", "--sarif-include", "suppressed,unknown,passed")
        assert _run_with_error_handling(["in", "--profile", "all", *audit]) == 3
        words = [word for form in CONTROLS_REPORTERS for word in ("-f", f"{form}=controls.{form}")]
        assert _run_with_error_handling(["controls", "in", *words]) == 3
        words = [word for form in ACCESS_REPORTERS for word in ("-f", f"{form}=access.{form}")]
        assert _run_with_error_handling(["access", "in", *words]) == 3
        words = [word for form in ("text", "json") for word in ("-f", f"{form}=suppressions.{form}")]
        assert _run_with_error_handling(["suppressions", "in", *words]) == 3
        for name, words in printing(folder, home).items():
            (home / name).write_bytes(stdout_of(words))
    # Bytes, because reading as text makes line breaks of what is none.
    return {"stderr": errors.getvalue()} | {
        file.name: file.read_bytes().decode() for file in home.iterdir() if file.is_file()
    }


def printing(folder: Path, home: Path) -> Mapping[str, list[str]]:
    """The commands that write to standard output alone, by the name of what they print."""
    rules = home / "rules" / FOLDER
    rules.mkdir(parents=True)
    (rules / "ACME-1-hostile.yaml").write_text(own_rule(), encoding="utf-8")
    (home / "rules" / "kvlint.toml").write_text(own_settings(), encoding="utf-8")
    inputs = {
        "tf": folder / "main.tf", "tfjson": folder / "names", "plan": folder / "plan.json",
        "arm": folder / "azuredeploy.json", "bicep": folder / "main.bicep",
    }  # fmt: skip
    graphs = {
        f"graph.{name}.{form}": ["graph", str(path), "-f", form]
        for name, path in inputs.items()
        for form in ("dot", "mermaid")
    }
    return graphs | {
        "rules.text": ["rules", "--rules", str(rules)],
        "rules.json": ["rules", "--rules", str(rules), "-f", "json"],
        "rules.test": ["rules", "test", str(rules)],
        "explain": ["explain", "ACME-1", "--rules", str(rules)],
        "settings": ["--show-settings", "in", "--config", "rules/kvlint.toml"],
        "settings.suppressions": ["suppressions", "--show-settings", "in", "--config", "rules/kvlint.toml"],
    }


def stdout_of(words: list[str]) -> bytes:
    """What a command prints."""
    out = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(out, encoding="utf-8")) as stream:
        assert _run_with_error_handling(words) in (0, 1, 3)
        stream.flush()
    return out.getvalue()


def own_rule() -> str:
    """A rule file whose texts are hostile; what it does not expect to find is reported with them."""
    line, words = escaped("".join(ALL.splitlines())), escaped(f"x {' '.join(HOSTILE)}")
    return f"""id: ACME-1
name: hostile
title: {line}
severity: low
resource: Microsoft.KeyVault/vaults
require:
  - attribute: properties.sku.name
    equals: {line}
message: "'{{resource}}' is '{{value}}'."
why: {words}
fix: {words}
references: [https://evil.example/]
examples:
  - fails: {line}
    terraform: {escaped(f"# {ALL}{chr(10)}# <- ACME-1{chr(10)}")}
  - passes: {line}
    terraform: |
      resource "azurerm_key_vault" "kv" {{}}
"""


def escaped(text: str) -> str:
    """A string as YAML and TOML both read it."""
    return '"' + "".join(f"\\U{ord(one):08x}" for one in text) + '"'


def own_settings() -> str:
    """A configuration file whose texts are hostile."""
    text, glob = escaped(ALL), escaped(re.sub(r"[\[\]*!\\]", "", ALL))
    return f"""exclude = [{glob}]
var = [{glob}]
[[override]]
paths = [{glob}]
rules = ["KV001"]
ignore = true
reason = {text}
owner = {text}
"""


def write(folder: Path) -> None:
    """A module, a plan, a template, a Bicep file and something broken, full of hostile names."""
    keys = ", ".join(json.dumps(name, ensure_ascii=False) for name in HOSTILE)
    tag = json.dumps(ALL, ensure_ascii=False)
    (folder / "main.tf").write_text(
        f"""# kvlint: ignore[KV003] {ALL.replace(chr(10), "").replace(chr(13), "")}
resource "azurerm_key_vault" "kv" {{
  for_each = toset([{keys.replace("$", "$$").replace("%{", "%%{")}])
  name     = each.key
  sku_name = each.key
  tags     = {{ a = {tag} }}
  network_acls {{
    default_action = each.key
    bypass         = {tag}
  }}
}}
resource "azurerm_key_vault_secret" "s" {{
  name         = {tag}
  key_vault_id = azurerm_key_vault.kv[{json.dumps(HOSTILE[0])}].id
  content_type = {tag}
}}
""",
        encoding="utf-8",
    )
    plan = json.loads(expand("azurerm_key_vault.kv: {name: kv, sku_name: x}\nazurerm_key_vault.b: {name: '${var.x}'}"))
    for index, change in enumerate(plan["resource_changes"]):
        change["address"] = f"azurerm_key_vault.kv[{json.dumps(ALL + str(index))}]"
        change["index"] = ALL + str(index)
        change["change"]["after"] |= {"name": ALL, "sku_name": ALL}
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    vault = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": ALL, "location": ALL}
    # Everything in a path of access has a hostile name: the principal, the role and its scope, the words of a policy.
    policies = [{"objectId": ALL, "permissions": {"secrets": ["get", ALL]}}]
    role = {"roleDefinitionId": ALL, "principalId": ALL}
    assignment = {"type": "Microsoft.Authorization/roleAssignments", "name": ALL, "scope": ALL, "properties": role}
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {ALL: {"type": "string"}},
        "resources": [
            vault | {"properties": {"publicNetworkAccess": ALL, "sku": {"name": ALL}, "tenantId": "[nothing('\x1b')]"}},
            vault | {"name": "kv", "properties": {"accessPolicies": policies}},
            assignment | {"apiVersion": "2022-04-01"},
            vault | {"name": f"[parameters({quoted(ALL)})]", "type": f"Microsoft.KeyVault/vaults/{ALL}"},
        ],
    }
    (folder / "azuredeploy.json").write_text(json.dumps(template), encoding="utf-8")
    registry = re.sub("[\n\r']", "", ALL.encode("ascii", "ignore").decode())
    (folder / "main.bicep").write_text(
        f"""#disable-next-line KV003
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: {quoted(ALL)}
  location: 'x'
  properties: {{ sku: {{ name: {quoted(ALL)} }}, tenantId: 'x', publicNetworkAccess: {quoted(ALL)} }}
}}
module m 'br:evil.example/{registry}:1' = {{
  name: 'm'
}}
""",
        encoding="utf-8",
    )
    # What Terraform itself would not let be a name.
    vaults = {name: {"name": name, "for_each": {name: 1}} for name in HOSTILE}
    modules = {name: {"source": f"ns/{name}/azurerm"} for name in HOSTILE}
    (folder / "names").mkdir()
    (folder / "names" / "main.tf.json").write_text(
        json.dumps({"resource": {"azurerm_key_vault": vaults}, "module": modules}), encoding="utf-8"
    )
    (folder / f"{FOLDER[:40]}.tf.json").write_text('{"a": \x1b', encoding="utf-8")


def quoted(text: str) -> str:
    """A text in Bicep and in template expressions, as far as both can write it."""
    kept = "".join(
        one if one.isprintable() else f"\\u{{{ord(one):x}}}" for one in text.replace("\\", "").replace("$", "")
    )
    return f"'{kept}'"


def test_no_report_acts_on_a_terminal_or_in_a_build_log(said: Mapping[str, str]) -> None:
    for name, text in said.items():
        if name not in WITHOUT_NAMES:
            # The label of a principal is the last step of an ID, so that a name with slashes is not shown as a whole.
            assert ("*bold*" if name == "access.csv" else "evil") in text, name
        assert not {one for one in text if unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp", "Cs", "Cn"}} - {
            "\n"
        }, name
        for line in text.split("\n"):
            if not (name == "github" and TELLING.match(line)):
                assert not line.lstrip().startswith("::"), name
            command = LOGISSUE.match(line) if name == "azure" else None
            rest = line if command is None else line[command.end() :]
            assert "##[" not in rest, name
            assert "##vso[" not in rest, name


def test_workflow_commands_contain_escaped_text_only(said: Mapping[str, str]) -> None:
    commands = [line for line in said["github"].splitlines() if line.startswith("::")]
    assert 2 < len(commands) <= 30
    for line in commands:
        head, text = line.split("::", 2)[1:]
        path = re.search(r"file=([^,]*)", head)
        assert path is None or text.startswith(re.sub("%3A", ":", re.sub("%2C", ",", path[1])))
        assert not re.search(r"%(?!25|0A)", text)
        assert not re.search("[\r\n]", text)
    issues = [line for line in said["azure"].splitlines() if line.startswith("##vso[")]
    assert len(issues) > 2
    for line in issues:
        match = LOGISSUE.match(line)
        assert match is not None
        assert not re.search(r"%(?!AZP25|3B|5D)|[;\]]", line[match.end() :])


def test_machine_formats_are_well_formed(said: Mapping[str, str]) -> None:
    for name in ("json", "gitlab", "rdjson", "controls.json"):
        json.loads(said[name])
    run_in(said["sarif"])
    run_in(said["audit.sarif"])
    found = json.loads(said["json"])["findings"] + json.loads(said["json"])["unknown"]
    paths = {one["location"]["path"] for one in found}
    addresses = "".join(each["resource"] for one in found for each in one["occurrences"])
    assert all(json.dumps(name)[1:-1] in addresses for name in HOSTILE)
    assert {path.rpartition("/")[2] for path in paths} >= {"plan.json", "main.bicep", "azuredeploy.json"}
    entries = json.loads(said["gitlab"])
    assert {one["location"]["path"] for one in entries} >= paths
    suites = ET.fromstring(said["junit"])  # noqa: S314  # kvlint has written it
    assert len(suites.findall("testsuite/testcase/failure")) >= len(json.loads(said["json"])["findings"])
    assert suites.findall("testsuite/testcase/error")


@pytest.mark.parametrize("name", ["markdown", "controls.markdown"])
def test_html_page_shows_hostile_names_as_text(said: Mapping[str, str], name: str) -> None:
    assert_inert(said[name])
    rows = re.findall("<tr>(.*?)</tr>", MarkdownIt("commonmark").enable("table").render(said[name]), re.DOTALL)
    assert {row.count("<td") + row.count("<th") for row in rows} == {4}


def test_pull_request_comment_shows_hostile_names_as_text(said: Mapping[str, str]) -> None:
    for diagnostic in json.loads(said["rdjson"])["diagnostics"]:
        assert_inert(diagnostic["message"])


def assert_inert(text: str) -> None:
    """Rendered, it has no element but kvlint's own, and no text that a forge makes a link of."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    waiting: list[Any] = list(parser.parse(text))
    while waiting:
        token = waiting.pop()
        waiting += token.children or []
        assert token.type not in {"image", "em_open", "s_open"}
        if token.type == "link_open":
            assert "evil" not in token.attrs["href"]
        if token.type in {"html_inline", "html_block"}:
            assert set(re.findall("<[^>]*>", token.content)) <= OWN_HTML
            assert "script" not in token.content
        if token.type == "text":
            assert not re.search(r"@\w|#\d|https?://evil|www\.evil", token.content)

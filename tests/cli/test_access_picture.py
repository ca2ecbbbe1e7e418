"""The graph of who can reach what: ``kvlint graph --access``, and the picture in the page of ``kvlint access``."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.reporters.browser import Parsed, find_chromium, results

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VAULT = """
resource "azurerm_key_vault" "{name}" {{
  name                          = "{name}"
  rbac_authorization_enabled    = true
  public_network_access_enabled = {public}
}}
"""
ROLE = """
resource "azurerm_role_assignment" "{name}" {{
  scope                = {scope}
  role_definition_name = "{role}"
  principal_id         = {who}
  {more}
}}
"""
SHOP = (
    VAULT.format(name="shop", public="true")
    + VAULT.format(name="spare", public="false")
    + """
variable "elevated" { default = false }
resource "azuread_user" "ann" { user_principal_name = "ann@contoso.com" }
resource "azuread_group" "ops" {
  display_name = "ops"
  members      = [azuread_user.ann.object_id]
}
resource "azurerm_user_assigned_identity" "web" { name = "web" }
resource "azurerm_linux_web_app" "web" {
  name = "web"
  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.web.id]
  }
}
"""
    + ROLE.format(name="ops", scope="azurerm_key_vault.shop.id", role="Key Vault Secrets User",
                  who="azuread_group.ops.object_id", more="")
    + ROLE.format(name="web", scope="azurerm_key_vault.shop.id", role="Key Vault Crypto User",
                  who="azurerm_user_assigned_identity.web.principal_id", more="")
    + ROLE.format(name="deploys", scope="azurerm_linux_web_app.web.id", role="Website Contributor",
                  who="azuread_user.ann.object_id", more="")
    + ROLE.format(name="more", scope="azurerm_key_vault.shop.id", role="Key Vault Secrets Officer",
                  who="azuread_user.ann.object_id", more="count = var.elevated ? 1 : 0")
)  # fmt: skip
HOSTILE = ["</script><b>", "a --> b", "\x1b[31m", 'say "hi"', "\u202egnp.exe", "`code`", "one\ntwo", "]] end", "'; x"]
# What draws a name: each line is a node or an edge, whatever the name is.
MERMAID = re.compile(
    r'  n\d+(?:\[|\(\[|\[\(|\{\{)"(?:[\w ./-]|#\d+;|<br/>)+"(?:\]|\]\)|\)\]|\}\})'
    r"|  n\d+ (?:-->|-\.->)(?:\|(?:[\w ./-]|#\d+;)+\|)? n\d+"
)
DOT_TEXT = r'"(?:[^"\\\n]|\\[\\"n])*"'
DOT = re.compile(rf"  n\d+ (?:-> n\d+ )?\[label={DOT_TEXT}(?:, shape=[a-z]+)?(?:, style=dashed)?\];")


def data_of(page: str) -> Any:
    """Return the graph of a page, whose elements are all closed."""
    assert Parsed(page).open == []
    found = re.findall(r'<script type="application/json" id="picture-data">(.*?)</script>', page, re.DOTALL)
    assert len(found) == 1
    return json.loads(found[0])


def written(text: str) -> str:
    Path("app").mkdir(exist_ok=True)
    Path("app/main.tf").write_text(text, encoding="utf-8")
    return "app"


def test_the_graph_has_principals_groups_workloads_roles_and_vaults(kvlint: Kvlint) -> None:
    ran = kvlint("graph", "--access", written(SHOP), "-f", "dot")
    assert (ran.code, ran.err) == (0, "")
    names = {one[1]: one[2] for one in re.finditer(r'  (n\d+) \[label="([^"\\]+)', ran.out)}
    edges = {
        (names[one[1]], names[one[2]], one[3], "dashed" not in one[4])
        for one in re.finditer(r'  (n\d+) -> (n\d+) \[label="([^"]*)"(.*)\];', ran.out)
    }
    ann, app = "azuread_user.ann", "azurerm_linux_web_app.web"
    identity = "azurerm_user_assigned_identity.web"
    assert edges == {
        (ann, "azuread_group.ops", "", True),
        ("azuread_group.ops", "Key Vault Secrets User", "", True),
        ("Key Vault Secrets User", "shop", "secrets/get", True),
        (ann, "Website Contributor", "", True),
        ("Website Contributor", app, "", True),
        (app, identity, "", True),
        (identity, "Key Vault Crypto User", "", True),
        ("Key Vault Crypto User", "shop", "keys/use, manage", True),
        (ann, "Key Vault Secrets Officer", "perhaps", False),
        ("Key Vault Secrets Officer", "shop", "perhaps secrets/get, manage, purge", False),
    }
    assert "spare" in names.values()
    assert '"shop\\nall networks, Azure RBAC"' in ran.out
    mermaid = kvlint("graph", "--access", "app")
    assert mermaid == kvlint("access", "app", "-f", "mermaid") == kvlint("graph", "--access", "app", "-f", "mermaid")
    assert mermaid.out.count("-->") == 8
    assert mermaid.out.count("-.->") == 2


def test_drawing_is_written_to_a_file_like_other_reports(kvlint: Kvlint) -> None:
    written(SHOP)
    page = kvlint("access", "app", "-f", "html").out
    ran = kvlint("graph", "app", "--access", "-f", "html", "-o", "access.html")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert Path("access.html").read_text() == page
    ran = kvlint("graph", "app", "-o", "graph.mmd")
    assert (ran.code, ran.out) == (0, "")
    assert Path("graph.mmd").read_text() == kvlint("graph", "app", "-o", "-").out == kvlint("graph", "app").out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("app --access -f svg", "unknown format 'svg' (one of mermaid, dot, html)"),
        ("app --access -f json", "unknown format 'json' (one of mermaid, dot, html)"),
        ("app -f html", "unknown format 'html' (one of mermaid, dot)"),
        ("nowhere --access", "'nowhere' does not exist"),
        ("app --access -o app/main.tf", ""),
        ("app -o app/main.tf", ""),
    ],
)
def test_a_wrong_command_line_writes_nothing(kvlint: Kvlint, line: str, said: str) -> None:
    written(SHOP)
    ran = kvlint("graph", *line.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"kvlint: error: {said}")
    assert Path("app/main.tf").read_text() == SHOP


def test_unreadable_input_of_a_drawing_is_reported(kvlint: Kvlint) -> None:
    written(SHOP)
    Path("app/more.tf").write_text("resource {", encoding="utf-8")
    for form in ("mermaid", "html"):
        ran = kvlint("graph", "--access", "app", "-f", form)
        assert ran.code == 3
        assert "more.tf" in ran.err


def test_html_page_draws_the_content_of_the_report(kvlint: Kvlint) -> None:
    page = kvlint("access", written(SHOP), "-f", "html").out
    data = data_of(page)
    assert data["columns"] == ["Principals", "Groups", "Roles", "Workloads", "Roles", "Vaults"]
    (shop,) = (node for node in data["nodes"] if node["label"] == "shop")
    assert (shop["about"], shop["state"]) == ("all networks, Azure RBAC", "bad")
    assert shop["facts"][0] == "network: all networks"
    (spare,) = (node for node in data["nodes"] if node["label"] == "spare")
    assert spare["state"] == ""
    ways = {
        (" > ".join(data["nodes"][one]["label"] for one in path), sure, tuple(data["texts"][one] for one in doubts))
        for path, _, _, sure, doubts, _ in data["ways"]
    }
    exists = "whether azurerm_role_assignment.more[0] exists (only if var.elevated is true)"
    assert ways == {
        ("ops > Key Vault Secrets User", 1, ()),
        ("ann > ops > Key Vault Secrets User", 1, ()),
        ("web > Key Vault Crypto User", 1, ()),
        ("ann > Website Contributor > web > web > Key Vault Crypto User", 1, ()),
        ("ann > Key Vault Secrets Officer", 0, (exists,)),
    }
    scripts = [attributes for name, attributes in Parsed(page).elements if name == "script"]
    assert len(scripts) == 2
    assert not any(attributes.get("src") for _, attributes in Parsed(page).elements)
    assert re.search(r"script-src 'sha256-[\w+/=]+'\"", page)


def test_an_input_without_access_has_no_picture(kvlint: Kvlint) -> None:
    written(VAULT.format(name="alone", public="true"))
    page = kvlint("access", "app", "-f", "html").out
    assert "picture-data" not in page
    assert "<script" not in page
    drawn = kvlint("graph", "--access", "app").out
    assert drawn == 'flowchart LR\n  n0[("alone<br/>all networks#44; Azure RBAC")]\n'


def generated(random: Random, people: int, vaults: int) -> str:
    """Return random vaults, users, groups (also in circles), apps, roles and access policies."""
    text = 'variable "on" { default = false }\n'
    for number in range(vaults):
        text += VAULT.format(name=f"kv{number}", public=random.choice(["true", "false"]))
    users = [f"azuread_user.u{number}.object_id" for number in range(people)]
    groups = [f"azuread_group.g{number}.object_id" for number in range(max(1, people // 8))]
    for number in range(people):
        text += f'resource "azuread_user" "u{number}" {{ user_principal_name = "u{number}" }}\n'
    for number in range(len(groups)):
        members = random.sample([*users, *groups], min(5, people))
        text += f'resource "azuread_group" "g{number}" {{\n  display_name = "g{number}"\n  members = [{", ".join(members)}]\n}}\n'  # noqa: E501  # one resource
    apps = []
    for number in range(max(1, people // 8)):
        text += f'resource "azurerm_linux_web_app" "a{number}" {{\n  name = "a{number}"\n  identity {{ type = "SystemAssigned" }}\n}}\n'  # noqa: E501  # one resource
        apps.append(f"azurerm_linux_web_app.a{number}")
    roles = ["Key Vault Secrets User", "Key Vault Administrator", "Contributor"]
    scopes = [f"azurerm_key_vault.kv{number}.id" for number in range(vaults)]
    holders = [*random.sample(users, people // 2), *groups, *(f"{app}.identity[0].principal_id" for app in apps)]
    for number, who in enumerate(holders):
        scope, role = random.choice([*scopes, '"/subscriptions/s"']), random.choice(roles)
        if random.random() < 0.2:
            scope, role = f"{random.choice(apps)}.id", "Website Contributor"
        more = "count = var.on ? 1 : 0" if random.random() < 0.2 else ""
        text += ROLE.format(name=f"r{number}", scope=scope, role=role, who=who, more=more)
    return text


@pytest.mark.parametrize(("people", "vaults"), [(6, 2), (30, 3), (60, 12), (160, 30)])
def test_the_graph_has_every_path_of_the_report(kvlint: Kvlint, people: int, vaults: int) -> None:
    written(generated(Random(people), people, vaults))  # noqa: S311  # reproducible
    report = json.loads(kvlint("access", "app", "-f", "json").out)
    labels = {one["key"]: one["label"] for one in report["principals"]}
    names = [one["name"] for one in report["vaults"]]
    expected = {
        (labels[row["principal"]], row["permission"], row["certainty"] == "yes", names[vault])
        for row in report["rows"]
        for vault in report["vaultSets"][row["vaultSet"]]
    }
    assert expected
    data = data_of(kvlint("access", "app", "-f", "html").out)
    nodes, permissions = data["nodes"], data["permissions"]
    drawn = {
        (name, permissions[permission], bool(sure), vault)
        for path, ends, allowed, sure, _, _ in data["ways"]
        for name, permission, end in product(nodes[path[0]]["names"], allowed, ends)
        for vault in nodes[end]["names"]
    }
    assert drawn == expected
    # What shares a box is counted, and nobody is in two boxes.
    everybody = [name for node in nodes if node["kind"] in ("principal", "group", "workload") for name in node["names"]]
    assert len(everybody) == len(set(everybody)) >= len(labels)
    shared = sum(len(node["names"]) for node in nodes if node["kind"] == "principal" and len(node["names"]) > 1)
    assert (f"{shared} principals with the same access" in " ".join(data["sharing"])) is (shared > 0)
    assert shared == 0 or people + vaults > 40


def test_a_step_by_many_identities_names_how_many(kvlint: Kvlint) -> None:
    text = VAULT.format(name="kv", public="true")
    text += 'resource "azurerm_resource_group" "rg" { name = "rg" }\n'
    for number in range(12):
        text += f"""
resource "azurerm_linux_web_app" "a{number}" {{
  name                = "a{number}"
  resource_group_name = azurerm_resource_group.rg.name
  identity {{ type = "SystemAssigned" }}
}}
"""
        text += ROLE.format(name=f"r{number}", scope="azurerm_key_vault.kv.id", role="Key Vault Secrets User",
                            who=f"azurerm_linux_web_app.a{number}.identity[0].principal_id", more="")  # fmt: skip
    text += ROLE.format(
        name="all", scope="azurerm_resource_group.rg.id", role="Website Contributor", who='"p"', more=""
    )
    data = data_of(kvlint("access", written(text), "-f", "html").out)
    (path,) = {tuple(way[0]) for way in data["ways"] if data["nodes"][way[0][0]]["label"] == "p"}
    labels = [data["nodes"][one]["label"] for one in path]
    assert labels == ["p", "Website Contributor", "a0, and 11 more", "several roles"]
    assert data["nodes"][path[-1]]["about"].endswith(", and 11 more")


def test_edges_combine_to_no_path_that_does_not_exist(kvlint: Kvlint) -> None:
    # Two assignments of one role at one scope, one of which exists with other vaults only.
    text = VAULT.format(name="one", public="true") + VAULT.format(name="two", public="true")
    for number, (who, scope) in enumerate([("ann", "one"), ("bob", "two")]):
        text += f'resource "azuread_user" "{who}" {{ user_principal_name = "{who}" }}\n'
        text += ROLE.format(name=f"r{number}", scope=f"azurerm_key_vault.{scope}.id", role="Key Vault Secrets User",
                            who=f"azuread_user.{who}.object_id", more="")  # fmt: skip
    data = data_of(kvlint("access", written(text), "-f", "html").out)
    roles = [node for node in data["nodes"] if node["kind"] == "role"]
    assert [node["about"] for node in roles] == ["at one", "at two"]


def hostile() -> str:
    """Return a plan in which vaults, principals and scopes have hostile names."""
    changes: list[dict[str, Any]] = []

    def add(type_: str, name: str, key: str, after: dict[str, Any]) -> None:
        change = {"actions": ["create"], "before": None, "after": after, "after_unknown": {}}
        changes.append({"address": f"{type_}.{name}[{json.dumps(key)}]", "mode": "managed", "type": type_, "name": name,
                        "index": key, "change": change})  # fmt: skip

    for key in HOSTILE:
        add("azurerm_key_vault", "kv", key, {"name": key, "rbac_authorization_enabled": True})
        add("azurerm_role_assignment", "ra", key, {
            "scope": f"/subscriptions/{key}", "role_definition_name": key, "principal_id": f"{key} principal",
        })  # fmt: skip
    return json.dumps({"format_version": "1.2", "resource_changes": changes, "configuration": {"root_module": {}}})


def test_no_name_breaks_a_drawing(kvlint: Kvlint) -> None:
    Path("plan.json").write_text(hostile(), encoding="utf-8")
    head, *lines = kvlint("graph", "--access", "plan.json").out.splitlines()
    assert head == "flowchart LR"
    assert [line for line in lines if not MERMAID.fullmatch(line)] == []
    head, layout, *lines, end = kvlint("graph", "--access", "plan.json", "-f", "dot").out.splitlines()
    assert (head, layout, end) == ("digraph kvlint {", "  rankdir=LR; node [shape=box];", "}")
    assert [line for line in lines if not DOT.fullmatch(line)] == []
    page = kvlint("graph", "--access", "plan.json", "-f", "html").out
    data = data_of(page)
    names = {name for node in data["nodes"] for name in node["names"]}
    assert "</script><b>" in names
    assert not any(one in page for one in ("\x1b", "\u202e", "</script><b>"))
    assert not any(re.search("[\x00-\x1f\u202a-\u202e]", text) for text in (*names, *data["texts"]))
    assert {name for name, _ in Parsed(page).elements} & {"img", "iframe", "object"} == set()


def test_no_secret_is_drawn(kvlint: Kvlint) -> None:
    secret = "hunter2-hunter2-hunter2"
    text = f'variable "who" {{\n  sensitive = true\n  default = "{secret}"\n}}\n' + VAULT.format(
        name="kv", public="true"
    )
    written(text + ROLE.format(name="a", scope="azurerm_key_vault.kv.id", role="Owner", who="var.who", more=""))
    for form in ("mermaid", "dot", "html"):
        ran = kvlint("graph", "--access", "app", "-f", form)
        assert ran.code == 0
        assert secret not in ran.out + ran.err


def test_a_large_graph_is_drawn_within_limits(kvlint: Kvlint) -> None:
    text = "".join(VAULT.format(name=f"kv{number}", public="true") for number in range(30))
    for number in range(600):
        for scope in (number % 30, (number // 30 + number + 1) % 30):
            text += ROLE.format(name=f"r{number}-{scope}", scope=f"azurerm_key_vault.kv{scope}.id", who=f'"p{number}"',
                                role="Key Vault Secrets User", more="")  # fmt: skip
    written(text)
    lines = kvlint("graph", "--access", "app").out.splitlines()
    edges = sum("-->" in line for line in lines)
    assert 200 < edges <= 500
    assert sum(map(len, lines)) < 50_000
    left_out = re.search(r"(\d+) edges and (\d+) nodes", lines[-1])
    assert left_out is not None
    dot = kvlint("graph", "--access", "app", "-f", "dot").out
    assert edges + int(left_out[1]) == dot.count(" -> ")
    data = data_of(kvlint("access", "app", "-f", "html").out)
    names = [name for node in data["nodes"] if node["kind"] == "principal" for name in node["names"]]
    assert sorted(names) == sorted(f"p{number}" for number in range(600))


def test_boxes_do_not_overlap_and_the_page_does_not_scroll(kvlint: Kvlint, tmp_path: Path) -> None:
    written(generated(Random(3), 90, 20))  # noqa: S311  # reproducible
    page = kvlint("access", "app", "-f", "html").out
    measure = """() => {
      const frame = document.querySelector('.picture .frame');
      const boxes = [...document.querySelectorAll('.picture .node')];
      const rects = boxes.map(one => one.getBoundingClientRect());
      const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
      const status = () => document.querySelector('[data-status]').textContent;
      const found = {
        width: document.documentElement.scrollWidth,
        boxes: boxes.length,
        named: boxes.filter(one => one.title).length,
        overlaps: rects.filter((a, i) => rects.some((b, j) => i < j && !apart(a, b))).length,
        edges: document.querySelectorAll('.stage path').length,
        status: status(),
      };
      document.querySelector('.k-vault').click();
      found.lit = document.querySelectorAll('.stage .lit').length;
      found.paths = document.querySelectorAll('.picture .panel li').length;
      document.querySelector('[data-do=only]').click();
      found.vaults = document.querySelectorAll('.k-vault').length;
      found.only = status();
      document.querySelector('[data-do=reset]').click();
      found.again = document.querySelectorAll('.picture .node').length;
      frame.querySelector('.node').focus();
      frame.querySelector('.node').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true}));
      found.moved = document.activeElement !== frame.querySelector('.node');
      return found;
    }"""
    for found, width in zip(
        results(find_chromium(), tmp_path, measure, (page, 1280), (page, 390)), (1280, 390), strict=True
    ):
        assert found["width"] == width
        assert found["boxes"] == found["named"] == found["again"] > 40
        assert found["overlaps"] == 0
        assert found["edges"] > found["boxes"] // 2
        assert 0 < found["lit"] < found["edges"]
        assert found["paths"] > 0
        assert found["vaults"] == 1
        assert " boxes match" in found["only"]
        assert re.match(r"\d+ boxes", found["status"])

"""Laws that hold for every module: what is not known decides nothing, and how a module is written plays no part."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from tests.readers.terraform.conftest import write

pytestmark = pytest.mark.slow(8)

# The rule is about what a policy grants. Only a vault that certainly uses Azure RBAC makes that harmless, as an example
# of the rule states.
BROAD_POLICY = "KV302"

Written = dict[str, Any]
"""Arguments by name: texts, numbers, booleans, lists of them, or one nested block as a dict."""

IDS = st.sampled_from(["${azurerm_key_vault.a.id}", "${azurerm_key_vault.b.id}", "/subscriptions/s/resourceGroups/rg"])


def some(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[Written]:
    """Some of these arguments."""
    return st.fixed_dictionaries({}, optional=options)


VAULT = some(
    name=st.sampled_from(["kv", "other"]),
    purge_protection_enabled=st.booleans(),
    soft_delete_retention_days=st.sampled_from([7, 30, 90]),
    rbac_authorization_enabled=st.booleans(),
    public_network_access_enabled=st.booleans(),
    enabled_for_deployment=st.booleans(),
    network_acls=some(
        default_action=st.sampled_from(["Allow", "Deny"]),
        bypass=st.sampled_from(["None", "AzureServices"]),
        ip_rules=st.lists(st.sampled_from(["10.0.0.0/8", "1.2.3.4"]), max_size=2),
    ),
    access_policy=some(
        object_id=st.just("o"), secret_permissions=st.lists(st.sampled_from(["Get", "Purge", "All"]), max_size=2)
    ),
)
SECRET = some(
    name=st.just("s"),
    key_vault_id=IDS,
    expiration_date=st.sampled_from(["2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"]),
    content_type=st.just("text/plain"),
)
KEY = some(
    name=st.just("k"), key_vault_id=IDS, key_type=st.sampled_from(["RSA", "EC"]), key_size=st.sampled_from([1024, 4096])
)
ROLE = some(scope=IDS, role_definition_name=st.sampled_from(["Owner", "Reader"]), principal_id=st.just("p"))
SETTING = some(
    name=st.just("d"),
    target_resource_id=IDS,
    log_analytics_workspace_id=st.just(
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w"
    ),
    enabled_log=some(category_group=st.sampled_from(["audit", "allLogs"]), category=st.just("AuditEvent")),
)
RESOURCES = st.fixed_dictionaries(
    {("azurerm_key_vault", "a"): VAULT, ("azurerm_key_vault", "b"): VAULT},
    optional={
        ("azurerm_key_vault_secret", "s"): SECRET,
        ("azurerm_key_vault_key", "k"): KEY,
        ("azurerm_role_assignment", "r"): ROLE,
        ("azurerm_monitor_diagnostic_setting", "d"): SETTING,
    },
)
Module = dict[tuple[str, str], Written]
ROOT = 'terraform {\n  backend "local" {\n  }\n}\n'


def hcl(module: Module) -> list[str]:
    """Each resource as a block."""
    return [f'resource "{type_}" "{name}" {{\n{body(written)}}}\n' for (type_, name), written in module.items()]


def body(written: Written) -> str:
    lines = [
        f"{name} {{\n{body(value)}}}\n" if isinstance(value, dict) else f"{name} = {literal(value)}\n"
        for name, value in written.items()
    ]
    return "".join(lines)


class Expression(NamedTuple):
    """What is written as it is."""

    text: str


def literal(value: Any) -> str:
    return value.text if isinstance(value, Expression) else json.dumps(value)


def verdicts(files: dict[str, str], strip: str = "") -> dict[tuple[str, str], str]:
    """The outcome of each rule on each resource of which it does not hold."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), files)
        report = check(Config(paths=(folder,), jobs=1))
    assert [problem.message for problem in report.problems if problem.level == "error"] == []
    return {
        (finding.rule.id, one.address.removeprefix(strip)): finding.outcome.label
        for finding in (*report.findings, *report.unknown)
        for one in finding.occurrences
    }


def leaves(module: Module) -> list[tuple[tuple[str, str], tuple[str, ...]]]:
    """The arguments that are no block, by their resource and the names that lead to them."""
    found: list[tuple[tuple[str, str], tuple[str, ...]]] = []
    for key, written in module.items():
        for name, value in written.items():
            inner: list[tuple[str, ...]] = [(name, below) for below in value] if isinstance(value, dict) else [(name,)]
            found += [(key, path) for path in inner]
    return found


def with_variable(module: Module, key: tuple[str, str], path: tuple[str, ...]) -> Module:
    """The module with one argument handed to a variable."""
    copy = {one: dict(written) for one, written in module.items()}
    here = copy[key]
    if len(path) > 1:
        here[path[0]] = here = dict(here[path[0]])
    here[path[-1]] = Expression("var.open")
    return copy


@settings(max_examples=40, deadline=None)
@given(RESOURCES, st.data())
def test_unknown_values_decide_no_result(module: Module, data: st.DataObject) -> None:
    places = leaves(module)
    if not places:
        return
    known = verdicts({"main.tf": ROOT + "".join(hcl(module))})
    key, path = data.draw(st.sampled_from(places))
    opened = hcl(with_variable(module, key, path))
    unknown = verdicts({"main.tf": ROOT + 'variable "open" {\n}\n' + "".join(opened)})
    for asked in known.keys() | unknown.keys():
        before, after = known.get(asked, "pass"), unknown.get(asked, "pass")
        if asked[0] == BROAD_POLICY and path == ("rbac_authorization_enabled",):
            continue
        assert after in {before, "unknown"}, (asked, key, path)


@settings(max_examples=20, deadline=None)
@given(RESOURCES, st.randoms(use_true_random=False))
def test_results_do_not_depend_on_the_order_of_declarations(module: Module, random: Any) -> None:
    blocks = [ROOT, *hcl(module)]
    whole = verdicts({"main.tf": "".join(blocks)})
    random.shuffle(blocks)
    assert verdicts({"main.tf": "".join(blocks)}) == whole
    assert verdicts({f"f{index}.tf": block for index, block in enumerate(blocks)}) == whole


@settings(max_examples=20, deadline=None)
@given(RESOURCES)
def test_json_has_the_same_results(module: Module) -> None:
    document: dict[str, Any] = {"terraform": {"backend": {"local": {}}}, "resource": {}}
    for (type_, name), written in module.items():
        document["resource"].setdefault(type_, {})[name] = written
    assert verdicts({"main.tf.json": json.dumps(document)}) == verdicts({"main.tf": ROOT + "".join(hcl(module))})


@settings(max_examples=20, deadline=None)
@given(RESOURCES)
def test_module_has_the_same_results_through_a_caller(module: Module) -> None:
    text = "".join(hcl(module))
    files = {"main.tf": ROOT + 'module "m" {\n  source = "./m"\n}\n', "m/main.tf": text}
    assert verdicts(files, strip="module.m.") == verdicts({"main.tf": ROOT + text})


@settings(max_examples=20, deadline=None)
@given(RESOURCES, st.data())
def test_value_from_a_default_a_file_or_an_argument_has_the_same_result(module: Module, data: st.DataObject) -> None:
    places = [(key, path) for key, path in leaves(module) if not str(module[key][path[0]]).startswith("${")]
    if not places:
        return
    key, path = data.draw(st.sampled_from(places))
    value: Any = module[key]
    for name in path:
        value = value[name]
    word, opened = json.dumps(value), "".join(hcl(with_variable(module, key, path)))
    whole = verdicts({"main.tf": ROOT + "".join(hcl(module))})
    default = f'variable "open" {{\n  default = {word}\n}}\n'
    assert verdicts({"main.tf": ROOT + default + opened}) == whole
    assert (
        verdicts({"main.tf": ROOT + 'variable "open" {\n}\n' + opened, "terraform.tfvars": f"open = {word}\n"}) == whole
    )
    local = f"locals {{\n  open = {word}\n}}\n" + opened.replace("var.open", "local.open")
    assert verdicts({"main.tf": ROOT + local}) == whole
    files = {
        "main.tf": ROOT + f'module "m" {{\n  source = "./m"\n  open = {word}\n}}\n',
        "m/main.tf": 'variable "open" {\n}\n' + opened,
    }
    assert verdicts(files, strip="module.m.") == whole

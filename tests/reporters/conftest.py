"""A report with something of everything in it, and the comparison with the files in ``expected``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from azkvlint.model.finding import (
    Evidence,
    Finding,
    Note,
    Occurrence,
    Outcome,
    Problem,
    Report,
    Repository,
    Suppression,
)
from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.model.rule import AttributeCondition, Rule, Severity
from azkvlint.model.value import Origin
from azkvlint.reporters import REPORTERS, Options
from tests.sarif import run_in

EXPECTED = Path(__file__).parent / "expected"
VAULT = "Microsoft.KeyVault/vaults"


Print: TypeAlias = Callable[..., str]
"""Prints a report in one format (text, unless named) with options, and returns the text."""
Log: TypeAlias = Callable[..., dict[str, Any]]
"""The one run of a report's SARIF log, with what the further words include."""
Make: TypeAlias = Callable[..., Any]
"""Makes one part of a report, of which the caller says only what matters to the test."""


@pytest.fixture
def printed() -> Print:
    def run(report: Report, name: str = "text", **options: Any) -> str:
        answer = REPORTERS[name](report, Options(**options))
        return answer if isinstance(answer, str) else answer.decode()

    return run


@pytest.fixture
def expected(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    def compare(name: str, text: str) -> None:
        if request.config.getoption("write_expected"):
            (EXPECTED / name).write_bytes(text.encode())
        assert text.encode() == (EXPECTED / name).read_bytes()

    return compare


@pytest.fixture
def log(printed: Print) -> Log:
    def run_of(report: Report, *included: str) -> dict[str, Any]:
        text = printed(report, "sarif", included=frozenset(included))
        assert list(json.loads(text)) == ["$schema", "version", "runs"]
        return run_in(text)

    return run_of


@pytest.fixture
def make_rule() -> Make:
    return _rule


@pytest.fixture
def make_finding() -> Make:
    return _finding


@pytest.fixture
def make_occurrences() -> Make:
    """Makes occurrences of a finding at these addresses."""

    def made(*addresses: str, root: str = "infra") -> tuple[Occurrence, ...]:
        return tuple(
            Occurrence(root=root, address=address, type=VAULT, full_name="", message=f"{address} is wrong")
            for address in addresses
        )

    return made


@pytest.fixture
def make_suppression() -> Make:
    def made(**changes: Any) -> Suppression:
        given: dict[str, Any] = {
            "kind": "inSource",
            "justification": "A sandbox.",
            "at": _at("infra/main.tf", 3, 1, 40),
        }
        return Suppression(**given | changes)

    return made


@pytest.fixture
def make_report() -> Make:
    return _report


@pytest.fixture
def report() -> Report:
    """Findings of four severities in two files, unknown ones, problems known and new, in a checkout."""
    purge, logs = _rule(), _logs()
    tag = _plain("602", Severity.INFO, "{name} has the content type {value}")
    days = _plain("003", Severity.LOW, "{resource} is kept for {value} days")
    return _report(
        findings=(_written(purge), _defaulted(logs), _wide(tag), _placeless(days)),
        unknown=(_unknown_results(purge),),
        problems=_problems(),
        rules=(purge, logs, tag, days, _rule(id="KV900", name="quiet-rule", path="mine/KV900.yaml", cwe=(9999,))),
        sources=("infra/main.tf", "plans/größe 1.json"),
        resource_counts={"Microsoft.KeyVault/managedHSMs": 1, "Microsoft.KeyVault/vaults/secrets": 12, VAULT: 3},
        passed=41,
        repository=Repository(uri="https://git.example.com/org/infra", revision="0123456789" * 4, branch="main"),
    )


@pytest.fixture
def clean() -> Report:
    """A run without a single thing to say, outside a checkout."""
    return _report(rules=(_rule(),), sources=("main.tf",), resource_counts={VAULT: 1}, passed=1)


def _rule(**changes: Any) -> Rule:
    holds = AttributeCondition(path=("name",), text="name", operator="is", operand="set")
    given: dict[str, Any] = {
        "id": "KV001",
        "name": "purge-protection",
        "title": "Key vaults should have purge protection enabled",
        "category": "recoverability",
        "severity": Severity.HIGH,
        "resources": (VAULT,),
        "when": holds,
        "require": holds,
        "message": "Purge protection is not enabled on {resource}: `{attribute}` is {value}",
        "why": "A principal with the purge permission can destroy a deleted vault, and every key\nin it.\n",
        "fixes": {
            "terraform": "Set `purge_protection_enabled = true`.\nIt cannot be disabled again.\n",
            "bicep": "Set `enablePurgeProtection: true`.",
        },
        "references": ("https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview",),
        "examples": (),
        "path": "rules/vault/KV001-purge-protection.yaml",
        "cwe": (693,),
    }
    return Rule(**given | changes)


def _finding(**changes: Any) -> Finding:
    given: dict[str, Any] = {
        "rule": _rule(),
        "outcome": Outcome.FAIL,
        "message": "Purge protection is not enabled on azurerm_key_vault.kv: `purge_protection_enabled` is false",
        "arguments": ("azurerm_key_vault.kv", "purge_protection_enabled", "false"),
        "resource": "azurerm_key_vault.kv",
        "full_name": "kv-prod",
        "type": VAULT,
        "declared_as": "azurerm_key_vault",
        "at": _at("infra/main.tf", 4, 3, 35),
        "fingerprint": "9f86d081884c7d659a2feaa0c55ad015",
        "label": "`purge_protection_enabled` is `false`",
        "attribute": "purge_protection_enabled",
    }
    return Finding(**given | changes)


def _report(**changes: Any) -> Report:
    given: dict[str, Any] = dict.fromkeys(("findings", "unknown", "problems", "sources"), ())
    return Report(**given | {"rules": (_rule(),), "resource_counts": {}, "passed": 0, "version": "0.1.0"} | changes)


def _at(path: str, line: int, start: int, end: int, **more: Any) -> Location:
    return Location(path=path, region=Region(line, start, line, end), **more)


def _logs() -> Rule:
    return _rule(
        id="KV201",
        name="diagnostic-setting",
        title="Key vaults should export audit events",
        severity=Severity.MEDIUM,
        message="No diagnostic setting of {resource} exports {value}: {because}",
        why="Key Vault retains resource logs only where a diagnostic setting exports them.",
        fixes={"": "Add a diagnostic setting whose scope is the vault."},
        path="rules/logging/KV201-diagnostic-setting.yaml",
        cwe=(778, 693),
    )


def _plain(number: str, severity: Severity, message: str) -> Rule:
    name = f"rule-{number}"
    return _rule(
        id=f"KV{number}",
        name=name,
        severity=severity,
        message=message,
        path=f"rules/vault/KV{number}-{name}.yaml",
        cwe=(),
    )


def _written(rule: Rule) -> Finding:
    lines = 'resource "azurerm_key_vault" "kv" {\n  name = "kv-prod"\n  purge_protection_enabled = false\n}\n'
    at = _at("infra/main.tf", 4, 3, 35, address="azurerm_key_vault.kv", attribute="properties.enablePurgeProtection")
    return _finding(
        rule=rule,
        at=at,
        evidence=(
            Evidence(
                outcome=Outcome.FAIL,
                found="false",
                expected="true",
                negated="",
                at=at,
                attribute=at.attribute or "",
                name="purge_protection_enabled",
            ),
        ),
        excerpt=Excerpt(text="purge_protection_enabled = false", context=Region(2, 1, 6, 1), context_text=lines),
    )


def _defaulted(rule: Rule) -> Finding:
    address = 'module.shared.azurerm_key_vault.this["a{b}"]'
    setting = _at(
        "infra/logs.tf", 9, 1, 40, address="azurerm_monitor_diagnostic_setting.kv", attribute="properties.logs"
    )
    text = 'resource "azurerm_key_vault" "this"'
    return _finding(
        rule=rule,
        message=f"No diagnostic setting of {address} exports AuditEvent: provider default",
        arguments=(address, "AuditEvent", "provider default"),
        resource=address,
        full_name="kv-shared",
        at=_at("infra/main.tf", 12, 1, 36, address=address),
        fingerprint="60303ae22b998861bce3b28f33eec1be",
        label="provider default",
        evidence=(
            Evidence(
                outcome=Outcome.FAIL,
                found="not set",
                expected="AuditEvent",
                negated="",
                at=setting,
                attribute="properties.logs",
                name="enabled_log",
                origin=Origin.DEFAULT,
                note="azurerm 4.0 exports nothing",
                hops=("azurerm_monitor_diagnostic_setting.kv", address),
            ),
        ),
        related=(Note(text="This setting exports metrics only.", at=setting),),
        excerpt=Excerpt(text=text, context=Region(12, 1, 12, 36), context_text=text),
    )


def _wide(rule: Rule) -> Finding:
    """In one long line, after a character that UTF-16 counts twice and a secret that has been replaced."""
    return _finding(
        rule=rule,
        message="pw has the content type ",
        arguments=("pw", ""),
        resource="azurerm_key_vault_secret.pw",
        full_name="kv-prod/pw",
        type=f"{VAULT}/secrets",
        declared_as="azurerm_key_vault_secret",
        at=_at("plans/größe 1.json", 1, 2041, 2058, address="azurerm_key_vault_secret.pw", attribute="contentType"),
        fingerprint="fd61a03af4f77d870fc21e05e7e80678",
        excerpt=Excerpt(
            text='"content_type":""',
            context=Region(1, 2001, 1, 2060),
            context_text='🔑","value":"(sensitive)","content_type":"",',
            utf16=Region(1, 2043, 1, 2060),
            context_utf16=Region(1, 2002, 1, 2062),
        ),
    )


def _placeless(rule: Rule) -> Finding:
    return _finding(
        rule=rule,
        message="azurerm_key_vault.kv is kept for 7 days",
        arguments=("azurerm_key_vault.kv", "7"),
        at=Location(path="plans/größe 1.json", address="azurerm_key_vault.kv"),
        fingerprint="a4e624d686e03ed2767c0abd85c14426",
    )


def _unknown_results(rule: Rule) -> Finding:
    at = _at("infra/main.tf", 22, 3, 40, address="azurerm_key_vault.later")
    return _finding(
        rule=rule,
        outcome=Outcome.UNKNOWN,
        message="`purge_protection_enabled` of azurerm_key_vault.later is unknown: `var.purge` has no value",
        resource="azurerm_key_vault.later",
        full_name="",
        at=at,
        fingerprint="18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4",
        evidence=(
            Evidence(
                outcome=Outcome.UNKNOWN,
                found="unknown: `var.purge` has no value",
                expected="true",
                negated="",
                at=at,
                attribute=at.attribute or "",
            ),
        ),
        why="`var.purge` has no value",
    )


def _problems() -> tuple[Problem, ...]:
    return (
        Problem(
            code="KVE001",
            level="error",
            message="The JSON ends too early.",
            at=_at("broken.json", 3, 1, 1),
            hint="Run `terraform show -json` again.",
        ),
        Problem(
            code="KVE003",
            level="warning",
            message="'azurerm_key_vault_new' is not known.",
            at=Location(path="infra/main.tf", address="azurerm_key_vault_new.x"),
        ),
        Problem(code="KVE999", level="strange", message="Something {new} happened."),
    )

"""The generated pages are those that the rule files give; ``--write-expected`` writes them anew."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from azkvlint.azure.consumers import CONSUMERS, types_with
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.rule import Rule
from sitegen.catalogue import TOOLS, catalogue
from sitegen.command_line import command_line
from sitegen.markup import filled
from sitegen.overviews import problems
from sitegen.roles import ability_table, role_table
from tests.test_language import PHRASES, WORDS

from .documents import answers, coverage, migration, trusted, trusted_services

ROOT = Path(__file__).resolve().parents[1]
FACTS = ROOT.parent / "shared" / "facts" / "rules.json"
RULES = builtin_rules()


@pytest.mark.parametrize(
    ("page", "made"), [("coverage.md", coverage), ("migrate.md", migration), ("trusted-services.md", trusted)]
)
def test_page_is_generated_from_the_code(
    page: str, made: Callable[[Sequence[Rule]], str], pytestconfig: pytest.Config
) -> None:
    file = ROOT / "docs" / page
    text = made(RULES)
    if pytestconfig.getoption("--write-expected"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("page", "region", "made"),
    [
        ("command-line.md", "commands", command_line),
        ("problems.md", "codes", problems),
        ("roles.md", "abilities", ability_table),
        ("roles.md", "roles", role_table),
    ],
)
def test_region_is_generated_from_the_code(
    page: str, region: str, made: Callable[[], str], pytestconfig: pytest.Config
) -> None:
    file = ROOT / "docs" / page
    text = filled(file.read_text(encoding="utf-8"), region, made())
    if pytestconfig.getoption("--write-expected"):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text


# Microsoft's list of trusted services, of 2026-05-19.
MICROSOFTS = """
Azure API Management; Azure App Service; Azure Application Gateway; Azure Backup; Azure Batch; Azure Bot Service;
Azure CDN; Azure Container Registry; Azure Data Factory; Azure Data Lake Store; Azure Data Manager for Agriculture;
Azure Database for MySQL Single server; Azure Database for MySQL Flexible server;
Azure Database for PostgreSQL Single server; Azure Database for PostgreSQL Flexible server; Azure Databricks;
Azure Disk Encryption volume encryption service; Azure Disk Storage; Azure Event Hubs; Azure ExpressRoute;
Azure Firewall Premium; Azure Front Door Classic; Azure Front Door Standard/Premium; Azure Import/Export;
Azure Information Protection; Azure Machine Learning; Azure Monitor; Azure NetApp Files; Azure Policy Scan;
Azure Resource Manager template deployment service; Azure Service Bus; Azure SQL Database; Azure Storage;
Azure Synapse Analytics; Azure Virtual Machines deployment service;
Exchange Online, SharePoint Online, M365DataAtRestEncryption; Microsoft PowerPlatform; Microsoft Purview
"""


def test_every_trusted_service_is_in_the_table_or_refused() -> None:
    rows = trusted_services()
    assert [*rows] == " ".join(MICROSOFTS.split()).split("; ")
    assert all("types" in row or row["reason"].endswith(".") for row in rows.values())


def test_the_table_of_consumers_agrees_with_the_list_of_trusted_services() -> None:
    listed = {type_ for row in trusted_services().values() for type_ in row.get("types", [])}
    assert listed <= set(CONSUMERS)
    assert listed == set(types_with(network=["trusted", "trusted or network"]))


def test_every_service_that_reads_vaults_is_listed_once() -> None:
    rows = [*trusted_services().values(), *trusted_services("others").values()]
    assert Counter(type_ for row in rows for type_ in row.get("types", [])) == Counter([*CONSUMERS])
    assert all("types" in row or "reason" in row for row in rows)
    assert all(row.get("reason", ".").endswith(".") for row in rows)


def test_page_of_severities_is_current() -> None:
    """The page of severities states the severity and the profile that the rules have now."""
    rules = {rule.id: rule for rule in RULES}
    text = (ROOT / "docs" / "severities.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (KV\d{3}) [^|]*\| [^|]*\| (\w+)(?:, (\w+))? \|$", text, re.MULTILINE)
    assert len(rows) > 10
    for id_, severity, profile in rows:
        assert (id_, severity) == (id_, rules[id_].severity.label)
        assert profile in {"", rules[id_].profile}, id_


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md")))]
)
def test_documentation_is_plain_english(page: str) -> None:
    """The pages use the words of the field. Texts from rules and from the command line are checked at their source."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for ignored in (r"^```.*?^```$", r"<!-- (\w+) -->.*?<!-- /\1 -->", r"`[^`]*`"):
        text = re.sub(ignored, "", text, flags=re.DOTALL | re.MULTILINE)
    if page == "docs/migrate.md":
        text = text.partition("\n## ")[0]
    words = rf"\b(?:{'|'.join([*WORDS, *PHRASES])})\b"
    assert re.findall(words, text, re.IGNORECASE) == []


def test_every_idea_is_covered_or_has_a_reason() -> None:
    ideas, reasons = catalogue()
    answered = set(answers(RULES))
    assert answered <= set(ideas)
    assert set(reasons) <= set(ideas)
    assert not answered & set(reasons)
    assert set(ideas) == answered | set(reasons)


def test_every_tool_has_a_name() -> None:
    assert {tool for rule in RULES for tool in rule.peers} == set(TOOLS)


def test_every_idea_is_in_the_catalogue() -> None:
    if not FACTS.exists():
        pytest.skip("the facts that the catalogue was made from are not here")
    known = json.loads(FACTS.read_text(encoding="utf-8"))
    assert list(catalogue()[0])[: len(known)] == [idea["id"] for idea in known]

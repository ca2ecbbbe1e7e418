"""Large JSON that is not an input is searched in blocks, and nothing else is mistaken for it."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.readers import foreign_json
from azkvlint.readers.deployment.documents import looks_like_template
from azkvlint.readers.whatif import looks_like_snapshot, looks_like_what_if
from azkvlint.syntax.json_decoder import decode
from azkvlint.util import project_files

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
VAULT = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2024-11-01", "name": "kv", "location": "westeurope"}
FILLING = [{"text": 'quoted "text" with [brackets}, \\ and \u00e9', "points": [[1, 2], [3, 4]]}] * 40
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign_json, "_LARGE", 100)
    monkeypatch.setattr(project_files, "_BLOCK", 333)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "template",
    [
        {"metadata": FILLING, "resources": [VAULT], "$schema": SCHEMA},
        {"metadata": FILLING, "parameters": {}, "Resources": [VAULT]},
        {"metadata": {"a": FILLING}, "properties": {"displayName": FILLING, "template": {"resources": [VAULT]}}},
    ],
)
def test_template_with_its_keys_at_the_end_is_evaluated(
    tmp_path: Path, template: dict[str, Any], encoding: str, indent: int | None
) -> None:
    (tmp_path / "template.json").write_text(json.dumps(template, indent=indent), encoding)
    assert check(Config(paths=(str(tmp_path),))).findings


def test_template_with_escaped_keys_is_evaluated(tmp_path: Path) -> None:
    text = json.dumps({"metadata": FILLING, "resources": [VAULT]}).replace('"resources"', '"\\u0072esources"')
    (tmp_path / "template.json").write_text(text)
    assert check(Config(paths=(str(tmp_path),))).findings


def test_template_with_comments_is_evaluated(tmp_path: Path) -> None:
    text = json.dumps({"metadata": FILLING, "resources": [VAULT]}).replace('"metadata"', '/* { " */ "metadata"')
    (tmp_path / "template.json").write_text(text)
    assert check(Config(paths=(str(tmp_path),))).findings


def test_plan_with_its_changes_at_the_end_is_evaluated(tmp_path: Path) -> None:
    plan = json.loads((SAMPLES / "careless" / "plan.json").read_text())
    changes, values = plan.pop("resource_changes"), plan.pop("planned_values")
    (tmp_path / "plan.json").write_text(
        json.dumps(
            {**plan, "checks": [], "timestamp": "x" * 2000, "planned_values": values, "resource_changes": changes}
        )
    )
    assert check(Config(paths=(str(tmp_path),))).findings


def test_large_json_without_the_keys_of_inputs_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_files, "_BLOCK", 1 << 17)
    (tmp_path / "main.tf").write_text('resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n')
    rows = [{**VAULT, "resources": [], "tags": FILLING[:1]}] * 30_000
    for name, document in (("array", rows), ("object", {"count": 1, "data": rows, "next": None})):
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    size = (tmp_path / "object.json").stat().st_size
    config = Config(paths=(str(tmp_path),), jobs=1)
    alone = check(Config(paths=(str(tmp_path / "main.tf"),), jobs=1))
    tracemalloc.start()
    try:
        report = check(config)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [one.message for one in report.findings] == [one.message for one in alone.findings]
    assert not report.problems
    assert peak < size


@pytest.mark.parametrize("ending", ["", "]", '"', "}}", '{"resources": []}'])
def test_error_in_large_json_with_the_keys_of_a_template_is_reported(tmp_path: Path, ending: str) -> None:
    text = json.dumps({"metadata": FILLING, "resources": [VAULT]})[:-1] + ending
    (tmp_path / "template.json").write_text(text)
    assert [problem.level for problem in check(Config(paths=(str(tmp_path),))).problems][:1] == ["error"]


@pytest.mark.parametrize(
    "more", ["${resources},", "'resources': [],", "resources: [],", '"count": 1 ${resources},', "{{ resources }}"]
)
def test_text_beside_the_keys_of_large_json_is_reported(tmp_path: Path, more: str) -> None:
    text = json.dumps({"data": {"resources": [VAULT], "text": FILLING}})
    (tmp_path / "template.json").write_text(f"{{{more}{text[1:]}")
    messages = [problem.message for problem in check(Config(paths=(str(tmp_path),))).problems]
    assert any("invalid JSON" in message or "template expressions" in message for message in messages)


def _document(source: random.Random, depth: int = 0) -> object:
    if depth > 3 or source.random() < 0.3:
        texts = [
            "Microsoft.KeyVault/vaults",
            'a "b" \\',
            "[",
            "}\\\\",
            "http://a/b",
            "\u00e9" * 9,
            SCHEMA,
            "2024-11-01",
        ]
        return source.choice([*texts, 1, None, True, "x" * source.randrange(900)])
    if source.random() < 0.4:
        return [_document(source, depth + 1) for _ in range(source.randrange(4))]
    keys = ["resources", "type", "apiVersion", "$schema", "properties", "template", "changes", "changeType", "\\", "a"]
    keys += ["predictedResources", "then", "policyRule", "Resources", "k" * 400, "value"]
    return {source.choice(keys): _document(source, depth + 1) for _ in range(source.randrange(1, 5))}


def test_templates_and_predictions_are_never_taken_for_foreign_json(tmp_path: Path) -> None:
    """Compare the decision from the text with what decoded documents are, on drawn ones."""
    file = tmp_path / "a.json"
    decisions: set[bool] = set()
    for seed in range(600):
        source = random.Random(seed)  # noqa: S311  # not for secrets
        document = {"data": _document(source), **({"more": _document(source, 2)} if seed % 2 else {})}
        whole = _document(source) if seed % 3 == 0 else document
        text = json.dumps(whole, indent=source.choice([None, 1]), ensure_ascii=source.random() < 0.5)
        file.write_text(text + " " * 120)
        value = decode(file.read_bytes()).value
        is_input = looks_like_template(value) or looks_like_what_if(value) or looks_like_snapshot(value)
        found = foreign_json.is_foreign(str(file))
        assert not (found and is_input), text
        decisions.add(found)
    assert decisions == {True, False}

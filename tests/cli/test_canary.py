"""No secret leaves kvlint: a canary stands wherever the inputs in ``canary`` can hold one, and no output has any of it.

Not in any format, not in errors, and not in what can only be seen by comparing: with another canary nothing changes.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest

from azkvlint.__main__ import _run_with_error_handling
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.rule_tests import expand
from azkvlint.reporters import REPORTERS
from azkvlint.reporters.access import ACCESS_REPORTERS
from azkvlint.reporters.controls import CONTROLS_REPORTERS
from tests.sarif import faults, run_in

pytestmark = pytest.mark.slow(3)

INPUTS = Path(__file__).parent / "canary"
CANARY = "QXZJWYQJXWZYQWXJ"
OTHER = "JWXQYZWXJQYWJZXQ"  # of the same length
WINDOWS = {CANARY[start : start + 4] for start in range(len(CANARY) - 3)}
# A secret's value in code, settings of apps that hold one, and what shows a secret to whoever may read it.
ABOUT_SECRETS = {"KV610", "KV611", "KV612"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs, and each of them broken in the middle of a secret and right behind one."""
    folder = tmp_path_factory.mktemp("canary")
    shutil.copytree(INPUTS, folder / "whole")
    for file in sorted(INPUTS.rglob("*")):
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8")
        kind = file.relative_to(INPUTS).parts[0]
        for number, at in enumerate(occurrences(text)):
            for how, broken in {"cut": text[: at + 8], "open": f"{text[: at + 16]} {text[at + 17 :]}"}.items():
                copy = folder / "broken" / f"{file.name}-{number}-{how}"
                shutil.copytree(INPUTS / kind, copy)
                (copy / file.relative_to(INPUTS / kind)).write_text(broken, encoding="utf-8")
    return folder


def occurrences(text: str) -> list[int]:
    """Where the canary stands: its first place, and its last."""
    places = [at for at in range(len(text)) if text.startswith(CANARY, at)]
    return sorted({*places[:1], *places[-1:]})


@pytest.fixture(scope="module")
def said(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Everything that runs over the inputs write, by what wrote it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("reports"))
        patch.delenv("KVLINT_DEBUG", raising=False)
        return dict(reports(inputs))


def reports(inputs: Path) -> Iterator[tuple[str, str]]:
    errors = io.StringIO()
    # No module declares the second variable, which is an error.
    given = ("--var", f"innocent={CANARY}", "--var", f"nobody={CANARY}")
    shown = ("--profile", "all", "-v", "--strict", "--show-suppressed", "--statistics", "--summary-file", "summary")
    check = [word for form in REPORTERS for word in ("-f", f"{form}={form}")]
    controls = [word for form in CONTROLS_REPORTERS for word in ("-f", f"{form}=controls.{form}")]
    with redirect_stderr(errors):
        assert _run_with_error_handling([str(inputs / "whole"), *given, *shown, *check]) == 3
        assert _run_with_error_handling(["controls", str(inputs / "whole"), "--framework", "all", *controls]) == 1
        access = [word for form in ACCESS_REPORTERS for word in ("-f", f"{form}=access.{form}")]
        assert _run_with_error_handling(["access", str(inputs / "whole"), *given, *access]) == 3
        audit = ("-f", "sarif=audit.sarif", "--sarif-include", "suppressed,unknown,passed")
        assert _run_with_error_handling([str(inputs / "whole"), *given, *shown[:3], *audit]) == 3
        assert (
            _run_with_error_handling(
                [str(inputs / "broken"), *shown[:3], "-f", "json=broken.json", "-f", "sarif=broken.sarif"]
            )
            == 3
        )
        assert _run_with_error_handling([str(inputs / "whole"), "--var", CANARY]) == 2
    yield "stderr", errors.getvalue()
    for file in sorted(Path.cwd().iterdir()):
        yield file.name, file.read_text(encoding="utf-8")


def test_four_characters_in_a_row_are_in_no_output(said: Mapping[str, str]) -> None:
    assert len(said) == len(REPORTERS) + len(CONTROLS_REPORTERS) + len(ACCESS_REPORTERS) + 5
    leaks = [
        (name, text[max(at - 200, 0) : at + 40])
        for name, text in said.items()
        for window in WINDOWS
        if (at := text.upper().find(window)) >= 0
    ]
    assert leaks == []


def test_inputs_contain_the_secrets(said: Mapping[str, str]) -> None:
    """Or there would have been nothing to tell."""
    found = json.loads(said["json"])["findings"]
    seen = {(one["ruleId"], Path(one["location"]["path"]).parts[-2]) for one in found}
    assert {folder for _, folder in seen} >= {"terraform", "bicep", "arm", "plan", "whatif", "tfjson"}
    # A what-if result does not say where a value comes from.
    for kind in ("terraform", "bicep", "arm", "plan", "tfjson"):
        assert any(rule in ABOUT_SECRETS for rule, folder in seen if folder == kind), kind
    assert "(sensitive)" in said["json"]
    assert "(hidden)" in said["sarif"]
    assert len(json.loads(said["broken.json"])["problems"]) > 15


def test_logs_of_inputs_with_secrets_are_valid(said: Mapping[str, str], inputs: Path) -> None:
    for name, folder in (("sarif", "whole"), ("audit.sarif", "whole"), ("broken.sarif", "broken")):
        assert list(faults(run_in(said[name]), inputs / folder)) == []


def test_no_rule_prints_a_sensitive_value_of_a_plan(tmp_path: Path) -> None:
    """Whatever a rule is about: in the examples of all rules every text is sensitive."""
    examples = [example for rule in builtin_rules() for example in rule.examples]
    plans = [one.sources["plan"] for one in examples if "plan" in one.sources and one.expect == "fails"]
    (tmp_path / "plans").mkdir()
    for number, written in enumerate(plans):
        plan = json.loads(expand(written))
        for change in (resource["change"] for resource in plan.get("resource_changes", ())):
            for side in ("before", "after"):
                values = change.get(side) or {}
                change[f"{side}_sensitive"] = dict.fromkeys(values, True)
                change[side] = with_canary(values)
        (tmp_path / "plans" / f"{number}.json").write_text(json.dumps(plan), encoding="utf-8")
    report = tmp_path / "report"
    assert _run_with_error_handling([str(tmp_path / "plans"), "--profile", "all", "-f", f"json={report}"]) in (1, 3)
    text = report.read_text(encoding="utf-8")
    assert len({one["ruleId"] for one in json.loads(text)["findings"]}) > 60
    leaks = [text[max(at - 300, 0) : at + 40] for window in WINDOWS if (at := text.find(window)) >= 0]
    assert leaks == []


def with_canary(value: Any) -> Any:
    """A value with the canary before each of its texts."""
    if isinstance(value, dict):
        return {key: with_canary(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_canary(item) for item in value]
    return CANARY + value if isinstance(value, str) else value


def test_another_secret_changes_nothing(said: Mapping[str, str], inputs: Path, tmp_path: Path) -> None:
    """Neither a hash of it nor anything else that hangs on it is told."""
    shutil.copytree(inputs / "whole", tmp_path / "whole")
    for file in (tmp_path / "whole").rglob("*"):
        if file.is_file():
            file.write_text(file.read_text(encoding="utf-8").replace(CANARY, OTHER), encoding="utf-8")
    words = [str(tmp_path / "whole"), "--var", f"innocent={OTHER}", "--var", f"nobody={OTHER}", "--profile", "all"]
    assert (
        _run_with_error_handling([*words, "-f", f"json={tmp_path / 'json'}", "-f", f"sarif={tmp_path / 'sarif'}"]) == 3
    )
    for form in ("json", "sarif"):
        assert (tmp_path / form).read_text(encoding="utf-8") == said[form]

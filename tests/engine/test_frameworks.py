"""Files of control frameworks: what loads, what is refused and with which words, and which rules answer a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from azkvlint.engine.framework_loader import load_frameworks, sheets_of
from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules, frameworks_of_package
from azkvlint.model.framework import Framework, Platform, Status
from azkvlint.model.rule import AttributeCondition
from azkvlint.util.errors import InternalError, RuleError

HEAD = "name: acme\ntitle: ACME\nabout: >\n  A few\n  rows.\nreferences: [https://acme.example/]\n"
ROW = "controls:\n  - {id: A-1, title: One}\n"


def load(text: str, path: str = "acme.yaml") -> tuple[Framework, ...]:
    return load_frameworks([(path, text.encode())], builtin_rules())


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(RuleError) as caught:
        load(text)
    return caught.value.faults


def test_control_with_every_key_is_loaded() -> None:
    text = f"""{HEAD}
controls:
  - id: A-1
    section: First
    title: One
    rules: [KV001]
    ideas: [KEY-01]
    policies: [152b15f7-8e1f-4c1f-ab71-8c010ba5dbc0]
    note: >
      About
      that.
    when:
      attribute: derived.accessModel
      equals: Azure RBAC
    platform:
      status: not applicable
      because: There is none.
      references: [https://acme.example/none]
"""
    (framework,) = load(text)
    assert (framework.name, framework.family, framework.title, framework.about) == (
        "acme",
        "acme",
        "ACME",
        "A few rows.",
    )
    (control,) = framework.controls
    assert (control.id, control.section, control.title, control.note) == ("A-1", "First", "One", "About that.")
    assert (control.rules, control.ideas) == (("KV001",), ("KEY-01",))
    assert control.policies == ("152b15f7-8e1f-4c1f-ab71-8c010ba5dbc0",)
    assert isinstance(control.when, AttributeCondition)
    assert control.platform == Platform(
        status=Status.NOT_APPLICABLE, because="There is none.", references=("https://acme.example/none",)
    )


def test_versions_have_their_own_ids() -> None:
    rows = 'controls:\n  - {id: {"1.0": "1", "2.0": "7"}, title: One}\n  - {id: {"2.0": "8"}, title: Two}\n'
    first, second = load(f'{HEAD}versions: ["1.0", "2.0"]\n{rows}')
    assert (first.name, first.family, first.title) == ("acme-1.0", "acme", "ACME 1.0")
    assert [control.id for control in first.controls] == ["1"]
    assert [(control.id, control.title) for control in second.controls] == [("7", "One"), ("8", "Two")]


def test_one_id_applies_to_all_versions() -> None:
    assert [one.controls[0].id for one in load(f"{HEAD}versions: [r4, r5]\n{ROW}")] == ["A-1", "A-1"]
    assert [one.title for one in load(f"{HEAD}versions: [r4, r5]\n{ROW}")] == ["ACME revision 4", "ACME revision 5"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1: the file is empty"),
        ("[]", "1:1: a control framework must be a mapping, not a list"),
        (HEAD, "1:1: a control framework needs controls:"),
        (HEAD.replace("acme\n", "ACME\n") + ROW, "1:7: 'ACME' is not a name: small letters and digits, joined by '-'"),
        (HEAD + "extra: 1\n" + ROW, "7:1: a control framework has no key 'extra'"),
        (HEAD + "controls: []\n", "7:11: controls must not be an empty list"),
        (HEAD + "controls:\n  - {id: A-1}\n", "8:5: a control needs title:"),
        (HEAD + "controls:\n  - {id: A, title: B, rule: [X]}\n", "8:23: a control has no key 'rule'; did you"),
        (HEAD + "controls:\n  - {id: A, title: B, rules: [KV01]}\n", "8:31: there is no rule 'KV01'; did you mean 'KV"),
        (
            HEAD + "controls:\n  - {id: A, title: B, rules: KV001}\n",
            "8:30: rules must be a list, not the string 'KV001'",
        ),
        (HEAD + "controls:\n  - {id: A, title: B, ideas: [key1]}\n", "8:31: 'key1' is not an id such as NET-01"),
        (HEAD + "controls:\n  - {id: A, title: B, policies: [x]}\n", "8:34: 'x' is not the id of a built-in policy"),
        (HEAD + ROW + "  - {id: A-1, title: Two}\n", "9:5: there are two rows 'A-1'"),
        (HEAD + "versions: [five]\n" + ROW, "7:12: 'five' is not a version, such as 5.0.0 or r5"),
        (HEAD + "controls:\n  - {id: {r5: A}, title: B}\n", "8:11: there is no version 'r5'"),
        (HEAD + "controls:\n  - {id: A, title: B, when: {is: set}}\n", "8:29: a condition needs attribute, "),
        (HEAD + "controls:\n  - {id: A, title: B, platform: {status: met}}\n", "8:33: platform needs because:"),
        (
            HEAD + "controls:\n  - {id: A, title: B, platform: {status: met, because: C, references: [https://a.b]}}\n",
            "8:42: there is no status 'met'; it is guaranteed or not applicable",
        ),
        (HEAD + "controls:\n  - {id: A, title: B, when: {attribute: x, equals: $y}}\n", "8:52: there is no parameter"),
    ],
)  # fmt: skip
def test_faults_have_their_place(text: str, fault: str) -> None:
    assert [one for one in faults(text) if one.startswith(f"acme.yaml:{fault}")], faults(text)


def test_all_errors_of_all_framework_files_are_reported_together() -> None:
    with pytest.raises(RuleError) as caught:
        load_frameworks([("a.yaml", b""), ("b.yaml", b"\xff"), ("c.yaml", HEAD.encode())], ())
    assert [one.partition(":")[0] for one in caught.value.faults] == ["a.yaml", "b.yaml", "c.yaml"]


def test_two_files_cannot_share_a_name() -> None:
    with pytest.raises(RuleError) as caught:
        load_frameworks([("a.yaml", (HEAD + ROW).encode()), ("b.yaml", (HEAD + ROW).encode())], ())
    assert caught.value.faults == ("b.yaml:1:7: 'acme' is also the name of a.yaml",)


def test_controls_select_rules_by_id_idea_policy_and_control_name() -> None:
    rows = """controls:
  - {id: by-id, title: One, rules: [KV001]}
  - {id: by-idea, title: Two, ideas: [REC-01]}
  - {id: by-policy, title: Three, policies: [0b60c0b2-2dc2-4e1c-b5c9-abbed971de53]}
  - {id: none, title: Four}
"""
    (sheet,) = sheets_of(load(HEAD + rows), builtin_rules())
    answered = {question.control.id: question.rules for question in sheet.checks}
    assert answered["by-id"] == ("KV001",)
    assert "KV001" in answered["by-idea"]
    assert "KV001" in answered["by-policy"]
    assert answered["none"] == ()
    (mcsb,) = sheets_of([one for one in builtin_frameworks(builtin_rules()) if one.name == "mcsb"], builtin_rules())
    assert "KV001" in {question.control.id: question.rules for question in mcsb.checks}["DP-8"]


def test_missing_framework_files_are_an_internal_error(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="the built-in control frameworks are missing"):
        frameworks_of_package(str(tmp_path / "src" / "azkvlint"), ())

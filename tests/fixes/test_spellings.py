"""Every rule that has fixes offers them in every language and spelling of its failing examples, or says why not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from azkvlint.config.run_config import Config
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.fixes.example_edits import faults_of_edits
from azkvlint.fixes.find import fixes_of
from azkvlint.linter.linter import check
from azkvlint.model.effect import CLASSES, names_of
from azkvlint.model.fix import Fix, apply
from azkvlint.model.rule import EXAMPLE_DAY

FIXABLE = tuple(rule for rule in builtin_rules() if rule.edits)
# The others would refuse fixes because of what else they would find in an example.
OTHERS = tuple(rule.id for rule in builtin_rules() if not rule.edits)
NAMES = {"terraform": "main.tf", "bicep": "main.bicep", "arm": "main.json"}
_MARK = re.compile(r"[ \t]*(?:#|//)[ \t]*<-.*$", re.MULTILINE)
_BLOCK = re.compile(r"^(?P<indent> *)(?P<head>[^\n{}]*\{) (?P<body>[^\n,{}]+) (?P<end>\},?)$", re.MULTILINE)


class Case(NamedTuple):
    """One failing example in one language."""

    rule: str
    language: str
    title: str
    text: str
    number: int


def on_several_lines(text: str) -> str:
    """Return the text without blocks on one line; ``one_line`` is the opposite."""
    return _BLOCK.sub(r"\g<indent>\g<head>\n\g<indent>  \g<body>\n\g<indent>\g<end>", text)


def _cases() -> Iterator[Case]:
    for rule in FIXABLE:
        for number, example in enumerate(rule.examples):
            if example.expect == "fails" and not example.parameters and example.as_of in ("", EXAMPLE_DAY):
                for language in NAMES:
                    if language in example.sources:
                        text = on_several_lines(_MARK.sub("", example.sources[language]))
                        yield Case(rule.id, language, example.title, text, number)


CASES = tuple(_cases())


# --- spellings --------------------------------------------------------------------------------------------------------


def plain(case: Case) -> str:
    return case.text


def crlf(case: Case) -> str:
    return case.text.replace("\n", "\r\n")


def tabs(case: Case) -> str:
    return re.sub(r"^(?:  )+", lambda match: "\t" * (len(match[0]) // 2), case.text, flags=re.MULTILINE)


def comments(case: Case) -> str:
    sign = "#" if case.language == "terraform" else "//"
    lines = [f"{line} {sign} a note, {{ not [ code" if line.strip() else line for line in case.text.split("\n")]
    return "\n".join(f"{sign} before: = {{\n{line}" if line[:1].strip() else line for line in lines)


def heredoc(case: Case) -> str:
    if case.language == "terraform":
        beside = "  note = <<EOT\n  purge_protection_enabled = false\n}\nEOT\n"
        return re.sub(r"^((?:resource|provider|output) .*\{)\n", rf"\1\n{beside}", case.text, flags=re.MULTILINE)
    if case.language == "bicep":
        return f"var note = '''\nresource kv = {{\n  '''\n{case.text}\nvar other = '''\n}}\n'''\n"
    return ""


def one_line(case: Case) -> str:
    if case.language == "arm":
        without = re.sub(r"(?m)^\s*//.*$|\s//\s.*$", "", case.text)
        return json.dumps(json.loads(without))
    if case.language == "bicep":

        def joined(match: re.Match[str]) -> str:
            return "{ " + ", ".join(line.strip() for line in match[1].strip().split("\n")) + " }"

        return re.sub(r"\{\n((?:[ ]+[^\n{}'/]*(?:'[^'\n]*')?\n)+)[ ]+\}", joined, case.text)
    return re.sub(r"\{\n[ ]*([^\n{}#]+)\n[ ]*\}", r"{ \1 }", case.text)


def loop(case: Case) -> str:
    """Repeat each resource that nothing else in the text refers to."""
    text = case.text
    if case.language == "terraform":

        def repeated(match: re.Match[str]) -> str:
            is_used = re.search(rf"\b{match[1]}\.{match[2]}\b", text)
            return match[0] if is_used else f'{match[0]}  for_each = toset(["a", "b"])\n'

        return re.sub(r'^resource "(\w+)" "(\w+)" \{\n(?!  (?:count|for_each))', repeated, text, flags=re.MULTILINE)
    if case.language == "bicep":
        code = re.sub(r"'[^'\n]*'", "", text)
        for match in re.finditer(r"^resource (\w+) '[^']*' = \{\n(?:.*\n)*?\}", text, re.MULTILINE):
            header, body = match[0].split(" = {", 1)
            if len(re.findall(rf"\b{match[1]}\b", code)) == 1 and " resource " not in body:
                text = text.replace(match[0], f"{header} = [for item in range(0, 2): {{{body}]")
        return text
    copy = r'\1\2"copy": { "name": "all", "count": 2 },\n\2"type"'
    return re.sub(r'^(    \{\n|  "resources": \[\{\n)( +)"type"', copy, text, flags=re.MULTILINE)


def module_argument(case: Case) -> str:
    """Return the text with its literal value as a variable or parameter, which ``_with_argument`` sets."""
    fixes = outcomes("plain")[case].fixes
    edit = fixes[0].edits[0] if len(fixes) == 1 and len(fixes[0].edits) == 1 else None
    value = "" if edit is None else case.text[edit.start : edit.end]
    if (
        edit is None
        or case.rule in ("KV611", "KV612")
        or not re.fullmatch(r"""true|false|\d+|"\w+"|'\w+'""", value)
        or "features {" in case.text
    ):
        return ""
    head, tail = case.text[: edit.start], case.text[edit.end :]
    if case.language == "terraform":
        return f'{head}var.value{tail}\nvariable "value" {{}}\n'
    kind = "bool" if value in ("true", "false") else "int" if value.isdecimal() else "string"
    if case.language == "bicep":
        return f"param value {kind}\n{head}value{tail}"
    parameter = f'"parameters": {{ "value": {{ "type": "{kind}", "defaultValue": {value} }} }},'
    return re.sub(r'("\$schema": "[^"]*",)', rf"\1\n  {parameter}", head) + f"\"[parameters('value')]\"{tail}"


def _call(case: Case) -> str:
    """Return the root that calls the module of ``module_argument``."""
    edit = outcomes("plain")[case].fixes[0].edits[0]
    value = case.text[edit.start : edit.end]
    if case.language == "terraform":
        return f'module "m" {{\n  source = "./module"\n  value  = {value}\n}}\n'
    return f"module m 'module/main.bicep' = {{\n  name: 'm'\n  params: {{ value: {value} }}\n}}\n"


SPELLINGS: Mapping[str, Callable[[Case], str]] = {
    each.__name__: each for each in (plain, crlf, tabs, comments, heredoc, one_line, loop, module_argument)
}


# --- one search for all examples in one spelling ----------------------------------------------------------------------


class Outcome(NamedTuple):
    """What became of an example: its text, its fixes, and the reasons of refusals."""

    text: str
    fixes: tuple[Fix, ...]
    reasons: tuple[str, ...]


_folder: list[Path] = []


@cache
def outcomes(spelling: str) -> Mapping[Case, Outcome]:
    """Return the outcome of each example that has the spelling, from one search in one folder."""
    top = _folder[0] / spelling
    texts = {case: text for case in CASES if (text := SPELLINGS[spelling](case))}
    folders = {f"{index:03d}": case for index, case in enumerate(texts)}
    for name, case in folders.items():
        file = top / name / NAMES[case.language]
        if spelling == "module_argument" and case.language != "arm":
            file.parent.mkdir(parents=True)
            file.write_text(_call(case))
            file = top / name / "module" / file.name
        file.parent.mkdir(parents=True)
        file.write_bytes(texts[case].encode())
    config = Config(paths=(str(top),), profiles=("all",), ignore=OTHERS, as_of=EXAMPLE_DAY, jobs=1)
    report = check(config)
    own = [one for one in report.findings if one.rule.id == folders[one.at.path.split("/")[0]].rule]
    found = fixes_of(msgspec.structs.replace(report, findings=tuple(own)), config, CLASSES)
    return {
        case: Outcome(
            texts[case],
            tuple(fix for fix in found.fixes if fix.at.path.startswith(f"{name}/")),
            tuple(one.reason for one in found.refusals if one.finding.at.path.startswith(f"{name}/")),
        )
        for name, case in folders.items()
    }


@pytest.fixture(scope="session", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    _folder.append(tmp_path_factory.mktemp("spellings"))


# By rule (or rule and spelling), language and title; the language or title is empty for all.
REFUSALS: Mapping[tuple[str, str, str], str] = {
    ("KV001", "terraform", "One of two vaults in a loop"): "the value is computed",
    ("KV006", "terraform", "Managed HSM without purge protection"): "the result of KV006 would be unknown",
    ("KV053", "", "Property that the API version does not define"): "it would cause KV108",
    ("KV053", "", "Property of a managed HSM"): "it would cause KV108",
    ("KV053", "terraform", "Argument that the provider ignores or rejects"): "the finding would remain",
    ("KV053", "terraform", ""): "no fix of the rule applies",
    ("KV057", "", ""): "needs a decision",
    ("KV101", "", "IP rule that covers all addresses"): "no fix of the rule applies",
    ("KV101", "", "Known part of a list that covers all addresses"): "no fix of the rule applies",
    ("KV101", "", "Managed HSM that allows the service tag `Internet`"): "no fix of the rule applies",
    ("KV101", "", "Network rules set to null"): "the value of `networkAcls` is an expression",
    ("KV101", "", "Perimeter whose access rules allow all addresses"): "the finding would remain",
    (
        "KV101",
        "",
        "Enforced perimeter that allows all addresses, with public network access disabled",
    ): "the finding would",
    ("KV101", "", "Perimeter access rules that together cover all addresses"): "the finding would remain",
    ("KV101", "", "Property names in another letter case"): "the finding would remain",
    ("KV123", "", "Learning or Audit mode"): "the result of KV101 on",
    ("KV123", "", "Managed HSM, with the access mode not set"): "the result of KV101 on",
    ("KV123 loop", "arm", "Profile without access rules"): "the result of KV101 on",
    ("KV124", "", "Subnet without service endpoints, declared in its network"): "the other resource is not declared",
    ("KV301", "terraform", "Property set to null in an old API version"): "the value of `enableRbacAuthorization`",
    ("KV501", "", ""): "needs a decision",
    ("KV502", "arm", "Rotation before the expiry of a key that has no expiration date"): "the list has other items",
    ("KV502", "bicep", "Rotation before the expiry of a key that has no expiration date"): "the list has other items",
    (
        "KV502",
        "terraform",
        "Rotation before the expiry of a key that has no expiration date",
    ): "the finding would remain",
    ("KV611", "arm", "Nested template with outer scope, which contains the value"): "the value does not come from",
    ("KV611", "arm", "Key of a resource in a parameter that is not secure"): "the value does not come from",
    ("KV611", "arm", "Key of a resource or user name, selected by a condition"): "the value does not come from",
    ("KV801", "terraform", "Purge protection set to null"): "the value is computed",
}

# The reason for some findings of a case with others.
PARTLY = "only strings and objects can be secure"


def refusal_of(case: Case, spelling: str) -> str:
    rules = (f"{case.rule} {spelling}", case.rule)
    keys = [(rule, language, title) for rule in rules for title in (case.title, "") for language in (case.language, "")]
    return next((REFUSALS[key] for key in keys if key in REFUSALS), "")


GROUPS = sorted({(case.rule, case.language) for case in CASES})


@pytest.mark.slow(20)
@pytest.mark.parametrize(("rule", "language"), GROUPS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_fixes_are_offered_or_refused_for_a_known_reason(spelling: str, rule: str, language: str) -> None:
    for case, outcome in outcomes(spelling).items():
        if (case.rule, case.language) != (rule, language):
            continue
        expected = refusal_of(case, spelling)
        reasons = set(outcome.reasons) - {PARTLY}
        assert all(reason.startswith(expected) for reason in reasons) if expected else not reasons, (case, reasons)
        assert bool(outcome.fixes) is not bool(expected), case
        for fix in outcome.fixes:
            assert re.fullmatch(r"(?:Set|Remove|Rename|Use|Add) .*[^.]", fix.title), fix.title
            if spelling != "module_argument":
                check_edits(spelling, outcome.text, fix)


def check_edits(spelling: str, text: str, fix: Fix) -> None:
    """Whatever is inserted is spelled as what is around it."""
    after = apply(text, fix.edits)
    assert after != text
    added = [edit.replacement for edit in fix.edits]
    if spelling == "crlf":
        assert not re.search(r"(?<!\r)\n", after)
    if spelling == "tabs":
        assert not any(re.search(r"(?:^|\n) +[^\s*}]", one) for one in added)
    if spelling in ("comments", "heredoc"):
        kept = {line for line in text.split("\n") if line.lstrip().startswith(("#", "//", "EOT", "'''"))}
        assert kept <= set(after.split("\n"))


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_most_rules_have_examples_in_each_spelling(spelling: str) -> None:
    found = {(case.rule, case.language) for case, outcome in outcomes(spelling).items() if outcome.fixes}
    changed = {(case.rule, case.language) for case, outcome in outcomes(spelling).items() if outcome.text != case.text}
    assert len(found) >= {"module_argument": 15, "heredoc": 35}.get(spelling, 60)
    assert spelling == "plain" or len(changed & found) >= {"module_argument": 15, "loop": 40}.get(spelling, 30)


SAFE = {
    "KV002", "KV216", "KV611", "KV907",
}  # fmt: skip


def test_fixes_have_the_classes_of_their_effects() -> None:
    safe = {rule.id for rule in FIXABLE if not any(plan.possible_effects or plan.decision for plan in rule.edits)}
    assert safe == SAFE
    classes = {rule.id: [set(names_of(plan.possible_effects)) for plan in rule.edits] for rule in FIXABLE}
    for rule in ("KV003", "KV006", "KV017", "KV301"):
        assert all("apply-fails" in found for found in classes[rule]), rule
    for rule in ("KV104", "KV105", "KV108", "KV123", "KV301", "KV303"):
        assert all("access" in found for found in classes[rule]), rule
    assert all("irreversible" in found for rule in ("KV001", "KV801") for found in classes[rule])
    assert [found & {"replaces"} for found in classes["KV503"]] == [{"replaces"}, set()]
    assert all("cost" in found for found in classes["KV515"])


@pytest.mark.parametrize("language", ["terraform", "bicep", "arm"])
def test_no_edit_is_repeated_with_other_classes_for_a_language(language: str) -> None:
    for rule in FIXABLE:
        steps = [
            (step.operation, step.names, str(step.value), type_)
            for plan in rule.edits
            if not plan.languages or language in plan.languages
            for step in plan.steps
            for type_ in step.resources or rule.resources
            if len(plan.steps) == 1
        ]
        assert len(steps) == len(set(steps)), rule.id


def test_each_edit_names_the_sources_of_its_classes() -> None:
    without = [rule.id for rule in FIXABLE for plan in rule.edits if plan.steps and not plan.sources]
    assert without == []
    effects = [effect for rule in FIXABLE for plan in rule.edits for effect in plan.possible_effects]
    assert {effect.name for effect in effects} == set(CLASSES)
    assert all(effect.text.endswith(".") for effect in effects)


REQUIRED = (
    "KV001 KV002 KV003 KV006 KV017 KV050 KV052 KV053 KV057 KV104 KV105 KV108 KV117 KV123 KV124 KV216 KV301 KV303 KV501"
    " KV502 KV503 KV515 KV611 KV612 KV614 KV620 KV624 KV801 KV905 KV907"
)


def test_these_rules_have_fixes() -> None:
    assert {rule.id for rule in FIXABLE} >= set(REQUIRED.split())


def test_each_rule_with_edits_fixes_one_of_its_own_examples() -> None:
    """What ``kvlint rules test --strict`` asks of the edits of rules."""
    assert list(faults_of_edits(builtin_rules(), None)) == []

"""Comments that suppress findings: what they are about, and that nothing wrong with one hides anything."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.linter.suppressions import (
    EXPIRED_SUPPRESSION,
    MALFORMED_SUPPRESSION,
    UNUSED_SUPPRESSION,
    SuppressionPolicy,
    Suppressions,
    policy_of,
)
from azkvlint.model.finding import Finding, Outcome
from azkvlint.model.location import Location, SourceComments, Target
from azkvlint.model.rule import All, Rule, Severity
from azkvlint.syntax.ignore_comments import IgnoreDirective, directives

TODAY = date(2026, 11, 24)
PATH = "main.tf"
_TOKEN = re.compile(
    r"(?P<comment>#[^\n]*|//[^\n]*|/\*(?s:.*?)\*/)|(?P<text>\"[^\"\n]*\")|(?P<attribute>\w+ *= *)"
    r"|(?P<block>\w+[^={}\n#/]*\{)|(?P<open>[\[{(])|(?P<close>[\]})])|(?P<line>\n)"
)


def rule(id_: str, name: str) -> Rule:
    return Rule(
        id=id_, name=name, title="A rule", severity=Severity.HIGH, resources=(), when=All(()), require=All(()),
        message="It is wrong", why="", fixes={}, references=(), examples=(), path="r.yaml",
    )  # fmt: skip


RULES = {id_: rule(id_, name) for id_, name in (("KV001", "purge-protection"), ("KV101", "network"), ("KV9", "quiet"))}
POLICY = policy_of(RULES.values(), [RULES["KV001"], RULES["KV101"]], TODAY)


def scan(text: str) -> SourceComments:
    """The comments and targets of a text in a small language of attributes and blocks."""
    comments: list[tuple[int, int]] = []
    found: list[Target] = []
    opened: list[tuple[str, int, int]] = []
    for match in _TOKEN.finditer(text):
        kind, (start, end) = match.lastgroup, match.span()
        if kind == "comment":
            comments.append((start, end))
        elif kind in ("attribute", "block", "open"):
            opened.append((str(kind), start, end))
        elif kind in ("close", "line"):
            while opened and opened[-1][0] == "attribute":
                _, begin, _ = opened.pop()
                end_of_value = _trimmed(text, begin, start)
                found.append(Target(begin, end_of_value, end_of_value))
            if kind == "close" and opened:
                what, begin, head = opened.pop()
                if what == "block":
                    found.append(Target(begin, head, end))
    return SourceComments(text=text, comments=tuple(comments), targets=tuple(sorted(found)))


def _trimmed(text: str, begin: int, end: int) -> int:
    """Where the value ends that stands before a line's comment and end."""
    line = max(text.rfind("\n", 0, end) + 1, begin)
    comment = re.search(r"\s*(#|//|/\*)", text[line:end])
    return line + comment.start() if comment is not None else line + len(text[line:end].rstrip())


def at(text: str, word: str, path: str = PATH) -> Location:
    start = re.sub(r"#[^\n]*|//[^\n]*|/\*(?s:.*?)\*/", lambda comment: " " * len(comment[0]), text).index(word)
    return Location(path=path, span=(start, start + len(word)))


def finding(place: Location, rule_id: str = "KV001", **more: Any) -> Finding:
    return Finding(
        rule=RULES[rule_id], outcome=Outcome.FAIL, message="It is wrong", arguments=(), resource="kv", full_name="kv",
        type="", declared_as="", at=place, fingerprint="f", **more,
    )  # fmt: skip


def said(text: str, policy: SuppressionPolicy = POLICY) -> Suppressions:
    return Suppressions({PATH: scan(text)}, policy)


def suppresses(text: str, word: str, rule_id: str = "KV001") -> bool:
    return said(text).suppression_of(finding(at(text, word), rule_id)) is not None


def codes(found: Suppressions) -> list[str]:
    return [problem.code for problem in found.problems]


# --- what a comment says ----------------------------------------------------------------------------------------------


def parsed(comment: str) -> IgnoreDirective:
    (found,) = directives(comment, [(0, len(comment))])
    return found


@pytest.mark.parametrize(
    ("comment", "ids", "reason", "until"),
    [
        ("# kvlint: ignore[KV001] sandbox", ("KV001",), "sandbox", None),
        ("//kvlint:ignore[KV001]  a  b ", ("KV001",), "a b", None),
        ("/* KVLint: Ignore[KV001, KV101] both */", ("KV001", "KV101"), "both", None),
        ("/*\n * kvlint: ignore[network] x\n */", ("network",), "x", None),
        ("# kvlint: ignore[KV001] sandbox until=2027-03-01", ("KV001",), "sandbox", date(2027, 3, 1)),
        ("# kvlint: ignore[KV001] until=2027-03-01, sandbox", ("KV001",), "sandbox", date(2027, 3, 1)),
        ("# kvlint: ignore[KV001] sandbox (until 2027-03-01).", ("KV001",), "sandbox .", date(2027, 3, 1)),
        ("# kvlint: ignore[KV001] until it is gone", ("KV001",), "until it is gone", None),
        ("# tflint-ignore: x # kvlint: ignore[KV001] why", ("KV001",), "why", None),
        ("# kvlint: ignore-file[KV001] generated", ("KV001",), "generated", None),
    ],
)
def test_directive_is_parsed(comment: str, ids: tuple[str, ...], reason: str, until: date | None) -> None:
    found = parsed(comment)
    assert (found.fault, found.ids, found.reason, found.until) == ("", ids, reason, until)
    assert found.whole_file is ("-file" in comment)
    assert comment[found.start : found.end].lower().startswith("kvlint")


@pytest.mark.parametrize(
    "comment",
    [
        "# kvlint:ignore KV001",
        "# kvlint: ignore KV001 because",
        "# kvlint: ignore[KV001]",
        "# kvlint: ignore[KV001] ---",
        "# kvlint: ignore[] because",
        "# kvlint: ignore[KV001,] because",
        "# kvlint: ignore[KV001 because",
        "# kvlint: ignore-line[KV001] because",
        "# kvlint: skip[KV001] because",
        "# kvlint: disable KV001",
        "# kvlint:",
        "# kvlint: ignore[KV001] because until=2027-02-30",
        "# kvlint: ignore[KV001] because until=2027-3-1",
        "# kvlint: ignore[KV001] because until=20270301",
        "# kvlint: ignore[KV001] because until=soon",
        "# kvlint: ignore[KV001] because until=",
        "# kvlint: ignore[KV001] because until 2027",
        "# kvlint: ignore[KV001] because until=2027-03-01 until=2028-03-01",
        "# kvlint: ignore[KV001] until=2027-03-01",
        "# kvlint: ignore[KV001] owner=@platform",
        "# kvlint: ignore[KV001] because owner=",
        "# kvlint: ignore[KV001] because owner=@a owner=@b",
        "# first, kvlint: ignore KV001",
    ],
)
def test_malformed_directives_suppress_nothing_and_are_reported(comment: str) -> None:
    text = f"vault kv {{ {comment}\n  purge = false {comment}\n}}\n{comment}\n"
    found = said(text)
    assert set(codes(found)) == {MALFORMED_SUPPRESSION}
    assert len(found.problems) == 3
    assert all(problem.level == "warning" and problem.at is not None for problem in found.problems)
    assert [problem.at.region.start_line for problem in found.problems if problem.at and problem.at.region] == [1, 2, 4]
    assert found.suppression_of(finding(at(text, "purge"))) is None
    assert found.unused == {}


@pytest.mark.parametrize(
    "comment", ["# see kvlint: a linter", "# kvlinter: ignore[KV001] x", "# my-kvlint: ignore[KV001] x", "# kvlint"]
)
def test_prose_is_not_a_directive(comment: str) -> None:
    assert directives(comment, [(0, len(comment))]) == []


@pytest.mark.parametrize(
    ("comment", "owner", "reason"),
    [
        ("# kvlint: ignore[KV001] sandbox owner=@platform", "@platform", "sandbox"),
        ("# kvlint: ignore[KV001] owner = ops, sandbox until=2027-03-01", "ops", "sandbox"),
        ("# kvlint: ignore[KV001] sandbox (until=2027-03-01, owner=@a/b)", "@a/b", "sandbox"),
        ("# kvlint: ignore[KV001] the owner wants it", "", "the owner wants it"),
    ],
)
def test_owner_of_a_directive_is_parsed(comment: str, owner: str, reason: str) -> None:
    found = parsed(comment)
    assert (found.fault, found.owner, found.reason) == ("", owner, reason)


def test_the_owner_is_kept() -> None:
    text = "vault kv { # kvlint: ignore[KV001] sandbox owner=@platform\n}\n"
    reason = said(text).suppression_of(finding(at(text, "vault")))
    assert reason is not None
    assert (reason.owner, reason.justification, reason.kind) == ("@platform", "sandbox", "inSource")


def test_several_directives_in_one_comment_are_parsed() -> None:
    text = "# kvlint: ignore[KV001] one # kvlint: ignore[KV101] two"
    assert [(one.ids, one.reason) for one in directives(text, [(0, len(text))])] == [
        (("KV001",), "one"),
        (("KV101",), "two"),
    ]


@pytest.mark.parametrize("name", ["KV00", "kv001", "KV", "*", "purge", "KV001-purge-protection", "", "KV999"])
def test_rules_are_named_exactly(name: str) -> None:
    text = f"purge = false # kvlint: ignore[{name}] because\n"
    assert codes(said(text)) == [MALFORMED_SUPPRESSION]
    assert not suppresses(text, "purge")


@given(st.text(alphabet="kvlint: ignore[]KV01,#-=until2\n/*é", max_size=60))
def test_any_comment_suppresses_or_is_reported(comment: str) -> None:
    text = f"purge = false /* {comment.replace('*/', '')} */\n"
    found = said(text)
    if found.suppression_of(finding(at(text, "purge"))) is not None:
        assert re.search(r"(?i)kvlint\s*:\s*ignore(-file)?\s*\[[^\]]*KV001", text)
    elif re.search(r"(?i)(?<![\w-])kvlint[ \t]*:[ \t]*ignore", text):
        assert found.problems or found.unused


# --- what it is about -------------------------------------------------------------------------------------------------

IGNORE = "# kvlint: ignore[KV001] because"


@pytest.mark.parametrize(
    ("text", "covered", "reported"),
    [
        (f"purge = false {IGNORE}\nother = 1\n", ["purge"], ["other"]),
        (f"{IGNORE}\npurge = false\nother = 1\n", ["purge"], ["other"]),
        (f"{IGNORE}\n\n# more\n// and more\n\npurge = false\nother = 1\n", ["purge"], ["other"]),
        (f"/* x */ /* y */ {IGNORE}\npurge = false\n", ["purge"], []),
        ("/* kvlint: ignore[KV001] because */ purge = false\nother = 1\n", ["purge"], ["other"]),
        (f"kv x {{ {IGNORE}\n  purge = false\n  acl {{\n    ip = 1\n  }}\n}}\nb = 1\n", ["kv", "purge", "ip"], ["b"]),
        (f"kv x {{\n  {IGNORE}\n  purge = false\n  last = 1\n}}\n", ["purge"], ["kv", "last"]),
        (f"kv x {{\n  acl {{ {IGNORE}\n    ip = 1\n  }}\n  purge = 1\n}}\n", ["acl", "ip"], ["kv", "purge"]),
        (f"kv x {{\n  {IGNORE}\n  acl {{\n    ip = 1\n  }}\n  purge = 1\n}}\n", ["acl", "ip"], ["kv", "purge"]),
        (f"acl {{ ip = 1 }} {IGNORE}\npurge = 1\n", ["acl", "ip"], ["purge"]),
        (f"ips = [ {IGNORE}\n  one,\n]\npurge = 1\n", ["ips", "one"], ["purge"]),
        (f"ips = [\n  one, {IGNORE}\n]\npurge = 1\n", ["ips", "one"], ["purge"]),
        (f"ips = [\n  {IGNORE}\n  one,\n]\npurge = 1\n", ["ips", "one"], ["purge"]),
        (f"ips = [\n  one,\n  {IGNORE}\n]\npurge = 1\n", ["ips"], ["purge"]),
        (f"ips = [\n  one,\n] {IGNORE}\npurge = 1\n", ["ips"], ["purge"]),
    ],
)
def test_directive_applies_to_its_scope(text: str, covered: list[str], reported: list[str]) -> None:
    assert codes(said(text)) == []
    assert [word for word in covered + reported if suppresses(text, word)] == covered
    assert not any(suppresses(text, word, "KV101") for word in covered)


@pytest.mark.parametrize(
    "text",
    [f"kv x {{\n  purge = 1\n}} {IGNORE}\nother = 1\n", f"kv x {{\n  purge = 1\n  {IGNORE}\n}}\nother = 1\n", IGNORE],
)
def test_directive_without_a_target_is_reported(text: str) -> None:
    assert codes(said(text)) == [MALFORMED_SUPPRESSION]
    assert not any(suppresses(text, word) for word in ("kv", "purge", "other") if word in text.replace(IGNORE, ""))


def test_ignore_file_applies_to_the_whole_file() -> None:
    text = "purge = 1\n# kvlint: ignore-file[KV001] generated\nother = 1\n"
    assert suppresses(text, "purge")
    assert suppresses(text, "other")
    assert said(text).suppression_of(finding(Location(path="else.tf", span=(0, 1)))) is None
    calls = finding(Location(path="else.tf", span=(0, 1)), callers=(at(text, "purge"),))
    assert said(text).suppression_of(calls) is None


def test_the_rule_may_be_named_and_the_reason_is_kept() -> None:
    text = "purge = false # kvlint: ignore[purge-protection] a sandbox until=2026-11-24\n"
    found = said(text)
    reason = found.suppression_of(finding(at(text, "purge")))
    assert reason is not None
    assert (reason.kind, reason.justification, reason.until) == ("inSource", "a sandbox", "2026-11-24")
    assert reason.at.region is not None
    assert (reason.at.path, reason.at.region.start_line, reason.at.region.start_column) == (PATH, 1, 17)
    assert found.used == set(found.unused)


def test_a_place_without_a_span_is_found_by_its_region() -> None:
    text = f"b = 1\npurge = false {IGNORE}\n"
    place = msgspec.structs.replace(at(text, "purge"), span=None, region=said(text)._texts[PATH].region(6, 11))
    assert said(text).suppression_of(finding(place)) is not None
    assert said(text).suppression_of(finding(Location(path=PATH))) is None


def test_directive_on_a_resource_applies_to_values_from_other_files() -> None:
    text = f"{IGNORE}\nkv x {{\n  purge = var\n}}\n"
    elsewhere = Location(path="root.tf", span=(0, 1))
    assert said(text).suppression_of(finding(elsewhere)) is None
    assert said(text).suppression_of(finding(elsewhere, resource_at=at(text, "kv x"))) is not None


def test_directive_on_a_call_applies_to_findings_through_that_call_only() -> None:
    text = f'{IGNORE}\nmodule a {{\n  source = "./m"\n}}\nmodule b {{\n  source = "./m"\n}}\n'
    inside = Location(path="m/main.tf", span=(5, 9))
    through = {name: finding(inside, callers=(at(text, f"module {name}"),)) for name in "ab"}
    assert said(text).suppression_of(through["a"]) is not None
    assert said(text).suppression_of(through["b"]) is None
    nested = finding(inside, callers=(at(text, "module a"), Location(path="x/main.tf", span=(0, 3))))
    assert said(text).suppression_of(nested) is not None


# --- expired and unused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "holds"), [("2026-11-25", True), ("2026-11-24", True), ("2026-11-23", False)])
def test_directive_ends_after_its_date(day: str, holds: bool) -> None:
    text = f"purge = false {IGNORE} until={day}\n"
    assert suppresses(text, "purge") is holds
    assert codes(said(text)) == ([] if holds else [EXPIRED_SUPPRESSION])
    assert bool(said(text).unused) is holds


def test_unused_ones_are_known_by_rule() -> None:
    text = "purge = false # kvlint: ignore[KV001, KV101, KV9] because\n"
    found = said(text)
    assert sorted(id_ for _, _, id_ in found.unused) == ["KV001", "KV101"], "KV9 does not run"
    found.suppression_of(finding(at(text, "purge")))
    (left,) = found.unused.keys() - found.used
    assert found.unused[left].code == UNUSED_SUPPRESSION
    assert found.unused[left].level == "note"
    assert "KV101" in found.unused[left].message


def test_without_a_policy_nothing_is_read() -> None:
    text = f"purge = false {IGNORE}\n# kvlint: what\n"
    found = Suppressions({PATH: scan(text)}, None)
    assert (found.suppression_of(finding(at(text, "purge"))), found.problems, found.unused) == (None, [], {})


def _lines(count: int) -> Iterator[str]:
    yield f"{IGNORE}\n" * count
    yield f"purge = false {IGNORE}\n" * count
    yield "/* kvlint: ignore[KV001] x */ " * count + "purge = 1\n"
    yield "a {\n" * count + IGNORE
    yield "x = 1 " + "# kvlint: ignore" * count
    yield "x = 1 # kvlint: ignore[" + "KV001," * count + "] x"
    yield "x = 1 # kvlint: ignore[KV001] " + "until=2027-01-01 " * count
    yield "x = 1 # kvlint: ignore[KV001] " + "(until " * count + " " * count


@pytest.mark.parametrize("number", range(8))
def test_the_time_grows_with_the_text(number: int) -> None:
    text = list(_lines(5000))[number]
    place = finding(at(text, "purge") if "purge" in text else Location(path=PATH, span=(0, 1)))
    source = SourceComments(text=text, comments=(), targets=()) if number == 3 else scan(text)
    if number == 3:
        heads = [Target(4 * index, 4 * index + 3, len(text)) for index in range(5000)]
        source = SourceComments(text=text, comments=((20000, len(text)),), targets=tuple(heads))
    start = time.process_time()
    found = Suppressions({PATH: source}, POLICY)
    for _ in range(2000):
        found.suppression_of(place)
    assert time.process_time() - start < 2  # a tenth of it; this only catches what grows with the square

"""Run the examples of rule files. Each is a test of its rule and of the reader for its language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from azkvlint.derived.attributes import with_needs
from azkvlint.engine.evaluator import Evaluator
from azkvlint.engine.parameters import with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.linter.compact_plan import expand
from azkvlint.linter.unit_result import UnitResult, evaluate_unit
from azkvlint.model.finding import Finding
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.rule import EXAMPLE_DAY, Example, Rule
from azkvlint.readers.read_result import ReadResult, plan_result
from azkvlint.readers.reader import Reader
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

# A line in a plan's example with the address of a resource, and one with an argument.
_ARGUMENT = regex(r"^\s+(?P<name>\w+):.*#\s*<-\s*(?P<rules>.+)$")
_ADDRESS = regex(r"^(?P<address>[^\s#][^#]*?):(?:\s+\{[^#]*\})?\s*#\s*<-\s*(?P<rules>.+)$")
# A marked line of an example in source code.
_LINE = regex(r"(?://|#)\s*<-\s*(?P<rules>[A-Z0-9,\s-]+)$")
_NAME, _NAME_IN_JSON = "example", "example.tf.json"
# Terraform does not accept comments in JSON, so the marks are removed.
_MARK = regex(r"(?m)//[ \t]*<-.*$")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one example in one language; without ``faults``, it meets its expectation."""

    rule: Rule
    example: Example
    language: str
    faults: tuple[str, ...]


def run_examples(rules: Sequence[Rule]) -> Iterator[Result]:
    """Run every example of every rule in each of its languages."""
    for rule in rules:
        for example in rule.examples:
            as_of = date.fromisoformat(example.as_of or EXAMPLE_DAY)
            configured_rule = with_parameters(rule, example.parameters)
            evaluator, required = Evaluator([configured_rule]), with_needs(required_by([configured_rule], as_of))
            for language, source in example.sources.items():
                faults = tuple(_faults(rule, example, language, source, required, evaluator))
                yield Result(rule=rule, example=example, language=language, faults=faults)


def _faults(
    rule: Rule, example: Example, language: str, source: str, required: RequiredAttributes, evaluator: Evaluator
) -> Iterator[str]:
    """Yield the faults of an example: unreadable input, or unexpected results."""
    try:
        result = evaluate_unit(read_example(language, source, required), required, evaluator, explain=True)
    except InputError as error:
        yield error.message
    except MemoryError:
        raise
    # An example may be an unfinished draft, so a crash must not stop the other examples.
    except Exception as error:  # noqa: BLE001
        yield f"the example cannot be read: {type(error).__name__}"
    else:
        problems = [problem.message for problem in result.problems if problem.level == "error"]
        yield from problems or compare(rule, example, language, source, result)


def read_example(language: str, source: str, required: RequiredAttributes) -> ReadResult:
    """Read an example in its language. Raise InputError."""
    if language == "plan":
        return plan_result(_NAME, expand(source), required)
    reader = Reader(required, "")
    if language == "terraform":
        return reader.terraform(_NAME, source)
    if language == "terraform_json":
        return reader.terraform(_NAME_IN_JSON, _MARK.sub("", source))
    read = (reader.bicep if language == "bicep" else reader.template)(_NAME, source.encode())
    if read is None:
        raise InputError("the document is not an ARM template", "add a `$schema`")
    return read


def compare(rule: Rule, example: Example, language: str, source: str, result: UnitResult) -> Iterator[str]:
    """Yield the differences between the results and the expectation of an example."""
    is_by_line = language != "plan"
    marked = lines_marked(source, rule.id) if is_by_line else marks(source, rule.id)
    locations_of = _lines if is_by_line else _addresses
    failed, unknown = locations_of(result.findings), locations_of(result.unknown)
    if not is_by_line:
        marked |= arguments_marked(source, rule.id) & (failed | unknown)
    if not marked and example.expect != "passes":
        sign = "#" if language == "terraform" else "//"
        where = f"no line is marked `{sign} <-" if is_by_line else "no line that begins with an address is marked `# <-"
        yield f"{where} {rule.id}`"
    expected_failed = marked if example.expect == "fails" else set()
    expected_unknown = marked if example.expect == "unknown" else set()
    for outcome, reported, expected in (
        ("fails", failed, expected_failed),
        ("unknown", unknown, expected_unknown),
    ):
        yield from (f"{location}: unexpected result `{outcome}`" for location in sorted(reported - expected))
        yield from (f"{location}: missing result `{outcome}`" for location in sorted(expected - reported))


def marks(source: str, rule_id: str) -> set[str]:
    """Return the addresses on lines that end in ``# <- RULE`` (several rules are comma-separated)."""
    addresses = set()
    for line in source.splitlines():
        match = _ADDRESS.match(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            addresses.add(match["address"].strip("\"'"))
    return addresses


def arguments_marked(source: str, rule_id: str) -> set[str]:
    """Return the addresses of marked arguments, for rules on arguments."""
    addresses: set[str] = set()
    parent = ""
    for line in source.splitlines():
        parent = line.partition(":")[0].strip("\"'") if line[:1].strip() else parent
        match = _ARGUMENT.match(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            addresses.add(f"{parent}.{match['name']}")
    return addresses


def lines_marked(source: str, rule_id: str) -> set[str]:
    """Return the lines that end in ``// <- RULE`` or ``# <- RULE``, as ``line 3``."""
    lines = set()
    for number, line in enumerate(source.splitlines(), 1):
        match = _LINE.search(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            lines.add(f"line {number}")
    return lines


def _addresses(findings: Sequence[Finding]) -> set[str]:
    places = ((finding.resource, finding.at if finding.attribute_at is not None else None) for finding in findings)
    return {resource if at is None else at.address or resource for resource, at in places}


def _lines(findings: Sequence[Finding]) -> set[str]:
    return {f"line {finding.at.region.start_line}" for finding in findings if finding.at.region is not None}

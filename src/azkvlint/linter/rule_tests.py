"""Runs the examples of rule files: each is a test of its rule, and of the reader that its language needs."""

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

# The line of a plan's example that names a resource.
_ARGUMENT = regex(r"^\s+(?P<name>\w+):.*#\s*<-\s*(?P<rules>.+)$")
_ADDRESS = regex(r"^(?P<address>[^\s#][^#]*?):\s*#\s*<-\s*(?P<rules>.+)$")
# The line of a template's or of Terraform's example that is to be edited.
_LINE = regex(r"(?://|#)\s*<-\s*(?P<rules>[A-Z0-9,\s-]+)$")
_NAME, _NAME_IN_JSON = "example", "example.tf.json"
# Terraform takes no comments in JSON, so marks are taken out.
_MARK = regex(r"(?m)//[ \t]*<-.*$")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One example in one language. ``faults`` are in words; none means that it says what its rule does."""

    rule: Rule
    example: Example
    language: str
    faults: tuple[str, ...]


def run_examples(rules: Sequence[Rule]) -> Iterator[Result]:
    """Run every example of every rule, in every language that is given."""
    for rule in rules:
        for example in rule.examples:
            day = date.fromisoformat(example.as_of or EXAMPLE_DAY)
            meant = with_parameters(rule, example.parameters)
            evaluator, required = Evaluator([meant]), with_needs(required_by([meant], day))
            for language, source in example.sources.items():
                faults = tuple(_faults(rule, example, language, source, required, evaluator))
                yield Result(rule=rule, example=example, language=language, faults=faults)


def _faults(
    rule: Rule, example: Example, language: str, source: str, required: RequiredAttributes, evaluator: Evaluator
) -> Iterator[str]:
    """Yield what is wrong with an example, or with the result of its rule."""
    try:
        result = evaluate_unit(read_example(language, source, required), required, evaluator, explain=True)
    except InputError as error:
        yield error.message
    except MemoryError:
        raise
    # An example is its author's own draft: whatever trips over it, the other examples still run.
    except Exception as error:  # noqa: BLE001
        yield f"the example cannot be read: {type(error).__name__}"
    else:
        problems = [problem.message for problem in result.problems if problem.level == "error"]
        yield from problems or compare(rule, example, language, source, result)


def read_example(language: str, source: str, required: RequiredAttributes) -> ReadResult:
    """Return the text of an example, read as its language asks. Raises InputError."""
    if language == "plan":
        return plan_result(_NAME, expand(source), required)
    reader = Reader(required, "")
    if language == "terraform":
        return reader.terraform(_NAME, source)
    if language == "terraform_json":
        return reader.terraform(_NAME_IN_JSON, _MARK.sub("", source))
    read = (reader.bicep if language == "bicep" else reader.template)(_NAME, source.encode())
    if read is None:
        raise InputError("it is no ARM template", "it needs a $schema")
    return read


def compare(rule: Rule, example: Example, language: str, source: str, result: UnitResult) -> Iterator[str]:
    """Yield how what was found differs from what the example says."""
    by_line = language != "plan"
    marked = lines_marked(source, rule.id) if by_line else marks(source, rule.id)
    found_in = _lines if by_line else _addresses
    failed, unknown = found_in(result.findings), found_in(result.undecided)
    if not by_line:
        marked |= arguments_marked(source, rule.id) & (failed | unknown)
    if not marked and example.expect != "passes":
        sign = "#" if language == "terraform" else "//"
        where = f"no line is marked '{sign} <-" if by_line else "no line that begins with an address is marked '# <-"
        yield f"{where} {rule.id}'"
    expected_failed = marked if example.expect == "fails" else set()
    expected_unknown = marked if example.expect == "undecided" else set()
    for word, found, expected in (("fails", failed, expected_failed), ("is undecided", unknown, expected_unknown)):
        yield from (f"{what} {word}, and should not" for what in sorted(found - expected))
        yield from (f"{what} {word} not, and should" for what in sorted(expected - found))


def marks(source: str, rule_id: str) -> set[str]:
    """Return the addresses whose line ends in ``# <- RULE`` (several rules are parted by commas)."""
    found = set()
    for line in source.splitlines():
        match = _ADDRESS.match(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            found.add(match["address"].strip("\"'"))
    return found


def arguments_marked(source: str, rule_id: str) -> set[str]:
    """Return the addresses of the arguments that are marked so, for what is asked of an argument by itself."""
    found: set[str] = set()
    above = ""
    for line in source.splitlines():
        above = line.partition(":")[0].strip("\"'") if line[:1].strip() else above
        match = _ARGUMENT.match(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            found.add(f"{above}.{match['name']}")
    return found


def lines_marked(source: str, rule_id: str) -> set[str]:
    """Return the lines that end in ``// <- RULE`` or ``# <- RULE``, as ``line 3``."""
    found = set()
    for number, line in enumerate(source.splitlines(), 1):
        match = _LINE.search(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            found.add(f"line {number}")
    return found


def _addresses(findings: Sequence[Finding]) -> set[str]:
    return {finding.resource for finding in findings}


def _lines(findings: Sequence[Finding]) -> set[str]:
    return {f"line {finding.at.region.start_line}" for finding in findings if finding.at.region is not None}

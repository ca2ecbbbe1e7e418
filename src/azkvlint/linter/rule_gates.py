"""The gates for built-in rules, for ``kvlint rules test --strict`` and the tests.

Loading a rule file is the first gate and its examples are the second; see ``rule_loader`` and ``rule_tests``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias

import msgspec

from azkvlint.azure.services import SERVICES
from azkvlint.derived.attributes import with_needs
from azkvlint.derived.consumers import PATHS
from azkvlint.engine.evaluator import Evaluator
from azkvlint.engine.parameters import with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.schema import EXPECTATIONS
from azkvlint.linter.rule_mutants import surviving_mutants
from azkvlint.linter.rule_tests import read_example
from azkvlint.linter.unit_result import verdicts_on
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.rule import EXAMPLE_DAY, All, AnyOf, Condition, Example, Items, Linked, Not, Rule
from azkvlint.model.value import ListValue, MapValue, Path, Unknown, Value
from azkvlint.readers.read_result import ReadResult
from azkvlint.reporters.phrases import help_line
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

PLACEHOLDER = "TODO"
"""The placeholder for missing texts in files from ``kvlint rules new``."""
LONGEST_TITLE, LONGEST_MESSAGE, LONGEST_HELP = 70, 100, 88
_OWN_ID = regex(r"KV[0-9]{3}")
_VALUE = regex(r"\{[\w.]+\}")
_NAMES = ("{resource}", "{name}")
# Outcomes that only Terraform source can have, so that their second language is Terraform's JSON syntax: plans have no
# ``lifecycle`` blocks and always the exact module version, and Bicep and ARM have neither.
ONLY_IN_TERRAFORM = frozenset({("KV007", "fails"), ("KV057", "unknown"), ("KV060", "fails")})
# Internal types for declarations that are not resources.
_NO_RESOURCES = frozenset(
    {
        "terraform/providers",
        "terraform/modules",
        "terraform/outputs",
        "terraform/arguments",
        "terraform/reads",
        "microsoft.resources/deployments/outputs",
    }
)
_ONLY_IN_TEMPLATES = frozenset(
    {
        "microsoft.appconfiguration/configurationstores/keyvalues",
        "microsoft.web/sites/config",
        "microsoft.web/sites/slots/config",
        "microsoft.resources/deploymentscripts",
        "microsoft.compute/virtualmachines",
        "microsoft.compute/virtualmachines/extensions",
    }
)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that a gate finds in a rule, or in one of its examples in a language."""

    rule: Rule
    text: str
    example: Example | None = None
    language: str = ""

    def __str__(self) -> str:
        """Return the fault as ``path:line: outcome (example), language: text``, with the line of the example."""
        if self.example is None:
            return f"{self.rule.path}: {self.rule.id}: {self.text}"
        return f"{place(self.rule, self.example, self.language)}: {self.text}"


Gate: TypeAlias = Callable[[Rule], Iterator[Fault]]


def place(rule: Rule, example: Example, language: str) -> str:
    """Return the location and the title of an example."""
    suffix = f", {language}" if language else ""
    return f"{example.path or rule.path}:{example.line}: {example.expect} ({example.title}){suffix}"


def faults_of(rules: Sequence[Rule]) -> Iterator[Fault]:
    """Yield the faults of rules: those of each rule, then those of all rules together."""
    for rule in rules:
        for gate in GATES:
            yield from gate(rule)
    yield from unique_fields(rules)


def is_own(rule: Rule) -> bool:
    """Return whether a rule has the id of a built-in rule."""
    return _OWN_ID.fullmatch(rule.id) is not None


# --- texts ------------------------------------------------------------------------------------------------------------


def texts(rule: Rule) -> Iterator[Fault]:
    """Check the form of title, messages and fixes, and that messages name the resource."""
    if len(rule.title) > LONGEST_TITLE:
        yield Fault(rule=rule, text=f"title has {len(rule.title)} characters; the maximum is {LONGEST_TITLE}")
    if " should " not in rule.title and rule.category != "correctness":
        yield Fault(rule=rule, text="title does not have the form <Resources> should <state>")
    for name, message in (("message", rule.message), ("absent", rule.absent)):
        length = len(_VALUE.sub("", message))
        if length > LONGEST_MESSAGE:
            text = f"{name} has {length} characters without placeholders; the maximum is {LONGEST_MESSAGE}"
            yield Fault(rule=rule, text=text)
        if message and not any(word in message for word in _NAMES):
            yield Fault(rule=rule, text=f"{name} does not name the resource: {_NAMES[0]}")
    for language, fix in rule.fixes.items():
        length = len(help_line(fix))
        if length > LONGEST_HELP:
            text = f"the first sentence of the fix ({language}) has {length} characters; the maximum is {LONGEST_HELP}"
            yield Fault(rule=rule, text=text)


def placeholders(rule: Rule) -> Iterator[Fault]:
    """Check that no placeholder is left."""
    fields = {"title": rule.title, "message": rule.message, "why": rule.why, "fix": "\n".join(rule.fixes.values())}
    fields |= {"references": " ".join(rule.references)}
    fields |= {f"parameter `{parameter.name}`": parameter.about for parameter in rule.parameters}
    for name, text in fields.items():
        if PLACEHOLDER in text:
            yield Fault(rule=rule, text=f"{name} contains the placeholder {PLACEHOLDER}")
    for example in rule.examples:
        if PLACEHOLDER in example.title:
            yield Fault(rule=rule, example=example, text=f"the title contains the placeholder {PLACEHOLDER}")
        for language, source in example.sources.items():
            if PLACEHOLDER in source:
                text = f"the example contains the placeholder {PLACEHOLDER}"
                yield Fault(rule=rule, example=example, language=language, text=text)


def sources(rule: Rule) -> Iterator[Fault]:
    """Check that a built-in rule has references and covers ideas of docs/ideas.yaml."""
    if not rule.references:
        yield Fault(rule=rule, text="references is empty")
    if is_own(rule) and not rule.covers:
        yield Fault(rule=rule, text="covers is empty; list IDs of docs/ideas.yaml such as NET-01")
    for weakness in rule.cwe:
        if not re.fullmatch("[0-9]{1,4}", str(weakness)):
            yield Fault(rule=rule, text=f"CWE-{weakness} is not a valid CWE ID")


def types(rule: Rule) -> Iterator[Fault]:
    """Check that a built-in rule refers only to types that a table or template can declare."""
    if not is_own(rule):
        return
    linked_types = (type_ for part in (rule.when, rule.require) for link in links(part) for type_ in link.types)
    for type_ in dict.fromkeys((*rule.resources, *linked_types)):
        if type_.lower() not in known_types():
            yield Fault(rule=rule, text=f"type `{type_}` is not supported by any reader")


def known_types() -> frozenset[str]:
    """Return the lower-case types that resources of any input can have."""
    from azkvlint.azure.azurerm.resources import RESOURCES

    mapped_types = {mapped.type.lower() for mapped in RESOURCES.values()} | {type_.lower() for type_ in SERVICES}
    return frozenset(mapped_types | set(PATHS)) | _NO_RESOURCES | _ONLY_IN_TEMPLATES


def links(condition: Condition) -> Iterator[Linked]:
    """Yield the link conditions inside a condition."""
    match condition:
        case Linked(where=where):
            yield condition
            yield from links(where)
        case All(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from links(part)
        case Not(of=part) | Items(where=part):
            yield from links(part)


# --- examples ---------------------------------------------------------------------------------------------------------


def outcomes(rule: Rule) -> Iterator[Fault]:
    """Check that each outcome has an example in Terraform and one in another language."""
    for expect in EXPECTATIONS:
        languages = {language for example in rule.examples if example.expect == expect for language in example.sources}
        if "terraform" not in languages:
            subject = f"an example that {expect}" if expect != "unknown" else "an example with an unknown result"
            yield Fault(rule=rule, text=f"{subject} is missing for Terraform")
        if (rule.id, expect) not in ONLY_IN_TERRAFORM:
            languages.discard("terraform_json")
        if len(languages) < 2:
            available = ", ".join(sorted(languages)) or "none"
            yield Fault(rule=rule, text=f"{expect}: examples in two languages are required; found: {available}")


def distinct_examples(rule: Rule) -> Iterator[Fault]:
    """Check that no two examples have the same title or source."""
    counts = Counter(example.title for example in rule.examples)
    counts.update(source for example in rule.examples for source in example.sources.values())
    for example in rule.examples:
        if counts[example.title] > 1:
            yield Fault(rule=rule, example=example, text="another example has the same title")
        for language, source in example.sources.items():
            if counts[source] > 1:
                yield Fault(rule=rule, example=example, language=language, text="another example has the same source")


def mutants_caught(rule: Rule) -> Iterator[Fault]:
    """Check that every mutant of the rule is caught by an example."""
    try:
        surviving, count = surviving_mutants(rule)
    except InputError as error:
        yield Fault(rule=rule, text=f"an example cannot be read: {error.message}")
        return
    for change in surviving:
        yield Fault(rule=rule, text=f"no example detects this change: {change}")
    if not count:
        yield Fault(rule=rule, text="the rule has no condition to mutate")


# --- unknown values ---------------------------------------------------------------------------------------------------


def unknown_values(rule: Rule) -> Iterator[Fault]:
    """Check that a value that decides the result makes it unknown if the value is unknown.

    Each value of an example's resources is made unknown in turn, and so is each attribute that the rule reads but the
    example does not set.
    """
    for expect in ("fails", "passes"):
        examples = [example for example in rule.examples if example.expect == expect]
        pairs = [(example, language) for example in examples for language in example.sources]
        try:
            is_found = any(_has_deciding_value(rule, example, language) for example, language in pairs)
        except InputError as error:
            yield Fault(rule=rule, text=f"an example cannot be read: {error.message}")
            continue
        if pairs and not is_found:
            text = f"no example that {expect} becomes unknown when one of its values is unknown"
            yield Fault(rule=rule, text=text)


def _has_deciding_value(rule: Rule, example: Example, language: str) -> bool:
    """Return whether the result of an example is unknown if one of its values is."""
    required = with_needs(required_by([rule], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
    evaluator = Evaluator([with_parameters(rule, example.parameters)])
    read = read_example(language, example.sources[language], required)
    before = _outcomes(read, required, evaluator)
    return any(
        after.get(address) == "unknown" and before.get(address) != "unknown"
        for changed in _with_unknowns(read, required)
        for after in [_outcomes(changed, required, evaluator)]
        for address in after
    )


def _outcomes(read: ReadResult, required: RequiredAttributes, evaluator: Evaluator) -> Mapping[str, str]:
    """Return the results by resource, without those that pass. Raise InputError if a rule crashes."""
    verdicts = verdicts_on(read, required, evaluator)
    if verdicts.problems:
        raise InputError(verdicts.problems[0].message)
    return {finding.resource: finding.outcome.label for finding in verdicts.findings + verdicts.unknown}


def _with_unknowns(read: ReadResult, required: RequiredAttributes) -> Iterator[ReadResult]:
    """Yield copies of an input, each with one value unknown."""
    for address, resource in read.resources.items():
        read_paths = {path for path in required.paths_of(resource.type) or () if path and path[0] != "derived"}
        for path in sorted(read_paths | set(_paths(resource.attributes, ())), key=str):
            attributes = _with_unknown(resource.attributes, path)
            changed: Resource = msgspec.structs.replace(resource, attributes=attributes, shared_attributes=None)
            yield msgspec.structs.replace(read, resources={**read.resources, address: changed})


def _paths(value: Value, path: Path) -> Iterator[Path]:
    if path:
        yield path
    match value:
        case MapValue(fields=fields):
            for name, field in fields.items():
                yield from _paths(field, (*path, name))
        case ListValue(items=items):
            for index, item in enumerate(items):
                yield from _paths(item, (*path, index))


def _with_unknown(value: Any, path: Path) -> Any:
    """Return a value with the value at a path unknown, whether it exists or not."""
    if not path:
        return Unknown(at=value.at, why="the value is unknown in this test")
    step = path[0]
    if isinstance(value, MapValue):
        inner = value.fields.get(str(step), MapValue(at=value.at, fields={}))
        return msgspec.structs.replace(value, fields={**value.fields, str(step): _with_unknown(inner, path[1:])})
    if isinstance(value, ListValue) and isinstance(step, int) and step < len(value.items):
        items = list(value.items)
        items[step] = _with_unknown(items[step], path[1:])
        return msgspec.structs.replace(value, items=tuple(items))
    return value


# --- all rules --------------------------------------------------------------------------------------------------------


def unique_fields(rules: Iterable[Rule]) -> Iterator[Fault]:
    """Check that no two rules have the same id, name or title."""
    rules = list(rules)
    for field in ("id", "name", "title"):
        counts = Counter(getattr(rule, field) for rule in rules)
        for rule in rules:
            if counts[getattr(rule, field)] > 1:
                yield Fault(rule=rule, text=f"another rule has the same {field}")


GATES: tuple[Gate, ...] = (
    texts,
    placeholders,
    sources,
    types,
    outcomes,
    distinct_examples,
    unknown_values,
    mutants_caught,
)
"""The gates of one rule, fast ones first."""

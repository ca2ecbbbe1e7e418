"""The gates for built-in rules, for ``kvlint rules test --strict`` and the tests, mutation of rules included.

Loading a rule file is the first gate and its examples are the second; see ``rule_loader`` and ``rule_tests``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import msgspec

from azkvlint.azure.consumers import CONSUMERS
from azkvlint.azure.services import SERVICES
from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.parameters import is_in_conditions, with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.schema import BUILTIN_ID, EXPECTATIONS
from azkvlint.linter.rule_tests import compare, read_example
from azkvlint.linter.unit_result import evaluate_unit, verdicts_on
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.rule import (
    EXAMPLE_DAY,
    All,
    AnyOf,
    AttributeCondition,
    Condition,
    Example,
    Given,
    ItemsCondition,
    Linked,
    Not,
    Operand,
    Rule,
)
from azkvlint.model.value import ListValue, MapValue, Path, Plain, Unknown, Value
from azkvlint.readers.read_result import ReadResult
from azkvlint.reporters.phrases import help_line
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_OPPOSITE = {"at_least": "at_most", "at_most": "at_least"}
_HOLDS: Condition = All(())
# Longer lists of types are reference data, which tests/linter/test_rules.py compares with the tables of types.
_MAX_TYPES = 12
_NEVER = "(?!)"
_OTHER_VALUE = "another"
_SAME = ", which makes no difference: "
_GROUP = regex(r"\?(?:[:=!]|<[=!]|P<\w+>|[aiLmsux]+:)")


# Paths that are never absent, so that the default that ``not`` requires has no effect. For a rule on several types, an
# example for a type without the attribute notices.
_ALWAYS_THERE = {
    "$": "an item of a list",
    "derived.accessModel": "computed for every vault, and for every access policy from its vault",
    "derived.applications": "computed for every vault; an empty list if the vault does not state any",
    "derived.environments": "computed for every vault; an empty list if the vault does not state any",
    "derived.exportsAudit": "computed for every diagnostic setting",
    "derived.exposure": "computed for every vault and HSM",
    "derived.inPerimeter": "computed for every vault and HSM",
    "derived.networkRules": "computed for every vault and HSM",
    "derived.operations": "computed for every role definition",
    "derived.perimeter": "computed for every vault and HSM",
    "derived.publicAccess": "computed for every vault and HSM",
    "derived.recovers": "computed for every vault and HSM",
    "derived.scopeLevel": "computed for every role assignment",
    "derived.servesPublic": "computed for every resource that serves certificates",
    "derived.sinkNeedsSource": "computed for every diagnostic setting",
    "duties": "computed for every principal; an empty list if it has none",
    "isGuest": "set for every permission",
    "kind": "set for every permission",
    "needs": "set for every consumer",
    "properties.enablePurgeProtection": "filled in by all readers",
    "properties.enabledForDeployment": "filled in by all readers",
    "properties.enabledForDiskEncryption": "filled in by all readers",
    "properties.enableSoftDelete": "filled in by all readers",
    "properties.publicNetworkAccess": "filled in by all readers",
    "reads": "set for every consumer",
    "properties.scope": "required for every role assignment",
}


class Mutant(NamedTuple):
    """A rule with one broken part, and a description of the change. ``same`` is the reason if it is equivalent."""

    change: str
    rule: Rule
    same: str = ""


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Yield the rule without each of its types and with each part of its conditions and parameters broken, in turn."""
    for type_ in rule.resources if 1 < len(rule.resources) <= _MAX_TYPES else ():
        remaining = tuple(other for other in rule.resources if other != type_)
        yield Mutant(f"resource: without {type_}", msgspec.structs.replace(rule, resources=remaining))
    for part in ("when", "require"):
        for change, condition in _mutate(getattr(rule, part)):
            broken = msgspec.structs.replace(rule, **{part: condition})
            yield Mutant(f"{part}: {change}", broken, change.partition(_SAME)[2])
    patterns = _patterns(rule)
    for index, parameter in enumerate(rule.parameters):
        if not is_in_conditions(rule, parameter.name):  # examples are not fixed
            continue
        changes = changed_pattern if parameter.name in patterns else changed_value
        for change, default in changes(parameter.default):
            others = list(rule.parameters)
            others[index] = msgspec.structs.replace(parameter, default=default)
            yield Mutant(f"{parameter.name}: {change}", msgspec.structs.replace(rule, parameters=tuple(others)))


def _mutate(condition: Condition) -> Iterator[tuple[str, Condition]]:
    """Yield the condition with one change each: a part removed, or a word replaced by its opposite."""
    match condition:
        case All(of=parts) | AnyOf(of=parts):
            yield from _mutate_list(condition, parts)
        case Not(of=part):
            yield f"not: {_describe(part)} -> without not", part
            yield from ((change, Not(other)) for change, other in _mutate(part))
        case ItemsCondition(quantifier=word, text=text, where=where):
            other = "every" if word == "some" else "some"
            yield f"{word}: {text} -> {other}", msgspec.structs.replace(condition, quantifier=other)
            yield from _mutate_where(condition, where, f"{word}: {text}")
        case Linked(direction=word, types=types, where=where):
            yield f"{word}: {types[0]} -> not", Not(condition)
            for dropped in types if 1 < len(types) <= _MAX_TYPES else ():
                remaining = tuple(type_ for type_ in types if type_ != dropped)
                yield f"{word}: without {dropped}", msgspec.structs.replace(condition, types=remaining)
            if where != _HOLDS:
                yield from _mutate_where(condition, where, f"{word}: {types[0]}")
        case AttributeCondition() | Given():
            yield from _mutate_leaf(condition)


def _mutate_list(condition: All | AnyOf, parts: tuple[Condition, ...]) -> Iterator[tuple[str, Condition]]:
    word, other = ("all", AnyOf) if isinstance(condition, All) else ("any", All)
    kind = type(condition)
    if len(parts) > 1:
        yield f"{word}: {', '.join(map(_describe, parts))} -> the opposite", other(parts)
    for index, part in enumerate(parts):
        if len(parts) > 1 or word == "all":
            yield f"{word}: without {_describe(part)}", kind(parts[:index] + parts[index + 1 :])
        for change, changed in _mutate(part):
            yield change, kind((*parts[:index], changed, *parts[index + 1 :]))


def _mutate_where(condition: ItemsCondition | Linked, where: Condition, prefix: str) -> Iterator[tuple[str, Condition]]:
    yield f"{prefix} -> without where", msgspec.structs.replace(condition, where=_HOLDS)
    for change, changed in _mutate(where):
        yield f"{prefix}: {change}", msgspec.structs.replace(condition, where=changed)


def _mutate_leaf(condition: AttributeCondition | Given) -> Iterator[tuple[str, Condition]]:
    yield f"{_describe(condition)} -> not", Not(condition)
    if not isinstance(condition, AttributeCondition):
        return
    if condition.operator in _OPPOSITE:
        other = _OPPOSITE[condition.operator]
        yield f"{_describe(condition)} -> {other}", msgspec.structs.replace(condition, operator=other)
    if condition.operator == "is":
        other = "absent" if condition.operand == "set" else "set"
        yield f"{_describe(condition)} -> is: {other}", msgspec.structs.replace(condition, operand=other)
        return
    operand = condition.operand
    if not (isinstance(operand, str) and operand.startswith("$")):
        for change, value in (changed_pattern if condition.operator == "matches" else changed_value)(operand):
            yield f"{condition.text} {condition.operator}: {change}", msgspec.structs.replace(condition, operand=value)
    if condition.default is not None:
        default = _other_answer(condition, condition.default)
        if default is not None:
            change = f"{_describe(condition)}, default: {condition.default!r} -> {default!r}"
            same = _ALWAYS_THERE.get(condition.text)
            yield change + (f"{_SAME}{same}" if same else ""), msgspec.structs.replace(condition, default=default)


def _other_answer(condition: AttributeCondition, default: Plain) -> Plain | None:
    """Return a default that reverses the outcome for absent values; None if no plain value does."""
    expected = condition.operand
    first = expected[0] if isinstance(expected, tuple) and expected else expected
    match condition.operator:
        case "equals" | "contains" | "in" if isinstance(first, bool):
            return not default
        case "equals" | "contains" | "in" if isinstance(first, str) and not first.startswith("$"):
            return _OTHER_VALUE if default in (expected if isinstance(expected, tuple) else (expected,)) else first
        case "at_least" if isinstance(expected, (int, float)) and isinstance(default, (int, float)):
            return expected - 1 if default >= expected else expected
        case "at_most" if isinstance(expected, (int, float)) and isinstance(default, (int, float)):
            return expected + 1 if default <= expected else expected
        case "length_at_least" if isinstance(expected, int):
            return "" if len(str(default)) >= expected else "x" * expected
    return None


def _patterns(rule: Rule) -> frozenset[str]:
    names: set[str] = set()
    stack: list[Condition] = [rule.when, rule.require]
    while stack:
        match stack.pop():
            case AttributeCondition(operator="matches", operand=str() as operand) if operand.startswith("$"):
                names.add(operand[1:])
            case All(of=parts) | AnyOf(of=parts):
                stack += parts
            case Not(of=part) | ItemsCondition(where=part) | Linked(where=part):
                stack.append(part)
    return frozenset(names)


def _describe(condition: Condition) -> str:
    match condition:
        case AttributeCondition(text=text, operator=operator, operand=operand):
            return f"{text} {operator} {operand}"
        case Given(parameter=name):
            return f"given {name}"
        case ItemsCondition(quantifier=word, text=text):
            return f"{word} {text}"
        case Linked(direction=word, types=types, via=via):
            return f"{word} {types[0]} via {via}"
        case Not(of=part):
            return f"not ({_describe(part)})"
        case All(of=parts):
            return f"all of {len(parts)}"
        case AnyOf(of=parts):
            return f"any of {len(parts)}"


def changed_value(value: Operand) -> Iterator[tuple[str, Operand]]:
    """Yield changed values: numbers off by one, negated booleans, changed strings, lists without an item."""
    match value:
        case bool():
            yield f"{value} -> {not value}", not value
        case int() | float():
            yield f"{value} -> {value - 1}", value - 1
            yield f"{value} -> {value + 1}", value + 1
        case str():
            yield f"{value!r} -> changed", f"{value}~"
        case tuple():
            for index, item in enumerate(value):
                yield f"without {item!r}", value[:index] + value[index + 1 :]


def changed_pattern(value: Operand) -> Iterator[tuple[str, Operand]]:
    """Yield a pattern that never matches, and the pattern without each of its alternatives."""
    if not isinstance(value, str) or not value:
        return
    yield f"{value!r} -> never", _NEVER
    for start, end in _alternatives(value):
        yield f"{value!r} without {value[start:end]!r}", value[:start] + _NEVER + value[end:]


def _alternatives(pattern: str) -> Iterator[tuple[int, int]]:
    """Yield the positions of the alternatives of a pattern, inside and outside groups."""
    position, in_class = 0, False
    groups: list[tuple[int, list[int]]] = [(0, [])]
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 1
        elif in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
        elif character == "(":
            groups.append((position + 1, []))
        elif character == "|":
            groups[-1][1].append(position)
        elif character == ")":
            yield from _parts(*groups.pop(), position, pattern)
        position += 1
    yield from _parts(*groups.pop(), position, pattern)


def _parts(start: int, bars: list[int], end: int, pattern: str) -> Iterator[tuple[int, int]]:
    """Yield the alternatives between two positions, if there are several."""
    if bars:
        match = _GROUP.match(pattern, start)
        edges = [(match.end() if match is not None else start) - 1, *bars, end]
        yield from ((first + 1, last) for first, last in pairwise(edges))


# Equivalent mutants: the parts of their descriptions, by rule.
_RETENTION = "Azure accepts -1 and values from 4"
_GIVEN = "an example is one file without parameter values; tests/linter/test_origins.py covers this"
_SIZES = "the rule fails every size that Azure does not support"
_INAPPLICABLE = "the requirement holds for such a vault; a control is then not applicable instead of met"
_NO_DIFFERENCE = {
    ("KV122", "when: all: without derived.inPerimeter"): _INAPPLICABLE,
    ("KV632", "when: "): _INAPPLICABLE,
    ("KV908", "when: "): _INAPPLICABLE,
    ("KV208", "RetentionInDays at_least: 1"): _RETENTION,
    ("KV208", "retentionInDays at_least: 1"): _RETENTION,
    ("KV208", "name equals"): "a table has a name",
    ("KV309", "'' -> changed"): "no permission has either value: the string means that there are none",
    ("KV409", "properties.accessPolicies length_at_least: 1 -> 0"): "an empty list grants no permission",
    ("KV503", "minimum: "): _SIZES,
    ("KV521", "minimum: "): _SIZES,
    ("KV610", "without 'given'"): _GIVEN,
    ("KV615", "without 'given'"): _GIVEN,
    ("KV716", "without 'given'"): _GIVEN,
    ("KV709", "daysOverPublicLimit at_most: 0"): "no number of months has as many days as a limit, or one more",
    ("KV804", "minimum: "): _SIZES,
}


class _Case(NamedTuple):
    example: Example
    language: str
    source: str
    read: ReadResult
    required: RequiredAttributes
    results: frozenset[Hashable]


def surviving_mutants(rule: Rule) -> tuple[list[str], int]:
    """Return the changes that no example notices although they make a difference, and the number of all changes."""
    cases = list(_cases(rule))
    all_mutants = list(mutants(rule))
    unnoticed = [mutant.change for mutant in all_mutants if not _is_caught(mutant.rule, cases) and not mutant.same]
    excused = [part for id_, part in _NO_DIFFERENCE if id_ == rule.id]
    stale = [
        f"the exception for {part} is unused" for part in excused if not any(part in change for change in unnoticed)
    ]
    return [change for change in unnoticed if not any(part in change for part in excused)] + stale, len(all_mutants)


def _cases(rule: Rule) -> Iterator[_Case]:
    """Yield the examples, read once: a mutant requires no more attributes than its rule."""
    for example in rule.examples:
        required = with_needs(required_by([rule], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
        for language, source in example.sources.items():
            read = read_example(language, source, required)
            results = _results_of(with_parameters(rule, example.parameters), read, required)
            yield _Case(example, language, source, read, required, results)


def _results_of(rule: Rule, read: ReadResult, required: RequiredAttributes) -> frozenset[Hashable]:
    """Return the results that an example's marks describe: failed and unknown results with their locations."""
    verdicts = verdicts_on(read, required, RuleEvaluator([rule]), explain=True)
    reported = {(finding.resource, finding.outcome, finding.at) for finding in verdicts.findings + verdicts.unknown}
    return frozenset(reported | {problem.message for problem in verdicts.problems})


def _is_caught(rule: Rule, cases: Sequence[_Case]) -> bool:
    for case in cases:
        changed = with_parameters(rule, case.example.parameters)
        if _results_of(changed, case.read, case.required) == case.results:
            continue
        evaluator = RuleEvaluator([changed])
        result = evaluate_unit(case.read, case.required, evaluator, explain=True)
        if result.problems and any(problem.level == "error" for problem in result.problems):
            return True
        if next(compare(rule, case.example, case.language, case.source, result), ""):
            return True
    return False


PLACEHOLDER = "TODO"
"""The placeholder for missing texts in files from ``kvlint rules new``."""
LONGEST_TITLE, LONGEST_MESSAGE, LONGEST_HELP = 70, 100, 88
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
        "microsoft.resources/deploymentscripts",
        "microsoft.compute/virtualmachines",
        "microsoft.compute/virtualmachines/extensions",
    }
)


class GateFault(msgspec.Struct, frozen=True, kw_only=True):
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


Gate: TypeAlias = Callable[[Rule], Iterator[GateFault]]


def place(rule: Rule, example: Example, language: str) -> str:
    """Return the location and the title of an example."""
    suffix = f", {language}" if language else ""
    return f"{example.path or rule.path}:{example.line}: {example.expect} ({example.title}){suffix}"


def faults_of(rules: Sequence[Rule]) -> Iterator[GateFault]:
    """Yield the faults of rules: those of each rule, then those of all rules together."""
    for rule in rules:
        for gate in GATES:
            yield from gate(rule)
    yield from unique_fields(rules)


def is_own(rule: Rule) -> bool:
    """Return whether a rule has the id of a built-in rule."""
    return BUILTIN_ID.fullmatch(rule.id) is not None


def texts(rule: Rule) -> Iterator[GateFault]:
    """Check the form of title, messages and fixes, and that messages name the resource."""
    if len(rule.title) > LONGEST_TITLE:
        yield GateFault(rule=rule, text=f"title has {len(rule.title)} characters; the maximum is {LONGEST_TITLE}")
    if " should " not in rule.title and rule.category != "correctness":
        yield GateFault(rule=rule, text="title does not have the form <Resources> should <state>")
    for name, message in (("message", rule.message), ("absent", rule.absent)):
        length = len(_VALUE.sub("", message))
        if length > LONGEST_MESSAGE:
            text = f"{name} has {length} characters without placeholders; the maximum is {LONGEST_MESSAGE}"
            yield GateFault(rule=rule, text=text)
        if message and not any(word in message for word in _NAMES):
            yield GateFault(rule=rule, text=f"{name} does not name the resource: {_NAMES[0]}")
    other_fixes = (pair for other in rule.fix_if for pair in other.fixes.items())
    for language, fix in (*rule.fixes.items(), *other_fixes):
        length = len(help_line(fix))
        if length > LONGEST_HELP:
            text = f"the first sentence of the fix ({language}) has {length} characters; the maximum is {LONGEST_HELP}"
            yield GateFault(rule=rule, text=text)


def placeholders(rule: Rule) -> Iterator[GateFault]:
    """Check that no placeholder is left."""
    fields = {"title": rule.title, "message": rule.message, "why": rule.why, "fix": "\n".join(rule.fixes.values())}
    fields |= {"references": " ".join(rule.references)}
    fields |= {f"parameter `{parameter.name}`": parameter.about for parameter in rule.parameters}
    for name, text in fields.items():
        if PLACEHOLDER in text:
            yield GateFault(rule=rule, text=f"{name} contains the placeholder {PLACEHOLDER}")
    for example in rule.examples:
        if PLACEHOLDER in example.title:
            yield GateFault(rule=rule, example=example, text=f"the title contains the placeholder {PLACEHOLDER}")
        for language, source in example.sources.items():
            if PLACEHOLDER in source:
                text = f"the example contains the placeholder {PLACEHOLDER}"
                yield GateFault(rule=rule, example=example, language=language, text=text)


def sources(rule: Rule) -> Iterator[GateFault]:
    """Check that a built-in rule has references and covers ideas of docs/ideas.yaml."""
    if not rule.references:
        yield GateFault(rule=rule, text="references is empty")
    if is_own(rule) and not rule.covers:
        text = "covers is empty; list IDs of docs/ideas.yaml such as NET-01, or add a line NEW-.. there"
        yield GateFault(rule=rule, text=text)
    for weakness in rule.cwe:
        if not re.fullmatch("[0-9]{1,4}", str(weakness)):
            yield GateFault(rule=rule, text=f"CWE-{weakness} is not a valid CWE ID")


def types(rule: Rule) -> Iterator[GateFault]:
    """Check that a built-in rule refers only to types that a table or template can declare."""
    if not is_own(rule):
        return
    linked_types = (type_ for part in (rule.when, rule.require) for link in links(part) for type_ in link.types)
    for type_ in dict.fromkeys((*rule.resources, *linked_types)):
        if type_.lower() not in known_types():
            yield GateFault(rule=rule, text=f"type `{type_}` is not supported by any reader")


# The settings that decide who may enter a vault only together, so that no rule may compare one of them.
_ENTRY_SETTINGS = frozenset(
    {"properties.networkacls.bypass", "properties.networkacls.defaultaction", "properties.publicnetworkaccess"}
)


def entry_settings(rule: Rule) -> Iterator[GateFault]:
    """Check that a built-in rule reads the verdict on who may enter a vault, not a setting that may be overridden."""
    if not is_own(rule):
        return
    paths = {path for part in rule.conditions for path in compared_paths(part)}
    yield from (GateFault(rule=rule, text=text) for path in sorted(paths) if (text := entry_setting_fault(path)))


def entry_setting_fault(path: str) -> str:
    """Return why no condition of a built-in rule or control may compare an attribute; empty if it may."""
    if path.lower() not in _ENTRY_SETTINGS:
        return ""
    verdicts = "derived.exposure, derived.publicAccess, derived.networkRules, derived.bypass"
    return f"a condition compares `{path}`, which other settings override; use a verdict: {verdicts}"


def compared_paths(condition: Condition) -> Iterator[str]:
    """Yield the paths of the attributes that a condition compares, on the resource or on a linked one."""
    match condition:
        case AttributeCondition(text=text):
            yield text
        case ItemsCondition(text=text, where=where):
            yield text
            yield from compared_paths(where)
        case Linked(where=where) | Not(of=where):
            yield from compared_paths(where)
        case All(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from compared_paths(part)


def known_types() -> frozenset[str]:
    """Return the lower-case types that resources of any input can have."""
    from azkvlint.azure.azurerm.resources import TYPES

    mapped_types = {type_.lower() for type_ in TYPES.values()} | {type_.lower() for type_ in SERVICES}
    consumers = {type_.lower() for type_ in CONSUMERS}
    return frozenset(mapped_types | consumers) | _NO_RESOURCES | _ONLY_IN_TEMPLATES


def links(condition: Condition) -> Iterator[Linked]:
    """Yield the link conditions inside a condition."""
    match condition:
        case Linked(where=where):
            yield condition
            yield from links(where)
        case All(of=parts) | AnyOf(of=parts):
            for part in parts:
                yield from links(part)
        case Not(of=part) | ItemsCondition(where=part):
            yield from links(part)


def outcomes(rule: Rule) -> Iterator[GateFault]:
    """Check that each outcome has an example in Terraform and one in another language."""
    for expect in EXPECTATIONS:
        languages = {language for example in rule.examples if example.expect == expect for language in example.sources}
        if "terraform" not in languages:
            subject = f"an example that {expect}" if expect != "unknown" else "an example with an unknown result"
            yield GateFault(rule=rule, text=f"{subject} is missing for Terraform")
        if (rule.id, expect) not in ONLY_IN_TERRAFORM:
            languages.discard("terraform_json")
        if len(languages) < 2:
            available = ", ".join(sorted(languages)) or "none"
            yield GateFault(rule=rule, text=f"{expect}: examples in two languages are required; found: {available}")


def distinct_examples(rule: Rule) -> Iterator[GateFault]:
    """Check that no two examples have the same title or source."""
    counts = Counter(example.title for example in rule.examples)
    counts.update(source for example in rule.examples for source in example.sources.values())
    for example in rule.examples:
        if counts[example.title] > 1:
            yield GateFault(rule=rule, example=example, text="another example has the same title")
        for language, source in example.sources.items():
            if counts[source] > 1:
                yield GateFault(
                    rule=rule, example=example, language=language, text="another example has the same source"
                )


def mutants_caught(rule: Rule) -> Iterator[GateFault]:
    """Check that every mutant of the rule is caught by an example."""
    try:
        surviving, count = surviving_mutants(rule)
    except InputError as error:
        yield GateFault(rule=rule, text=f"an example cannot be read: {error.message}")
        return
    for change in surviving:
        yield GateFault(rule=rule, text=f"no example detects this change: {change}")
    if not count:
        yield GateFault(rule=rule, text="the rule has no condition to mutate")


def unknown_values(rule: Rule) -> Iterator[GateFault]:
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
            yield GateFault(rule=rule, text=f"an example cannot be read: {error.message}")
            continue
        if pairs and not is_found:
            text = f"no example that {expect} becomes unknown when one of its values is unknown"
            yield GateFault(rule=rule, text=text)


def _has_deciding_value(rule: Rule, example: Example, language: str) -> bool:
    """Return whether the result of an example is unknown if one of its values is."""
    required = with_needs(required_by([rule], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
    evaluator = RuleEvaluator([with_parameters(rule, example.parameters)])
    read = read_example(language, example.sources[language], required)
    before = _outcomes(read, required, evaluator)
    return any(
        after.get(address) == "unknown" and before.get(address) != "unknown"
        for changed in _with_unknowns(read, required)
        for after in [_outcomes(changed, required, evaluator)]
        for address in after
    )


def _outcomes(read: ReadResult, required: RequiredAttributes, evaluator: RuleEvaluator) -> Mapping[str, str]:
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


def unique_fields(rules: Iterable[Rule]) -> Iterator[GateFault]:
    """Check that no two rules have the same id, name or title."""
    rules = list(rules)
    for field in ("id", "name", "title"):
        counts = Counter(getattr(rule, field) for rule in rules)
        for rule in rules:
            if counts[getattr(rule, field)] > 1:
                yield GateFault(rule=rule, text=f"another rule has the same {field}")


GATES: tuple[Gate, ...] = (
    texts,
    placeholders,
    sources,
    types,
    entry_settings,
    outcomes,
    distinct_examples,
    unknown_values,
    mutants_caught,
)
"""The gates of one rule, fast ones first."""

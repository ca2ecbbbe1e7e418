"""A page for each rule: the facts, the fix by language, and examples with the messages that kvlint reports now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache

import msgspec

from azkvlint import file_url
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.parameters import with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.linter.rule_tests import read_example
from azkvlint.linter.unit_result import evaluate_unit
from azkvlint.model.rule import EXAMPLE_DAY, Example, Operand, Rule
from azkvlint.reporters.phrases import headline
from azkvlint.reporters.taxonomies import TITLES
from sitegen.catalogue import TOOLS
from sitegen.links import link_title
from sitegen.markup import block, code, plain, prose, table

_LANGUAGES = {
    "terraform": ("Terraform", "hcl"),
    "terraform_json": ("Terraform in JSON", "json"),
    "bicep": ("Bicep", "ts"),  # Pygments has no lexer for Bicep
    "arm": ("ARM template", "json5"),
    "plan": ("Terraform plan, abbreviated", "yaml"),
}
# Resource types that are not types of Azure.
_PSEUDO_TYPES = {
    "Terraform/providers": "provider block of azurerm",
    "Terraform/modules": "module call of Terraform",
    "Terraform/outputs": "output of Terraform",
    "Terraform/arguments": "argument of a Terraform resource",
    "Terraform/reads": "data source of Terraform",
    "Microsoft.Resources/deployments/outputs": "output of a deployment",
}
_MOST_TERRAFORM_TYPES = 3
# The facts with a row of their own.
_WIDE = ("Name", "Resources")
_MARK = re.compile(r"[ \t]*(?://|#)[ \t]*<-[ \t]*(?P<rules>[A-Z0-9, \t-]+)$")


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What pages of rules refer to: the titles of frameworks by name."""

    frameworks: Mapping[str, str]


def rule_page(rule: Rule, context: Context) -> str:
    """Return the Markdown of the page of a rule."""
    sections = (
        _head(rule), _fix(rule), _examples(rule), _parameters(rule), _suppression(rule), _references(rule),
        _equivalents(rule, context),
    )  # fmt: skip
    return "\n".join([*(line for section in sections for line in section), ""])


def severity(rule: Rule) -> str:
    """Return the severity of a rule as a colored word."""
    return f'<span class="kv-severity kv-{rule.severity.label}">{rule.severity.label}</span>'


def anchor(framework: str) -> str:
    """Return the anchor of a framework on the page of frameworks."""
    return framework.replace(".", "-")


# --- facts ------------------------------------------------------------------------------------------------------------


def _head(rule: Rule) -> Iterator[str]:
    yield "---"
    yield f"title: {json.dumps(f'{rule.id} {rule.title}'.replace('`', ''))}"
    yield f"description: {json.dumps(' '.join(rule.why.replace('`', '').split()))}"
    yield "---"
    yield f"# {rule.id}: {prose(rule.title)}"
    yield ""
    yield '<dl class="kv-box">'
    for name, value in _facts(rule):
        wide = ' class="kv-row"' if name in _WIDE else ""
        yield f"<div{wide}><dt>{name}</dt><dd>{value}</dd></div>"
    yield "</dl>"
    yield ""
    yield prose(rule.why)
    yield ""


def _facts(rule: Rule) -> Iterator[tuple[str, str]]:
    yield "Severity", f'<a href="../../severities/">{severity(rule)}</a>'
    if rule.category:
        yield "Category", plain(rule.category)
    yield "Profile", _profile(rule)
    formerly = f" (formerly {', '.join(map(code, rule.formerly))})" if rule.formerly else ""
    yield "Name", f"{code(rule.name)}{formerly}"
    yield "Languages", ", ".join(_languages(rule))
    yield "Resources", "<br>".join(map(_resource, rule.resources))
    also = [
        *(["that the plan deletes"] if rule.also_removed else []),
        *(["that already exist"] if rule.also_existing else []),
    ]
    if also:
        yield "Includes", f"resources {' and '.join(also)}"
    yield "Source", f'<a href="{file_url(rule.path)}">rule file</a>'


def _profile(rule: Rule) -> str:
    if rule.profile == "default":
        return "default"
    options = " or ".join(code(f"--profile {name}") for name in dict.fromkeys((rule.profile, "all")))
    return f"{plain(rule.profile)}: runs only with {options}, or if {code(f'--select {rule.id}')} names it"


def _languages(rule: Rule) -> list[str]:
    """Return the languages in which the rule has an example."""
    used = {language for example in rule.examples for language in example.sources}
    names = {"Terraform": {"terraform", "terraform_json", "plan"}, "Bicep": {"bicep"}, "ARM": {"arm"}}
    return [name for name, languages in names.items() if used & languages]


def _resource(type_: str) -> str:
    if type_ in _PSEUDO_TYPES:
        return _PSEUDO_TYPES[type_]
    names = _terraform_types().get(type_.lower(), ())
    more = f" and {len(names) - _MOST_TERRAFORM_TYPES} more" if len(names) > _MOST_TERRAFORM_TYPES else ""
    terraform = ", ".join(map(code, names[:_MOST_TERRAFORM_TYPES]))
    return f"{terraform}{more} ({code(type_)})" if names else code(type_)


@cache
def _terraform_types() -> Mapping[str, tuple[str, ...]]:
    """Return the azurerm resource types of each Azure type, in lower case."""
    types: dict[str, tuple[str, ...]] = {}
    for name, mapped in RESOURCES.items():
        types[mapped.type.lower()] = (*types.get(mapped.type.lower(), ()), name)
    return types


def _fix(rule: Rule) -> Iterator[str]:
    yield "## Fix"
    yield ""
    names = {language: _LANGUAGES[language][0] for language in rule.fixes if language}
    if not names:
        yield prose(rule.fix(""))
        yield ""
    for language, name in names.items():
        yield f'=== "{name}"'
        yield ""
        yield f"    {prose(rule.fixes[language])}"
        yield ""
        for other in rule.fix_if:
            yield f"    {prose(other.fixes.get(language) or next(iter(other.fixes.values())))}"
            yield ""


# --- examples ---------------------------------------------------------------------------------------------------------


def _examples(rule: Rule) -> Iterator[str]:
    yield "## Examples"
    yield ""
    for language, (name, _) in _LANGUAGES.items():
        shown = [found for expect in ("fails", "passes") if (found := _first(rule, expect, language)) is not None]
        if shown:
            yield f'=== "{name}"'
            yield ""
            for example in shown:
                yield from (f"    {line}" if line else "" for line in _example(rule, example, language))


def _first(rule: Rule, expect: str, language: str) -> Example | None:
    return next((one for one in rule.examples if one.expect == expect and language in one.sources), None)


def _example(rule: Rule, example: Example, language: str) -> Iterator[str]:
    """Yield an example, the settings that it needs, and the messages that kvlint reports."""
    settings = [f"--set {rule.id}.{name}={_shown(value)}" for name, value in example.parameters.items()]
    settings += [f"--as-of {example.as_of}"] if example.as_of else []
    note = f" (with {', '.join(map(code, settings))})" if settings else ""
    yield f"**{example.expect.capitalize()}:** {prose(example.title)}{note}"
    yield ""
    text, marked = unmarked(example.sources[language], rule.id)
    yield from block(text, _LANGUAGES[language][1], marked)
    yield ""
    for message in messages(rule, example, language):
        yield f'<p class="kv-message">{severity(rule)} {code(rule.id)} {prose(message)}</p>'
        yield ""


def unmarked(source: str, rule_id: str) -> tuple[str, set[int]]:
    """Return an example without its marks, and the numbers of the lines that have a mark for ``rule_id``."""
    lines, marked = [], set()
    for number, line in enumerate(source.rstrip().splitlines(), 1):
        mark = _MARK.search(line)
        if mark is not None and rule_id in re.split(r"[,\s]+", mark["rules"]):
            marked.add(number)
        lines.append(_MARK.sub("", line))
    return "\n".join(lines), marked


def messages(rule: Rule, example: Example, language: str) -> list[str]:
    """Return the messages of the findings in an example. Raises InputError if it cannot be read."""
    configured = with_parameters(rule, example.parameters)
    required = with_needs(required_by([configured], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
    evaluated = evaluate_unit(
        read_example(language, example.sources[language], required),
        required,
        RuleEvaluator([configured]),
        explain=False,
    )
    return list(dict.fromkeys(headline(finding) for finding in evaluated.findings))


# --- use --------------------------------------------------------------------------------------------------------------


def _parameters(rule: Rule) -> Iterator[str]:
    if rule.parameters:
        yield "## Parameters"
        yield ""
        rows = [(code(one.name), _default(one.default), prose(one.about)) for one in rule.parameters]
        yield from table(("parameter", "default", "description"), rows)
        yield ""
        yield f"{code(f'--set {rule.id}.{rule.parameters[0].name}=VALUE')} sets another value."
        yield ""


def _shown(value: Operand) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _default(value: Operand) -> str:
    values = value if isinstance(value, tuple) else (value,)
    return "<br>".join(code(str(one)) for one in values if one != "") or "none"


def _suppression(rule: Rule) -> Iterator[str]:
    yield "## Suppress a finding"
    yield ""
    languages = _languages(rule)
    if "Terraform" in languages:
        yield "In Terraform, on the line of the finding or the line above, with a reason and optionally an end date:"
        yield ""
        yield from block(f"# kvlint: ignore[{rule.id}] reason until=2027-03-01", "hcl")
        yield ""
    if "Bicep" in languages:
        yield "In Bicep, on the line above:"
        yield ""
        yield from block(f"#disable-next-line {rule.id}", "text")
        yield ""
    yield f"{code(f'--ignore {rule.id}')} disables the rule. See [Suppressions](../suppressions.md)."
    yield ""


# --- references -------------------------------------------------------------------------------------------------------


def _references(rule: Rule) -> Iterator[str]:
    yield "## References"
    yield ""
    yield from (f"- [{plain(link_title(link))}]({link})" for link in rule.references)
    for cwe in rule.cwe:
        weakness = TITLES.weaknesses.get(str(cwe))
        title = f": {plain(weakness.title)}" if weakness is not None else ""
        yield f"- [CWE-{cwe}{title}](https://cwe.mitre.org/data/definitions/{cwe}.html)"
    yield ""


def _equivalents(rule: Rule, context: Context) -> Iterator[str]:
    """Yield the controls of frameworks and the checks of other tools."""
    if rule.controls:
        yield "## Controls"
        yield ""
        rows = [(_framework(name, context), ", ".join(map(plain, ids))) for name, ids in rule.controls.items()]
        yield from table(("framework", "controls"), sorted(rows))
        yield ""
    if rule.peers:
        yield "## Equivalent checks"
        yield ""
        checks = [(TOOLS[tool], "<br>".join(map(code, ids))) for tool, ids in rule.peers.items()]
        yield from table(("tool", "checks"), sorted(checks, key=lambda row: row[0].casefold()))
        yield ""
        if rule.differs:
            yield "With different results:"
            yield ""
            yield from (f"- {code(id_)}: {prose(text)}" for id_, text in rule.differs.items())
            yield ""


def _framework(name: str, context: Context) -> str:
    if name in context.frameworks:
        return f"[{plain(context.frameworks[name])}](../frameworks.md#{anchor(name)})"
    return TOOLS[name]

"""A page for each rule: what ``kvlint explain`` tells, with examples that kvlint has just judged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from azkvlint import PROJECT
from azkvlint.derived.attributes import with_needs
from azkvlint.engine.evaluator import Evaluator
from azkvlint.engine.parameters import with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.linter.rule_tests import read_example
from azkvlint.linter.unit_result import evaluate_unit
from azkvlint.model.rule import EXAMPLE_DAY, Example, Operand, Rule
from azkvlint.reporters.phrases import headline
from azkvlint.reporters.taxonomies import CWES
from sitegen.catalogue import TOOLS
from sitegen.markup import block, code, plain, prose, table

_LANGUAGES = {
    "terraform": ("Terraform", "hcl"),
    "terraform_json": ("Terraform in JSON", "json"),
    "bicep": ("Bicep", "ts"),  # near enough, and Pygments does not know Bicep
    "arm": ("ARM template", "json5"),
    "plan": ("Terraform plan, in short", "yaml"),
}
_MARK = re.compile(r"[ \t]*(?://|#)[ \t]*<-[ \t]*(?P<rules>[A-Z0-9, \t-]+)$")


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What pages of rules refer to: questions by id, and the titles of frameworks by name."""

    ideas: Mapping[str, str]
    frameworks: Mapping[str, str]


def rule_page(rule: Rule, context: Context) -> str:
    """The Markdown of the page of a rule."""
    return "\n".join([*_head(rule), *_examples(rule), *_judged(rule), *_ignoring(rule), *_asked(rule, context), ""])


def severity(rule: Rule) -> str:
    """A rule's severity as a coloured word."""
    return f'<span class="kv-severity kv-{rule.severity.label}">{rule.severity.label}</span>'


def anchor(framework: str) -> str:
    """The anchor of a framework on the page of frameworks."""
    return framework.replace(".", "-")


def _head(rule: Rule) -> Iterator[str]:
    yield "---"
    yield f"title: {json.dumps(f'{rule.id} {rule.title}')}"
    yield f"description: {json.dumps(' '.join(rule.why.replace('`', '').split()))}"
    yield "---"
    yield f"# {rule.id}: {plain(rule.title)}"
    yield ""
    profile = "in the default profile" if rule.profile == "default" else f"in the profile {code(rule.profile)}"
    file = f"[rule file]({PROJECT}/blob/main/{rule.path})"
    yield f'<p class="kv-facts" markdown="span">{severity(rule)} {code(rule.name)} {profile} · {file}</p>'
    yield ""
    yield prose(rule.why)
    yield ""
    yield "## How to fix it"
    yield ""
    yield prose(rule.fix("terraform"))
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
    """An example, the settings that it needs, and what kvlint says of it."""
    settings = [f"--set {rule.id}.{name}={_shown(value)}" for name, value in example.parameters.items()]
    settings += [f"--as-of {example.as_of}"] if example.as_of else []
    told = f" (with {', '.join(map(code, settings))})" if settings else ""
    yield f"**{example.expect.capitalize()}**: {prose(example.title)}{told}"
    yield ""
    text, marked = unmarked(example.sources[language], rule.id)
    yield from block(text, _LANGUAGES[language][1], marked)
    yield ""
    for message in messages(rule, example, language):
        yield f'<p class="kv-message">{severity(rule)} {code(rule.id)} {plain(message)}</p>'
        yield ""


def unmarked(source: str, rule_id: str) -> tuple[str, set[int]]:
    """An example without its marks, and the numbers of the lines on which it says that ``rule_id`` is found."""
    lines, marked = [], set()
    for number, line in enumerate(source.rstrip().splitlines(), 1):
        mark = _MARK.search(line)
        if mark is not None and rule_id in re.split(r"[,\s]+", mark["rules"]):
            marked.add(number)
        lines.append(_MARK.sub("", line))
    return "\n".join(lines), marked


def messages(rule: Rule, example: Example, language: str) -> list[str]:
    """What kvlint says about an example now, in its own words. Raises InputError if it cannot be read."""
    meant = with_parameters(rule, example.parameters)
    required = with_needs(required_by([meant], date.fromisoformat(example.as_of or EXAMPLE_DAY)))
    judged = evaluate_unit(
        read_example(language, example.sources[language], required), required, Evaluator([meant]), explain=False
    )
    return list(dict.fromkeys(headline(finding) for finding in judged.findings))


# --- facts ------------------------------------------------------------------------------------------------------------


def _judged(rule: Rule) -> Iterator[str]:
    yield "## What it judges"
    yield ""
    yield from (f"- {code(resource)}" for resource in rule.resources)
    yield ""
    if rule.also_removed:
        yield "Also those that the plan removes."
        yield ""
    if rule.also_existing:
        yield "Also those that exist already."
        yield ""
    if rule.profile != "default":
        profiles = " or ".join(code(f"--profile {name}") for name in dict.fromkeys((rule.profile, "all")))
        yield f"It runs only with {profiles}, or if {code(f'--select {rule.id}')} names it."
        yield ""
    if rule.parameters:
        yield "## Settings"
        yield ""
        rows = [(code(one.name), _default(one.default), prose(one.about)) for one in rule.parameters]
        yield from table(("parameter", "default", "what"), rows)
        yield ""
        first = rule.parameters[0]
        yield f"{code(f'--set {rule.id}.{first.name}=VALUE')} sets another value."
        yield ""


def _shown(value: Operand) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _default(value: Operand) -> str:
    values = value if isinstance(value, tuple) else (value,)
    return "<br>".join(code(str(one)) for one in values if one != "") or "none"


def _ignoring(rule: Rule) -> Iterator[str]:
    yield "## Ignoring it"
    yield ""
    languages = {language for example in rule.examples for language in example.sources}
    if "terraform" in languages:
        yield "In Terraform a comment on the line that is found, or above it, with a reason and if you like an end:"
        yield ""
        yield from block(f"# kvlint: ignore[{rule.id}] why this is accepted here until=2027-03-01", "hcl")
        yield ""
    if "bicep" in languages:
        yield "In Bicep a line above it:"
        yield ""
        yield from block(f"#disable-next-line {rule.id}", "text")
        yield ""
    yield f"In a whole run {code(f'--ignore {rule.id}')}. [More about ignoring](../suppressions.md)"
    yield ""


def _asked(rule: Rule, context: Context) -> Iterator[str]:
    """Where else the question is asked: sources, weaknesses, frameworks, other tools."""
    yield "## References"
    yield ""
    yield from (f"- <{link}>" for link in rule.references)
    for cwe in rule.cwe:
        title = f": {plain(CWES[cwe][0])}" if cwe in CWES else ""
        yield f"- [CWE-{cwe}](https://cwe.mitre.org/data/definitions/{cwe}.html){title}"
    yield ""
    if rule.covers:
        yield "## Questions it answers"
        yield ""
        yield "Of all [questions that linters ask](../coverage.md):"
        yield ""
        yield from (f"- {plain(idea)}: {plain(context.ideas[idea])}" for idea in rule.covers)
        yield ""
    if rule.controls:
        yield "## Controls"
        yield ""
        rows = [(_framework(name, context), ", ".join(map(plain, ids))) for name, ids in rule.controls.items()]
        yield from table(("framework", "controls"), sorted(rows))
        yield ""
    if rule.peers:
        yield "## In other tools"
        yield ""
        told = [f"{code(id_)}: {prose(text)}" for id_, text in rule.differs.items()]
        rows = [(TOOLS[tool], "<br>".join(map(code, ids))) for tool, ids in rule.peers.items()]
        yield "These ask the same question. Where a value is not known kvlint says *unknown*,"
        yield "and most others pass or fail."
        yield ""
        yield from table(("tool", "its checks"), sorted(rows, key=lambda row: row[0].casefold()))
        yield ""
        if told:
            yield "Where they answer differently:"
            yield ""
            yield from (f"- {line}" for line in told)
            yield ""


def _framework(name: str, context: Context) -> str:
    if name in context.frameworks:
        return f"[{plain(context.frameworks[name])}](../frameworks.md#{anchor(name)})"
    return TOOLS[name]

"""The commands ``kvlint rules`` and ``kvlint explain``: list, test and create rules, and explain rules and problems."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from azkvlint.engine.rule_store import find_rules, rules_of_category, rules_of_profile
from azkvlint.engine.schema import CATEGORIES
from azkvlint.linter.linter import all_rules
from azkvlint.model.rule import Example, Rule, operand_text
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, RuleError, UsageError, did_you_mean, refuse_unknown_format
from azkvlint.util.text import encode, pluralize, visible

if TYPE_CHECKING:
    from azkvlint.reporters.problems import ProblemKind

_WIDTH = 100
_PROBLEM = "KVE"
_DEFAULT_PROFILE = "default"
_WIDTH_WITH_TITLES, _NARROWEST_COLUMN = 120, 20


def list_rules(form: str, folders: tuple[str, ...], profile: str = "", category: str = "") -> str:
    """Return all rules, or those of a profile or category: a table that fits the terminal, or all fields as JSON."""
    refuse_unknown_format(form, ("text", "json"))
    rules = all_rules(folders)
    if profile:
        rules = rules_of_profile(rules, profile)
    if category:
        ids = {rule.id for rule in rules_of_category(all_rules(folders), category)}
        rules = tuple(rule for rule in rules if rule.id in ids)
    rules = tuple(sorted(rules, key=lambda rule: rule.id))
    if form == "json":
        return encode([_fields(rule) for rule in rules]).decode()
    return _lines((*_table(rules, _terminal_width()), "", _summary(rules)))


def _table(rules: tuple[Rule, ...], width: int) -> list[str]:
    """Return a header and a row for each rule. The title is a column only where the terminal is wide enough."""
    rows = [
        ("ID", "SEVERITY", "CATEGORY", "PROFILE", "NAME"),
        *((rule.id, rule.severity.label, rule.category or "-", rule.profile, rule.name) for rule in rules),
    ]
    titles = ["TITLE", *(rule.title for rule in rules)]
    return _columns(rows, titles if width >= _WIDTH_WITH_TITLES else [""] * len(rows), width)


def _columns(rows: Sequence[tuple[str, ...]], texts: Iterable[str], width: int) -> list[str]:
    """Return the lines of a table whose last column, ``texts``, is wrapped."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row, text in zip(rows, texts, strict=True):
        cells = "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True))
        space = max(width - len(cells) - 2, _NARROWEST_COLUMN)
        first, *others = _wrap(text, width=space) or [""]
        lines.append(f"{cells}  {first}".rstrip())
        lines += [f"{' ' * len(cells)}  {line}" for line in others]
    return lines


def _summary(rules: tuple[Rule, ...]) -> str:
    """Return how many rules there are, and how many of them run only with an option."""
    counts = Counter(rule.profile for rule in rules)
    by_default = counts.pop(_DEFAULT_PROFILE, 0)
    others = ", ".join(f"{count} {profile}" for profile, count in counts.most_common())
    optional = f", {counts.total()} only with --profile ({others})" if others else ""
    return f"{pluralize(len(rules), 'rule')}: {by_default} run by default{optional}"


def _terminal_width() -> int:
    from shutil import get_terminal_size

    # Elsewhere than on a terminal, a rule is one line.
    return get_terminal_size((1_000, 24)).columns


def _lines(lines: Iterable[str]) -> str:
    """Return printable lines. The texts of custom rules may hold control characters."""
    return "".join(f"{visible(line)}\n" for line in lines)


def _fields(rule: Rule) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(rule)
    return fields | {"severity": rule.severity.label}


def explanation(word: str, folders: tuple[str, ...]) -> str:
    """Return the explanation of a rule or problem code, or a list if ``word`` stands for several.

    The rules are those with an id, name or prefix, of a category, or with an equivalent id of another tool. A prefix of
    problem codes stands for all of them. Raise UsageError if nothing matches.
    """
    from azkvlint.reporters.problems import PROBLEMS

    codes = [code for code in PROBLEMS if word.upper().startswith(_PROBLEM) and code.startswith(word.upper())]
    if len(codes) == 1:
        return _lines(_explanation_of_problem(codes[0], PROBLEMS[codes[0]]))
    if codes:
        rows = [(code, PROBLEMS[code].level, PROBLEMS[code].title) for code in codes]
        return _matches(word, rows, ("CODE", "LEVEL", "TITLE"), "problem code")
    if word.upper().startswith(_PROBLEM):
        hint = did_you_mean(word.upper(), list(PROBLEMS)) or f"kvlint explain {_PROBLEM} lists all codes"
        raise UsageError(f"unknown problem code '{word}'", hint)
    rules = find_rules(all_rules(folders), word)
    if len(rules) == 1:
        return _lines(_explanation(rules[0]))
    rows = [(rule.id, rule.severity.label, rule.title) for rule in sorted(rules, key=lambda rule: rule.id)]
    return _matches(word, rows, ("ID", "SEVERITY", "TITLE"), "rule")


def _matches(word: str, rows: Sequence[tuple[str, str, str]], head: tuple[str, str, str], noun: str) -> str:
    """Return a list of what a word stands for, and the command that explains one item of it."""
    lines = _columns([head[:2], *(row[:2] for row in rows)], [head[2], *(row[2] for row in rows)], _terminal_width())
    summary = f"{pluralize(len(rows), noun)} match '{word}'. To see one: kvlint explain {rows[0][0]}"
    return _lines((*lines, "", summary))


def _explanation_of_problem(code: str, kind: ProblemKind) -> Iterator[str]:
    yield f"{code} {kind.name} ({kind.level})"
    yield kind.title
    for head, text in (("Meaning", kind.about), ("Fix", kind.fix)):
        yield ""
        yield from _wrap(f"{head}: {text}")


def _other_severities(rule: Rule) -> list[str]:
    return list(dict.fromkeys(grading.severity.label for grading in rule.severity_if))


def _explanation(rule: Rule) -> Iterator[str]:
    others = "".join(f"; {severity} for some resources" for severity in _other_severities(rule))
    yield f"{rule.id} {rule.name} ({rule.severity.label}{others})"
    yield rule.title
    every = [*rule.fixes.items(), *(pair for other in rule.fix_if for pair in other.fixes.items())]
    fixes = ((f"Fix ({language})" if language else "Fix", text) for language, text in every)
    for head, text in (("Why", rule.why), *fixes):
        yield ""
        yield from _wrap(f"{head}: {' '.join(text.split())}")
    yield ""
    yield from _properties(rule)
    yield from _relations(rule)
    yield ""
    yield "References:"
    yield from (f"  {link}" for link in rule.references)
    for example in rule.examples[: _example_count(rule.examples)]:
        yield from _example(example)


def _properties(rule: Rule) -> Iterator[str]:
    yield from _wrap(f"Resource types: {', '.join(_types(rule))}{_scope(rule)}")
    if rule.category:
        yield f"Category: {rule.category}"
    if rule.profile != "default":
        profiles = " or ".join(f"--profile {name}" for name in dict.fromkeys((rule.profile, "all")))
        yield f"Profile: {rule.profile} (not in the default set; use {profiles}, or --select {rule.id})"
    if rule.parameters:
        yield f"Parameters (set with --set {rule.id}.{rule.parameters[0].name}=VALUE):"
    for parameter in rule.parameters:
        yield from _wrap(f"{parameter.name}: {' '.join(parameter.about.split())}", "  ", "    ")
        yield from _wrap(f"default: {operand_text(parameter.default)}", "    ", "      ")
    if rule.cwe:
        yield from _wrap(f"CWE: {', '.join(f'CWE-{number}' for number in rule.cwe)}")
    if rule.formerly:
        yield from _wrap(f"Former names: {', '.join(rule.formerly)}")


def _relations(rule: Rule) -> Iterator[str]:
    """Yield the controls that the rule checks, and the equivalent checks of other tools."""
    for head, table in (("Controls", rule.controls), ("Equivalent checks", rule.peers)):
        if table:
            yield ""
            yield f"{head}:"
            for name, ids in table.items():
                yield from _wrap(f"{name}: {', '.join(ids)}", "  ", "    ")
    if rule.differs:
        yield ""
        yield "Differences from equivalent checks:"
        for name, text in rule.differs.items():
            yield from _wrap(f"{name}: {text}", "  ", "    ")


def _types(rule: Rule) -> Iterator[str]:
    """Yield the resource types of a rule: those of Azure, and those of the azurerm provider that map to them."""
    from azkvlint.azure.azurerm.resources import TYPES

    yield from rule.resources
    yield from sorted(name for name, type_ in TYPES.items() if type_ in rule.resources)


def _scope(rule: Rule) -> str:
    """Return which resources the rule checks besides those that the input creates or changes."""
    scopes = [*(["deleted"] if rule.also_removed else ()), *(["existing"] if rule.also_existing else ())]
    return f" (including {' and '.join(scopes)} resources)" if scopes else ""


def _wrap(text: str, first: str = "", other: str = "", width: int = _WIDTH) -> list[str]:
    """Return the lines of a text. Ids and links are not broken."""
    from textwrap import wrap

    return wrap(
        text, width, initial_indent=first, subsequent_indent=other, break_on_hyphens=False, break_long_words=False
    )


def _example_count(examples: tuple[Example, ...]) -> int:
    """Return how many examples to show: up to and including the first that fails."""
    return next((at + 1 for at, example in enumerate(examples) if example.expect == "fails"), 0)


def _example(example: Example) -> Iterator[str]:
    for language, source in example.sources.items():
        yield ""
        yield f"Example that {example.expect} ({language}): {example.title}"
        yield from (f"  {line}" for line in source.rstrip().splitlines())


def examples_report(path: str | None, *, is_strict: bool = False) -> tuple[str, int]:
    """Run the examples of rule files, and all other gates if ``is_strict``. Return the report and the exit code."""
    from azkvlint.engine.rule_store import builtin_rules, load_folder
    from azkvlint.linter.rule_gates import faults_of, place
    from azkvlint.linter.rule_tests import run_examples

    rules = builtin_rules() if path is None else load_folder(path)
    lines, failed, count = [], 0, 0
    for result in run_examples(rules):
        count += 1
        failed += bool(result.faults)
        label = place(result.rule, result.example, result.language)
        lines += [f"{label}: {fault}" for fault in result.faults]
    faults = [str(fault) for fault in faults_of(rules)] if is_strict and not failed else []
    if is_strict and not failed:
        from azkvlint.fixes.example_edits import faults_of_edits

        faults += faults_of_edits(rules, path)
    lines += faults
    summary = f"{pluralize(count, 'example')} of {pluralize(len(rules), 'rule')}"
    lines.append(f"{summary}: {count - failed} passed, {failed} failed")
    if is_strict:
        status = "not run, because examples failed" if failed else pluralize(len(faults), "error")
        lines.append(f"quality checks: {status}")
    return _lines(lines), EXIT_FINDINGS if failed or faults else EXIT_CLEAN


def new_rule(id_: str, name: str, topic: str) -> str:
    """Write a new rule file and return its path. Raise UsageError if the name cannot be a rule file's."""
    from azkvlint.engine.rule_loader import load_rules
    from azkvlint.engine.schema import TOPICS
    from azkvlint.util.output_files import write_new_file
    from azkvlint.util.project_boundary import checkout_of, real_path

    if topic and topic not in TOPICS:
        hint = did_you_mean(topic, list(TOPICS)) or f"one of {', '.join(TOPICS)}"
        raise UsageError(f"unknown topic '{topic}'", hint)
    folder = _folder_of_rules()
    if topic:
        root = checkout_of(real_path(os.curdir))
        folder = os.path.join(root or os.curdir, "rules", topic)
        if not os.path.isdir(folder):
            raise UsageError(
                f"--topic requires a checkout of kvlint: the folder rules/{topic} does not exist", "remove --topic"
            )
    file = os.path.join(folder, f"{id_}-{name}.yaml")
    text = _rule_text(id_, name, topic, is_own=bool(topic)).encode()
    shown = f"rules/{topic}/{id_}-{name}.yaml" if topic else os.path.relpath(file).replace(os.sep, "/")
    try:
        load_rules([(shown, text)], builtin=bool(topic), others=all_rules(()))
    except RuleError as error:
        # The file does not exist, so its name and lines mean nothing to the user.
        raise UsageError("\n".join(fault.partition(": ")[2] for fault in error.faults)) from None
    write_new_file(file, text)
    return shown


def _folder_of_rules() -> str:
    """Return the first folder of custom rules in the settings of the current folder; the current folder if there is
    none.
    """
    from azkvlint.config.arguments import Arguments
    from azkvlint.config.settings import resolve_settings

    settings = resolve_settings(Arguments(paths=(os.curdir,)), "check")
    settings.errors().raise_errors()
    return next(filter(os.path.isdir, settings.arguments.rules), os.curdir)


class _Start(NamedTuple):
    """A resource type with its declarations in Terraform and Bicep, as the starting point of a rule."""

    type: str
    terraform: str
    bicep: str


_VAULT = _Start(
    "Microsoft.KeyVault/vaults",
    'resource "azurerm_key_vault" "kv"',
    "resource kv 'Microsoft.KeyVault/vaults@2023-07-01'",
)
_STARTS = {
    "hsm": _Start(
        "Microsoft.KeyVault/managedHSMs",
        'resource "azurerm_key_vault_managed_hardware_security_module" "hsm"',
        "resource hsm 'Microsoft.KeyVault/managedHSMs@2023-07-01'",
    ),
    "keys": _Start(
        "Microsoft.KeyVault/vaults/keys",
        'resource "azurerm_key_vault_key" "key"',
        "resource key 'Microsoft.KeyVault/vaults/keys@2023-07-01'",
    ),
    "secrets": _Start(
        "Microsoft.KeyVault/vaults/secrets",
        'resource "azurerm_key_vault_secret" "secret"',
        "resource secret 'Microsoft.KeyVault/vaults/secrets@2023-07-01'",
    ),
}
# The loader accepts only this form, so that the file loads before anything is filled in.
_RULE_TEXT = """\
id: {id}
name: {name}
title: "{todo}: <Resources> should <state>"
category: {category}
severity: low  # info, low, medium, high or critical
resource: {type}
profile: default  # {profile}

require:  # docs/rules-language.md has all conditions; when: selects the resources
  - attribute: tags.owner  # {todo}
    equals: payments

message: "{todo}: <fault> on {{resource}}: `{{attribute}}` is {{value}}"

why: >
  {todo}: what an attacker or an operator can do or lose, and the fact that makes it so.
fix:
  terraform: "{todo}: Set `argument = value`."
  bicep: "{todo}: Set `property: value` in `properties`."
references:
  - https://learn.microsoft.com/azure/key-vault/{todo}
{covers}
# For each outcome Terraform and one more language, and an example for each clause that a careless rule would get
# wrong. The marker is on the line of the finding.
examples:
  - fails: {todo} fails
    terraform and plan: |
      {terraform} {{
        tags = {{ owner = "search" }} # <- {id}
      }}
    bicep and arm: |
      {bicep} = {{
        name: 'example'
        tags: {{ owner: 'search' }} // <- {id}
      }}
  - passes: {todo} passes
    base: {todo} fails
    terraform and plan: {{set: {{tags.owner: payments}}}}
    bicep and arm: {{set: {{tags.owner: payments}}}}
  - unknown: {todo} unknown
    base: {todo} fails
    terraform and plan:
      set: {{tags.owner: '${{var.owner}}'}}
      add: variable "owner" {{}}
    bicep and arm:
      set: {{tags.owner: '${{owner}}'}}
      add: param owner string
"""
_COVERS = "# covers: [NET-01]  # {todo}: ids of docs/ideas.yaml; a new idea is a line NEW-.. there\n"
# Which profile a rule has: of an organization, and of kvlint.
_OWN_PROFILE = "the rule runs whenever its folder is used; strict, cmk or all: only with that --profile"
_BUILTIN_PROFILE = "every vault needs it; otherwise strict, cmk for customer-managed keys, or all for a policy of some"


def _rule_text(id_: str, name: str, topic: str, *, is_own: bool) -> str:
    """Return the content of a new rule file. ``is_own``: for a built-in rule, which covers ideas of the catalog."""
    from azkvlint.linter.rule_gates import PLACEHOLDER

    start = _STARTS.get(topic, _VAULT)
    return _RULE_TEXT.format(
        id=id_,
        name=name,
        type=start.type,
        terraform=start.terraform,
        bicep=start.bicep,
        category=topic if topic in CATEGORIES else "hygiene",
        profile=_BUILTIN_PROFILE if is_own else _OWN_PROFILE,
        todo=PLACEHOLDER,
        covers=_COVERS.format(todo=PLACEHOLDER) if is_own else "",
    )

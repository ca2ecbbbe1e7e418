"""The commands ``kvlint rules`` and ``kvlint explain``: list, test and create rules, and explain rules and problems."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from azkvlint.engine.rule_selection import find_rules, rules_of_category, rules_of_profile
from azkvlint.linter.linter import all_rules
from azkvlint.model.rule import Example, Rule, operand_text
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, UsageError, did_you_mean
from azkvlint.util.plural import pluralize
from azkvlint.util.safe_text import encode, visible

if TYPE_CHECKING:
    from azkvlint.reporters.problems import Kind

_WIDTH = 100
_PROBLEM = "KVE"


def list_rules(form: str, folders: tuple[str, ...], profile: str = "", category: str = "") -> str:
    """Return all rules, or those of a profile or category: one line each, or all fields as JSON."""
    rules = all_rules(folders)
    if profile:
        rules = rules_of_profile(rules, profile)
    if category:
        ids = {rule.id for rule in rules_of_category(all_rules(folders), category)}
        rules = tuple(rule for rule in rules if rule.id in ids)
    rules = tuple(sorted(rules, key=lambda rule: rule.id))
    if form == "json":
        return encode([_fields(rule) for rule in rules]).decode()
    if form != "text":
        raise UsageError(f"unknown format '{form}'", "write -f text or -f json")
    return _lines(f"{rule.id}  {rule.severity.label:8}  {rule.title}" for rule in rules)


def _lines(lines: Iterable[str]) -> str:
    """Return printable lines. The texts of custom rules may hold control characters."""
    return "".join(f"{visible(line)}\n" for line in lines)


def _fields(rule: Rule) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(rule)
    return fields | {"severity": rule.severity.label}


def explanation(word: str, folders: tuple[str, ...]) -> str:
    """Return the explanation of rules or of problem codes.

    The rules are those with an id, name or prefix, of a category, or with an equivalent id of another tool. A prefix of
    problem codes stands for all of them. Raise UsageError if nothing matches.
    """
    from azkvlint.reporters.problems import PROBLEMS

    codes = [code for code in PROBLEMS if word.upper().startswith(_PROBLEM) and code.startswith(word.upper())]
    if codes:
        return "\n\n".join(_lines(_explanation_of_problem(code, PROBLEMS[code])) for code in codes)
    if word.upper().startswith(_PROBLEM):
        raise UsageError(f"unknown problem code '{word}'", did_you_mean(word.upper(), list(PROBLEMS)))
    rules = find_rules(all_rules(folders), word)
    return "\n\n".join(_lines(_explanation(rule)) for rule in rules)


def _explanation_of_problem(code: str, kind: Kind) -> Iterator[str]:
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
    fixes = ((f"Fix ({language})" if language else "Fix", text) for language, text in rule.fixes.items())
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
    from azkvlint.azure.azurerm.resources import RESOURCES

    yield from rule.resources
    yield from sorted(name for name, mapped in RESOURCES.items() if mapped.type in rule.resources)


def _scope(rule: Rule) -> str:
    """Return which resources the rule checks besides those that the input creates or changes."""
    scopes = [*(["deleted"] if rule.also_removed else ()), *(["existing"] if rule.also_existing else ())]
    return f" (including {' and '.join(scopes)} resources)" if scopes else ""


def _wrap(text: str, first: str = "", other: str = "") -> list[str]:
    """Return the lines of a text. Ids and links are not broken."""
    from textwrap import wrap

    return wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=other, break_on_hyphens=False, break_long_words=False
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
    faults = list(faults_of(rules)) if is_strict and not failed else []
    lines += [str(fault) for fault in faults]
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
    from azkvlint.linter.rule_scaffold import rule_text
    from azkvlint.util.output_files import write_new_file
    from azkvlint.util.project_boundary import checkout_of, real_path

    if topic and topic not in TOPICS:
        raise UsageError(f"unknown topic '{topic}'", did_you_mean(topic, list(TOPICS)) or ", ".join(TOPICS))
    folder = _folder_of_rules()
    if topic:
        root = checkout_of(real_path(os.curdir))
        folder = os.path.join(root or os.curdir, "rules", topic)
        if not os.path.isdir(folder):
            raise UsageError(
                f"--topic requires a checkout of kvlint: the folder rules/{topic} does not exist", "remove --topic"
            )
    file = os.path.join(folder, f"{id_}-{name}.yaml")
    text = rule_text(id_, name, topic, is_own=bool(topic)).encode()
    shown = f"rules/{topic}/{id_}-{name}.yaml" if topic else os.path.relpath(file).replace(os.sep, "/")
    load_rules([(shown, text)], builtin=bool(topic), others=all_rules(()))
    write_new_file(file, text)
    return shown


def _folder_of_rules() -> str:
    """Return the first folder of custom rules in the settings of the current folder; the current folder if there is
    none.
    """
    from azkvlint.config.options import Arguments
    from azkvlint.config.settings import resolve_settings

    settings = resolve_settings(Arguments(paths=(os.curdir,)), "check")
    settings.errors().raise_errors()
    return next(filter(os.path.isdir, settings.arguments.rules), os.curdir)

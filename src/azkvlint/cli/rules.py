"""The commands ``kvlint rules`` and ``kvlint explain``: list, explain, test and create rules."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import msgspec

from azkvlint.engine.rule_selection import find_rules
from azkvlint.linter.linter import all_rules
from azkvlint.model.rule import Example, Rule
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, UsageError, did_you_mean
from azkvlint.util.plural import pluralize
from azkvlint.util.safe_text import encode, visible

_WIDTH = 100


def list_rules(form: str, folders: tuple[str, ...]) -> str:
    """Return all rules: one line each, or all fields as JSON."""
    rules = sorted(all_rules(folders), key=lambda rule: rule.id)
    if form == "json":
        return encode([_fields(rule) for rule in rules]).decode()
    if form != "text":
        raise UsageError(f"there is no format '{form}'", "text or json")
    return _lines(f"{rule.id}  {rule.severity.label:8}  {rule.title}" for rule in rules)


def _lines(lines: Iterable[str]) -> str:
    """Return printable lines. The texts of custom rules may hold control characters."""
    return "".join(f"{visible(line)}\n" for line in lines)


def _fields(rule: Rule) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(rule)
    return fields | {"severity": rule.severity.label}


def explain_rules(word: str, folders: tuple[str, ...]) -> str:
    """Return the explanation of the rules with an id or name, or with an equivalent id of another tool."""
    rules = find_rules(all_rules(folders), word)
    return "\n\n".join(_lines(_explanation(rule)) for rule in rules)


def _explanation(rule: Rule) -> Iterator[str]:
    yield f"{rule.id} {rule.name} ({rule.severity.label})"
    yield rule.title
    fixes = ((f"Fix ({language})" if language else "Fix", text) for language, text in rule.fixes.items())
    for head, text in (("Why", rule.why), *fixes):
        yield ""
        yield from _wrap(f"{head}: {' '.join(text.split())}")
    yield ""
    removed = " (also those that the plan removes)" if rule.also_removed else ""
    existing = " (also those that exist already)" if rule.also_existing else ""
    yield from _wrap(f"Judges: {', '.join(rule.resources)}{removed}{existing}")
    if rule.profile != "default":
        profiles = " or ".join(dict.fromkeys((rule.profile, "all")))
        yield f"Profile: {rule.profile}, so it runs only with --profile {profiles}, or if --select names it"
    for parameter in rule.parameters:
        default = parameter.default
        value = ", ".join(map(str, default)) if isinstance(default, tuple) else default
        yield from _wrap(f"Parameter {parameter.name} = {value}: {' '.join(parameter.about.split())}")
    weaknesses = tuple(f"CWE-{number}" for number in rule.cwe)
    for head, ids in (("Covers", rule.covers), ("Weaknesses", weaknesses)):
        if ids:
            yield from _wrap(f"{head}: {', '.join(ids)}")
    for head, table in (("Controls", rule.controls), ("Asked by", rule.peers)):
        if table:
            yield ""
            yield f"{head}:"
            for name, ids in table.items():
                yield from _wrap(f"{name}: {', '.join(ids)}", "  ", "    ")
    if rule.differs:
        yield ""
        yield "Where others answer differently:"
        for name, text in rule.differs.items():
            yield from _wrap(f"{name}: {text}", "  ", "    ")
    yield ""
    yield "See:"
    yield from (f"  {link}" for link in rule.references)
    for example in rule.examples[: _example_count(rule.examples)]:
        yield from _example(example)


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
    lines.append(f"{summary}: {count - failed} as they say, {failed} not")
    if is_strict:
        status = "not run before the examples pass" if failed else pluralize(len(faults), "fault")
        lines.append(f"gates: {status}")
    return _lines(lines), EXIT_FINDINGS if failed or faults else EXIT_CLEAN


def new_rule(id_: str, name: str, topic: str) -> str:
    """Write a new rule file and return its path. Raise UsageError if the name cannot be a rule file's."""
    from azkvlint.engine.rule_loader import load_rules
    from azkvlint.engine.schema import TOPICS
    from azkvlint.linter.rule_scaffold import rule_text
    from azkvlint.util.output_files import write_new_file
    from azkvlint.util.project_boundary import checkout_of, real_path

    if topic and topic not in TOPICS:
        raise UsageError(f"there is no topic '{topic}'", did_you_mean(topic, list(TOPICS)) or ", ".join(TOPICS))
    folder = _folder_of_rules()
    if topic:
        root = checkout_of(real_path(os.curdir))
        folder = os.path.join(root or os.curdir, "rules", topic)
        if not os.path.isdir(folder):
            raise UsageError(f"there is no folder rules/{topic}: this is no checkout of kvlint", "leave out --topic")
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
    return next(filter(os.path.isdir, settings.arguments.rules), os.curdir)

"""The rules themselves as text: the list, one explained, their examples run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from azkvlint.engine.rule_selection import find_rules
from azkvlint.linter.linter import all_rules
from azkvlint.model.rule import Example, Rule
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, UsageError
from azkvlint.util.plural import pluralize
from azkvlint.util.safe_text import encode, visible

_WIDTH = 100


def listed(form: str, folders: tuple[str, ...]) -> str:
    """All rules: a line each, or with ``json`` every field of every rule."""
    rules = sorted(all_rules(folders), key=lambda rule: rule.id)
    if form == "json":
        return encode([_fields(rule) for rule in rules]).decode()
    if form != "text":
        raise UsageError(f"there is no format '{form}'", "text or json")
    return _lines(f"{rule.id}  {rule.severity.label:8}  {rule.title}" for rule in rules)


def _lines(lines: Iterable[str]) -> str:
    """Return lines of text that may come from a rule file of anyone's, harmless for a terminal and a build log."""
    return "".join(f"{visible(line)}\n" for line in lines)


def _fields(rule: Rule) -> dict[str, object]:
    """A rule as its file says it, severity in words."""
    fields: dict[str, object] = msgspec.to_builtins(rule)
    return fields | {"severity": rule.severity.label}


def explained(word: str, folders: tuple[str, ...]) -> str:
    """Everything about the rules of this id or name, or that answer this id of another tool."""
    found = find_rules(all_rules(folders), word)
    return "\n\n".join(_lines(_explanation(rule)) for rule in found)


def _explanation(rule: Rule) -> Iterator[str]:
    yield f"{rule.id} {rule.name} ({rule.severity.label})"
    yield rule.title
    for head, text in (("Why", rule.why), ("Fix", rule.fix)):
        yield ""
        yield from _wrapped(f"{head}: {' '.join(text.split())}")
    yield ""
    removed = " (also those that the plan removes)" if rule.also_removed else ""
    existing = " (also those that exist already)" if rule.also_existing else ""
    yield from _wrapped(f"Judges: {', '.join(rule.resources)}{removed}{existing}")
    if rule.profile != "default":
        profiles = " or ".join(dict.fromkeys((rule.profile, "all")))
        yield f"Profile: {rule.profile}, so it runs only with --profile {profiles}, or if --select names it"
    for parameter in rule.parameters:
        default = parameter.default
        shown = ", ".join(map(str, default)) if isinstance(default, tuple) else default
        yield from _wrapped(f"Parameter {parameter.name} = {shown}: {' '.join(parameter.about.split())}")
    weaknesses = tuple(f"CWE-{number}" for number in rule.cwe)
    for head, ids in (("Covers", rule.covers), ("Weaknesses", weaknesses)):
        if ids:
            yield from _wrapped(f"{head}: {', '.join(ids)}")
    for head, table in (("Controls", rule.controls), ("Asked by", rule.peers)):
        if table:
            yield ""
            yield f"{head}:"
            for name, ids in table.items():
                yield from _wrapped(f"{name}: {', '.join(ids)}", "  ", "    ")
    if rule.differs:
        yield ""
        yield "Where others answer differently:"
        for name, text in rule.differs.items():
            yield from _wrapped(f"{name}: {text}", "  ", "    ")
    yield ""
    yield "See:"
    yield from (f"  {link}" for link in rule.references)
    for example in rule.examples[: _shown_examples(rule.examples)]:
        yield from _example(example)


def _wrapped(text: str, first: str = "", other: str = "") -> list[str]:
    """Lines of a text, each of which begins with an indent. No id or link is broken in two."""
    from textwrap import wrap

    return wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=other, break_on_hyphens=False, break_long_words=False
    )


def _shown_examples(examples: tuple[Example, ...]) -> int:
    """The first that fails and everything before it: enough to see what the rule means."""
    return next((at + 1 for at, example in enumerate(examples) if example.expect == "fails"), 0)


def _example(example: Example) -> Iterator[str]:
    for language, source in example.sources.items():
        yield ""
        yield f"Example that {example.expect} ({language}): {example.title}"
        yield from (f"  {line}" for line in source.rstrip().splitlines())


def tested(path: str | None) -> tuple[str, int]:
    """Run the examples of rule files; the report, and 1 if any does not say what its rule does."""
    from azkvlint.engine.rule_store import builtin_rules, load_folder
    from azkvlint.linter.rule_tests import run_examples

    rules = builtin_rules() if path is None else load_folder(path)
    lines, failed, count = [], 0, 0
    for result in run_examples(rules):
        count += 1
        failed += bool(result.faults)
        place = f"{result.example.path or result.rule.path}:{result.example.line}"
        lines += [f"{place}: {result.example.expect} ({result.example.title}): {fault}" for fault in result.faults]
    ran = f"{pluralize(count, 'example')} of {pluralize(len(rules), 'rule')}"
    lines.append(f"{ran}: {count - failed} as they say, {failed} not")
    return _lines(lines), EXIT_FINDINGS if failed else EXIT_CLEAN

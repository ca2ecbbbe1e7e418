"""Render who can reach what as Markdown: for each group of vaults a table of principals, and their paths folded."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.model.access import AccessReport
from azkvlint.reporters import Options
from azkvlint.reporters.access import words
from azkvlint.reporters.gfm import code, plain
from azkvlint.reporters.phrases import place, problem_line
from azkvlint.util.text import visible

_MARKS = {"yes": "●", "?": "?", "-": ""}


def markdown(report: AccessReport, options: Options) -> str:
    """Return the matrix as Markdown that ends with a line break."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: AccessReport) -> Iterator[str]:
    yield "# Access to key vaults"
    yield ""
    yield plain(words.summary(report))
    if report.breaches:
        yield ""
        yield from (f"- ❌ {plain(words.breach_text(breach, report))}" for breach in report.breaches)
    for section in words.sections(report):
        yield ""
        yield from _section(section, report)
    for vault in words.without_access(report):
        yield ""
        yield f"{code(words.vault_facts(vault), cell=False)}: no access"
    for note in words.notes(report):
        yield ""
        yield plain(note)
    problems = words.problems(report)
    if problems:
        yield ""
        yield "## Analysis incomplete"
        yield ""
        yield from (f"- {plain(problem_line(problem))}" for problem in problems)


def _section(section: words.Section, report: AccessReport) -> Iterator[str]:
    yield f"## {plain(words.title(section))}"
    yield ""
    for vault in section.vaults:
        address, at = code(visible(vault.address), cell=False), code(place(vault.at), cell=False)
        yield f"- {address} · {plain(vault.model)} · {at}"
    if section.wider:
        yield f"- {plain(words.wider_text(section))}"
    yield ""
    yield f"| Principal | {' | '.join(plain(words.heading(one.name)) for one in report.capabilities)} |"
    yield f"|---|{':-:|' * len(report.capabilities)}"
    for row in section.rows:
        cells = [_MARKS[words.mark(row.cells, one.name)] for one in report.capabilities]
        kind = f" {plain(row.principal.kind)}" if row.principal.kind else ""
        yield f"| {code(visible(row.principal.label))}{kind} | {' | '.join(cells)} |"
    yield ""
    yield "● yes · ? perhaps"
    yield ""
    yield "<details><summary>Paths</summary>"
    yield ""
    for row in section.rows:
        yield f"- {code(visible(row.principal.label), cell=False)}"
        for group in row.paths:
            names = ", ".join(group.capabilities)
            yield f"  - **{words.certainty(group.path)}** {plain(names)}: {plain(words.path_text(group.path))}"
            if group.path.doubt:
                yield f"    - decided by: {plain(visible(group.path.doubt))}"
            for capabilities, edit in group.edits:
                what = f" for {plain(capabilities)}" if capabilities else ""
                yield f"    - edit{what}: {plain(visible(edit))}"
    yield ""
    yield "</details>"

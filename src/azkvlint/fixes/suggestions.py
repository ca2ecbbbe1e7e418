"""Turn fixes into suggestions with lines and columns, for reports, and decide which lines a diff can show."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from azkvlint.fixes.sources import Sources
from azkvlint.graph.region_lookup import Hidden, safe_lines
from azkvlint.model.fix import Fix, Replacement, Suggestion, TextEdit, apply, suggestion_key
from azkvlint.model.location import Region
from azkvlint.syntax.texts import Lines
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import visible
from azkvlint.values.redaction import Redactor
from azkvlint.values.secrecy import suggests_secret

_VALUE_FILES = (".tfvars", ".tfvars.json", ".bicepparam")
_PARAMETERS = "deploymentParameters.json#"
# A line with values that are neither strings nor calculated, and the names on it.
_PLAIN_LINE = regex(
    r"""(?:[\s\[\]{},]|param\s|(?:"[\w.$-]+"|[\w.$-]+)\s*[:=](?!=)|(?:true|false|null|-?\d+(?:\.\d+)?)\b)*+"""
)
_NAME = regex(r"""([\w.$-]+)"?\s*[:=]""")


def suggestions_of(
    fixes: Iterable[Fix], root: str, secret_texts: Collection[str], secret_lines: Collection[str]
) -> Mapping[tuple[object, ...], Suggestion]:
    """Return the suggestions for the findings of a report on the folder ``root``."""
    sources = Sources(root)
    lines: dict[str, Lines] = {}
    found = {}
    for fix in fixes:
        for path in {edit.path for edit in fix.edits}:
            lines.setdefault(path, Lines(sources.text(path)))
        found[suggestion_key(fix.finding)] = Suggestion(
            title=fix.title,
            effects=fix.effects,
            changes=tuple(_change(edit, lines[edit.path]) for edit in fix.edits),
            whole=_whole(fix.edits, lines, secret_texts, secret_lines),
        )
    return found


def _whole(
    edits: Sequence[TextEdit], lines: Mapping[str, Lines], secret_texts: Collection[str], secret_lines: Collection[str]
) -> Replacement | None:
    """Return the edits of a fix as one, unless it would repeat a text that may be a secret."""
    if len({edit.path for edit in edits}) != 1:
        return None
    path, of_file = edits[0].path, lines[edits[0].path]
    edit = edits[0]
    if len(edits) > 1:
        start, end = min(edit.start for edit in edits), max(edit.end for edit in edits)
        is_shown = shown_lines(path, of_file.text, secret_texts, secret_lines)
        first, last = of_file.place(start)[0], of_file.place(end)[0]
        if not all(is_shown(number - 1) for number in range(first, last + 1)):
            return None
        moved = [msgspec.structs.replace(one, start=one.start - start, end=one.end - start) for one in edits]
        text = apply(of_file.text[start:end], moved)
        edit = TextEdit(path=path, start=start, end=end, replacement=text)
    return _change(edit, of_file)


def _change(edit: TextEdit, lines: Lines) -> Replacement:
    region = lines.region(edit.start, edit.end)
    return Replacement(
        path=edit.path,
        region=region,
        utf16=_in_units(region, lines, "utf-16-le", 2),
        utf8=_in_units(region, lines, "utf-8", 1),
        text=edit.replacement,
    )


def _in_units(region: Region, lines: Lines, encoding: str, size: int) -> Region:
    """Return a region with columns in the code units of an encoding."""

    def column(line: int, number: int) -> int:
        start = lines.starts[line - 1]
        before = lines.text[start : start + number - 1]
        return number if before.isascii() else len(before.encode(encoding, "surrogatepass")) // size + 1

    return Region(
        region.start_line,
        column(region.start_line, region.start_column),
        region.end_line,
        column(region.end_line, region.end_column),
    )


def shown_lines(
    path: str, text: str, secret_texts: Collection[str], secret_lines: Collection[str] = ()
) -> Callable[[int], bool]:
    """Return a function that states whether a line of a file (from 0) can be shown.

    ``secret_texts`` are the secrets that evaluations have found, ``secret_lines`` the lines in which others are
    written, without their indentation. What may be a secret by its form or name is hidden too.
    """
    lower = path.lower()
    # The names in a file of values do not show which of them are secret.
    is_values = lower.endswith(_VALUE_FILES) or (lower.endswith(".json") and _PARAMETERS in text)
    redactor = Redactor(secret_texts)
    is_safe = safe_lines(text, _hidden(lower, text), is_json=lower.endswith((".json", ".jsonc")))
    lines = text.split("\n")

    def is_shown(number: int) -> bool:
        line = lines[number].removesuffix("\r").replace("\t", " ") if number < len(lines) else ""
        if visible(line) != line:  # it acts on a terminal or a build agent
            return False
        if (number < len(lines) and lines[number].strip() in secret_lines) or (is_values and not _is_plain(line)):
            return False
        return (not redactor or redactor.text(line) == line) and is_safe(number)

    return is_shown


def _is_plain(line: str) -> bool:
    """Return whether a line of a file of values has no string, and no name that suggests a secret."""
    return _PLAIN_LINE.fullmatch(line) is not None and not any(map(suggests_secret, _NAME.findall(line)))


def _hidden(path: str, text: str) -> Hidden | None:
    """Return the secrets of a file by the names and decorators of its declarations."""
    if path.endswith(".bicep"):
        from azkvlint.readers.bicep.document import BicepFileSecrets as BicepSecrets
        from azkvlint.readers.bicep.document import read_file

        return BicepSecrets(read_file(path, "", text), ())
    if path.endswith((".tf", ".tofu")):
        from azkvlint.readers.terraform.file_secrets import TerraformFileSecrets as TerraformSecrets
        from azkvlint.syntax.hcl.parse import parse_file

        return TerraformSecrets(parse_file(text), ())
    return None

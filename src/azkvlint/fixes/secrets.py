"""Decide which lines of a source file a diff can show: none with secrets, or with commands to what prints it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from azkvlint.graph.region_lookup import Hidden, safe_lines
from azkvlint.linter.redaction import Redactor
from azkvlint.util.lazy_regex import regex
from azkvlint.util.secret_names import suggests_secret
from azkvlint.util.text import visible

_VALUE_FILES = (".tfvars", ".tfvars.json", ".bicepparam")
_PARAMETERS = "deploymentParameters.json#"
# A line with values that are neither strings nor calculated, and the names on it.
_PLAIN_LINE = regex(
    r"""(?:[\s\[\]{},]|param\s|(?:"[\w.$-]+"|[\w.$-]+)\s*[:=](?!=)|(?:true|false|null|-?\d+(?:\.\d+)?)\b)*+"""
)
_NAME = regex(r"""([\w.$-]+)"?\s*[:=]""")


def shown_lines(path: str, text: str, secret_texts: Collection[str]) -> Callable[[int], bool]:
    """Return a function that states whether a line of a file (from 0) can be shown.

    ``secret_texts`` are the secrets that evaluations have found. What may be a secret by its form or name is hidden
    too.
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
        if is_values and not _is_plain(line):
            return False
        return (not redactor or redactor.text(line) == line) and is_safe(number)

    return is_shown


def _is_plain(line: str) -> bool:
    """Return whether a line of a file of values has no string, and no name that suggests a secret."""
    return _PLAIN_LINE.fullmatch(line) is not None and not any(map(suggests_secret, _NAME.findall(line)))


def _hidden(path: str, text: str) -> Hidden | None:
    """Return the secrets of a file by the names and decorators of its declarations."""
    if path.endswith(".bicep"):
        from azkvlint.readers.bicep.document import read_file
        from azkvlint.readers.bicep.secrets import FileSecrets as BicepSecrets

        return BicepSecrets(read_file(path, "", text), ())
    if path.endswith((".tf", ".tofu")):
        from azkvlint.readers.terraform.secrets import FileSecrets as TerraformSecrets
        from azkvlint.syntax.hcl.parse import parse_file

        return TerraformSecrets(parse_file(text), ())
    return None

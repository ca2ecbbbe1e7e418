"""Render the generated code of a migration alone."""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.model.migration import MigrationReport
from azkvlint.reporters import Options
from azkvlint.util.text import visible

_COMMENTS: Mapping[str, str] = {"terraform": "#", "bicep": "//"}


def code(report: MigrationReport, options: Options) -> str:
    """Return the generated code; a comment states where to add it if it belongs to several places."""
    heads = len({one.path for one in report.code}) > 1
    parts = [
        f"{f'{_COMMENTS[one.language]} Add to {visible(one.path)}' if one.path else ''}\n\n{one.text}"
        if heads and one.path
        else one.text
        for one in report.code
    ]
    return "\n".join(parts)

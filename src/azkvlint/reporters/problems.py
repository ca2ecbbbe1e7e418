"""Descriptions of problem codes: rows of ``data/problems.yaml``."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.util.table_files import read_table


class ProblemKind(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``name`` is kebab-case, ``title`` one sentence, ``about`` the effect on the report, ``fix`` the remedy.

    ``level`` is the usual level of such problems.
    """

    name: str
    title: str
    about: str
    fix: str
    level: str = "error"


def _load() -> dict[str, ProblemKind]:
    from azkvlint.syntax.row_reader import load_table

    return load_table("problems", dict[str, ProblemKind])


PROBLEMS: Mapping[str, ProblemKind] = read_table("problems", dict[str, ProblemKind], _load)
LEFT_OUT = "KVE009"

CONFIGURATION = frozenset({"KVE005", "KVE006", "KVE007", "KVE008", "KVE011", "KVE012"})
"""The codes about settings, not about the input."""

OTHER = ProblemKind(
    name="other-problem",
    title="A problem occurred.",
    about="The results may be incomplete. The message states the cause.",
    fix="Correct what the message names, and run kvlint again.",
)
"""The description of unknown codes."""

"""Descriptions of problem codes. A code never changes its meaning; a new one is a new entry."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is kebab-case, ``title`` one sentence, ``about`` the effect on the report, ``fix`` the remedy.

    ``level`` is the usual level of such problems.
    """

    name: str
    title: str
    about: str
    fix: str
    level: str = "error"


PROBLEMS: Mapping[str, Kind] = {
    "KVE001": Kind(
        name="input-unreadable",
        title="An input cannot be read.",
        about="The file is missing, cannot be opened, or has invalid content, so nothing in it was evaluated.",
        fix="Correct the file or its path, and run kvlint again.",
    ),
    "KVE002": Kind(
        name="input-incomplete",
        title="An input is incomplete.",
        about="A part of the input is missing or truncated, so the resources in that part were not evaluated.",
        fix="Create the complete input again, and run kvlint again.",
    ),
    "KVE003": Kind(
        name="resource-type-unknown",
        title="A resource type is not supported.",
        about="kvlint does not know the properties of this resource type, so no rule evaluated the resource.",
        fix="Update kvlint. If the latest version does not support the type, open an issue.",
    ),
    "KVE004": Kind(
        name="rule-crashed",
        title="A rule could not be evaluated.",
        about="An error in kvlint stopped the rule, so its result for this resource is missing.",
        fix="Open an issue that includes the message.",
    ),
    "KVE005": Kind(
        name="suppression-malformed",
        title="A suppression is invalid.",
        about="The comment has a syntax error or no reason, so it is ignored and the findings are reported.",
        fix="Correct the comment as the message describes.",
        level="warning",
    ),
    "KVE006": Kind(
        name="suppression-expired",
        title="A suppression has expired.",
        about="Its end date has passed, so the findings are reported again.",
        fix="Fix the findings, or set a new end date and state the reason.",
        level="warning",
    ),
    "KVE007": Kind(
        name="suppression-unused",
        title="A suppression is not used.",
        about="The rule reports no finding there, so the comment would only hide future findings.",
        fix="Remove the suppression.",
        level="note",
    ),
    "KVE008": Kind(
        name="plan-not-mapped",
        title="Findings are reported in the plan instead of the source.",
        about="The Terraform source of the plan was not found or has changed since the plan was created.",
        fix="Run kvlint in the folder of the root module, or set the folder with --source-root.",
        level="note",
    ),
    "KVE009": Kind(
        name="results-left-out",
        title="A log does not contain all results.",
        about="The number of results exceeds the limit of code scanning, so the log omits the least severe ones.",
        fix="Raise --min-severity, or check parts of the input separately.",
        level="warning",
    ),
    "KVE011": Kind(
        name="configuration-doubtful",
        title="A configuration file or environment variable is ignored.",
        about="Another configuration file takes precedence, or the variable is not a setting of kvlint.",
        fix="Remove it, or select the configuration file with --config.",
        level="warning",
    ),
    "KVE012": Kind(
        name="baseline-stale",
        title="A baseline contains findings that no longer exist.",
        about="The findings were fixed or moved. If they returned, the baseline would hide them.",
        fix="Update the baseline with --write-baseline.",
        level="warning",
    ),
    "KVE013": Kind(
        name="compiled-template-differs",
        title="A compiled template differs from its Bicep file.",
        about="The template was compiled from a different version of the file, so the findings of both are reported.",
        fix="Compile the Bicep file again with bicep build, or remove the template.",
        level="note",
    ),
}
LEFT_OUT = "KVE009"

CONFIGURATION = frozenset({"KVE005", "KVE006", "KVE007", "KVE008", "KVE011", "KVE012"})
"""The codes about settings, not about the input."""

OTHER = Kind(
    name="other-problem",
    title="An unexpected problem occurred.",
    about="The report may be incomplete. The message states the cause.",
    fix="Resolve the problem that the message describes, and run kvlint again.",
)
"""The description of unknown codes."""

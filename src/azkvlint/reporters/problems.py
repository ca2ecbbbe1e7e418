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
        about="The file is missing, cannot be opened or is not what its name says, so nothing in it was judged.",
        fix="Mend the file or its path, and run kvlint again.",
    ),
    "KVE002": Kind(
        name="input-incomplete",
        title="An input is not whole.",
        about="A part of the input is missing or was cut off, so what it declares there was not judged.",
        fix="Make the input again, completely, and run kvlint again.",
    ),
    "KVE003": Kind(
        name="resource-type-unknown",
        title="A resource's type is not known to kvlint.",
        about="kvlint cannot tell what the resource means in Azure, so no rule was asked about it.",
        fix="Use a newer kvlint, or report the type if the newest does not know it.",
    ),
    "KVE004": Kind(
        name="rule-crashed",
        title="A rule could not be evaluated.",
        about="A mistake in kvlint stopped the rule, so its answer for this resource is missing.",
        fix="Please report it, with the message.",
    ),
    "KVE005": Kind(
        name="suppression-malformed",
        title="What is to suppress findings suppresses nothing.",
        about="kvlint does not understand it, or it gives no reason, so what it is about is reported all the same.",
        fix="Write it as the message says.",
        level="warning",
    ),
    "KVE006": Kind(
        name="suppression-expired",
        title="What suppressed findings does so no longer.",
        about="The day until which it was to hold is over, so what it is about is reported again.",
        fix="Mend what is found, or give it a new day and a reason for it.",
        level="warning",
    ),
    "KVE007": Kind(
        name="suppression-unused",
        title="What is to suppress a finding finds none.",
        about="Nothing that was judged violates the rule there, so the comment hides only what may come.",
        fix="Remove it.",
        level="note",
    ),
    "KVE008": Kind(
        name="plan-not-mapped",
        title="A plan's findings are reported in the plan.",
        about="The Terraform source of the plan was not found, or has changed since the plan was created.",
        fix="Run kvlint in the folder of the root module, or name it with --source-root.",
        level="note",
    ),
    "KVE009": Kind(
        name="results-left-out",
        title="A log does not hold all results.",
        about="There are more than code scanning takes, so the least severe of them are not in the log.",
        fix="Raise --min-severity, or check parts of the input by themselves.",
        level="warning",
    ),
    "KVE011": Kind(
        name="configuration-doubtful",
        title="A configuration file or environment variable does not count.",
        about="Another file is nearer, or the variable is no setting of kvlint, so the run went on without it.",
        fix="Remove it, or name the file that is to count with --config.",
        level="warning",
    ),
    "KVE012": Kind(
        name="baseline-stale",
        title="A baseline holds what is found no longer.",
        about="What it holds was mended or moved, so the baseline would hide it if it came back.",
        fix="Write the baseline again with --write-baseline.",
        level="warning",
    ),
    "KVE013": Kind(
        name="compiled-template-differs",
        title="A compiled template differs from its Bicep file.",
        about="The template was compiled from another state of the file, so both are reported, each on its own lines.",
        fix="Compile the Bicep file again with bicep build, or remove the template.",
        level="note",
    ),
}
LEFT_OUT = "KVE009"

CONFIGURATION = frozenset({"KVE005", "KVE006", "KVE007", "KVE008", "KVE011", "KVE012"})
"""The codes about settings, not about the input."""

OTHER = Kind(
    name="other-problem",
    title="Something went wrong.",
    about="The answer may not be whole; the message says why.",
    fix="Follow the message, and run kvlint again.",
)
"""The description of unknown codes."""

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
        about="The file cannot be opened, or its content does not match its name. Nothing in it was evaluated.",
        fix="Correct the file or the path, and run kvlint again. The message states the cause and the line.",
    ),
    "KVE002": Kind(
        name="input-incomplete",
        title="An input is incomplete.",
        about="A part of the input is missing, was cut off or is not supported, so declarations in it were not "
        "evaluated. A module that is not installed is only a note, and the exit code does not change.",
        fix="Provide the missing part: run terraform init to install modules, or create the plan or template again.",
    ),
    "KVE003": Kind(
        name="resource-type-unknown",
        title="A resource type is not supported.",
        about="The resource looks like a Key Vault resource, but kvlint does not support its type, so no rule was "
        "evaluated for it.",
        fix="Upgrade kvlint. If the latest version does not support the type, report it.",
    ),
    "KVE004": Kind(
        name="rule-crashed",
        title="A rule could not be evaluated.",
        about="A defect in kvlint stopped the rule, so its result for this resource is missing.",
        fix="Report the error with the message.",
    ),
    "KVE005": Kind(
        name="suppression-malformed",
        title="A suppression is invalid.",
        about="The suppression has no reason, names an unknown rule or has an invalid date. It is ignored, and the "
        "findings that it is about are reported.",
        fix="Write a comment such as: kvlint: ignore[KV001] reason.",
        level="warning",
    ),
    "KVE006": Kind(
        name="suppression-expired",
        title="A suppression has expired.",
        about="Its last day is over, so the findings that it suppressed are reported again.",
        fix="Fix the findings, or set a later date and update the reason.",
        level="warning",
    ),
    "KVE007": Kind(
        name="suppression-unused",
        title="A suppression is unused.",
        about="The rule reports nothing there, so the suppression can only hide a future finding.",
        fix="Remove the suppression.",
        level="note",
    ),
    "KVE008": Kind(
        name="plan-not-mapped",
        title="The findings of a plan are reported in the plan.",
        about="The Terraform source of the plan was not found, or has changed since the plan was created.",
        fix="Run kvlint in the folder of the root module, or name that folder with --source-root.",
        level="note",
    ),
    "KVE009": Kind(
        name="results-left-out",
        title="A SARIF log is incomplete.",
        about="GitHub code scanning limits the number of results, so the least severe ones are not in the log.",
        fix="Raise --min-severity, or check parts of the repository in separate runs.",
        level="warning",
    ),
    "KVE011": Kind(
        name="configuration-doubtful",
        title="A setting has no effect.",
        about="Another configuration file is closer to the input, an environment variable is not a setting of "
        "kvlint, a pattern excludes nothing, or no root module declares a variable. A variable that only --var sets is "
        "an error, as in Terraform, and so are --var and --var-file for an input without a Terraform module.",
        fix="Correct or remove the setting. kvlint --show-settings lists all settings and their sources.",
        level="warning",
    ),
    "KVE012": Kind(
        name="baseline-stale",
        title="A baseline entry is obsolete.",
        about="The finding was fixed or has moved. The entry would hide it if it came back.",
        fix="Update the baseline with --write-baseline FILE.",
        level="warning",
    ),
    "KVE013": Kind(
        name="compiled-template-differs",
        title="A compiled template differs from its Bicep file.",
        about="The template was compiled from another version of the Bicep file, so both are reported, each with its "
        "own lines.",
        fix="Compile the Bicep file again with bicep build, or delete the template.",
        level="note",
    ),
    "KVE014": Kind(
        name="changed-outside-terraform",
        title="A setting was changed outside Terraform.",
        about="A deployed resource differs from the state of Terraform in a setting that rules check. Rules evaluate "
        "the resource as it is after the plan is applied; until then, the changed setting is in effect.",
        fix="Find out who changed the setting. Apply the plan to restore it, or change the code to keep it.",
        level="warning",
    ),
    "KVE015": Kind(
        name="secrets-in-state-file",
        title="A state or plan file contains secret values.",
        about="Terraform stores secrets in plain text in its state and in plans. Everyone with access to the "
        "repository and its history can read them. If the file is not in a checkout of git, or cannot be read, this is "
        "only a note.",
        fix="Remove the file from the repository and its history, rotate the secrets, and use a remote backend. "
        "Exclude the file if its secrets are not real.",
        level="warning",
    ),
}
LEFT_OUT = "KVE009"

CONFIGURATION = frozenset({"KVE005", "KVE006", "KVE007", "KVE008", "KVE011", "KVE012"})
"""The codes about settings, not about the input."""

OTHER = Kind(
    name="other-problem",
    title="A problem occurred.",
    about="The results may be incomplete. The message states the cause.",
    fix="Correct what the message names, and run kvlint again.",
)
"""The description of unknown codes."""

"""Render the report as SARIF 2.1.0, for GitHub code scanning, Azure DevOps, GitLab and editors.

Requirements of those readers beyond the standard:

- Only findings become results: GitHub turns every result into an open alert, so unknown ones are omitted.
- A log always has one run and a list of results. The rules of the results are listed, because an upload of all rules
  that ran would be ten times as large; ``rules`` in the included kinds lists all of them.
- An incomplete run that evaluated no resource is not successful: GitHub would close every alert. It rejects the log of
  such a run, so one that evaluated some resources is successful, with its problems as notifications.
- Two runs over the same input have the same log: no times, no host names, no absolute paths.
- A message is its rule's template filled with arguments. Braces are placeholders there and GitHub does not unescape
  doubled braces, so braces of an argument become parentheses; and ``](`` becomes ``] (``, lest a name become a link.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from azkvlint import PROJECT
from azkvlint.model.finding import Finding, Problem, Report, Repository
from azkvlint.reporters import Options
from azkvlint.reporters.findings.sarif_places import ROOT, inert, logical, place
from azkvlint.reporters.findings.sarif_results import MAX_RESULTS, results, select_results
from azkvlint.reporters.findings.sarif_rules import descriptor, notifications
from azkvlint.reporters.problems import CONFIGURATION, LEFT_OUT
from azkvlint.reporters.taxonomies import taxonomies
from azkvlint.util.plural import pluralize
from azkvlint.util.safe_text import encode

ABSENT = "absent"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = frozenset({"error", "warning", "note"})


class BaselineStates(NamedTuple):
    """The states of the findings of a report by their identities, and the findings that it no longer contains."""

    states: Mapping[int, str]
    absent: list[Finding]


def sarif(report: Report, options: Options) -> bytes:
    """Return the log as UTF-8; equal reports result in equal bytes."""
    return log(report, options)


def log(report: Report, options: Options, baseline: BaselineStates | None = None) -> bytes:
    """Return a log, with the state of each result if there is a ``baseline``."""
    run = _run(report, options.included, options.root_uri, baseline)
    if options.category:
        # GitHub reads the part after the last slash as the number of a run.
        run = {"tool": run.pop("tool"), "automationDetails": {"id": f"{options.category.rstrip('/')}/"}, **run}
    return encode({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _run(
    report: Report, included: Collection[str], root_uri: str, baseline: BaselineStates | None = None
) -> dict[str, Any]:
    findings, omitted = select_results(report, included)
    if baseline is not None:
        # Last, so that they do not change the fingerprints of the others.
        findings += baseline.absent
    used = {finding.rule.id for finding in findings}
    listed = (rule for rule in report.rules if rule.id in used or "rules" in included)
    rules = sorted(listed, key=lambda rule: rule.id)
    all_problems = [*report.problems, *([_left_out(omitted)] if omitted else ())]
    problems = notifications(problem.code for problem in all_problems)
    codes = {problem["id"]: index for index, problem in enumerate(problems)}
    lists = taxonomies(rules)
    names = [one["name"] for one in lists]
    driver = {
        "name": "kvlint",
        "fullName": "kvlint Azure Key Vault linter",
        "semanticVersion": re.sub(r"^(\d+\.\d+\.\d+)\.?(?=[a-z])", r"\1-", report.version),
        "version": report.version,
        "informationUri": PROJECT,
        "rules": [descriptor(rule, included, names) for rule in rules],
        "notifications": problems,
    }
    run: dict[str, Any] = {"tool": {"driver": driver}}
    if lists:
        driver["supportedTaxonomies"] = [{"name": name, "index": index} for index, name in enumerate(names)]
        run["taxonomies"] = lists
    invocation: dict[str, Any] = {"executionSuccessful": report.is_complete or bool(report.resource_counts)}
    for name, about_settings in (("toolExecutionNotifications", False), ("toolConfigurationNotifications", True)):
        group = [each for each in all_problems if (each.code in CONFIGURATION) is about_settings]
        if group:
            invocation[name] = [_notification(each, codes[each.code]) for each in group]
    run["invocations"] = [invocation]
    if report.repository is not None:
        run["versionControlProvenance"] = [_provenance(report.repository)]
    base = {"uri": root_uri} if root_uri else {}
    run["originalUriBaseIds"] = {ROOT: base | {"description": {"text": "The folder that all paths start from."}}}
    run["columnKind"] = "utf16CodeUnits"
    run["results"] = results(findings, rules, included)
    if baseline is not None:
        for finding, result in zip(findings, run["results"], strict=True):
            result["baselineState"] = baseline.states.get(id(finding), ABSENT)
    return run


def _provenance(repository: Repository) -> dict[str, Any]:
    found = {"repositoryUri": repository.uri, "revisionId": repository.revision}
    if repository.branch:
        found["branch"] = repository.branch
    return found | {"mappedTo": {"uriBaseId": ROOT}}


def _left_out(count: int) -> Problem:
    text = f"{pluralize(count, 'result')} of the least severe left out: a log with more than {MAX_RESULTS:,} is refused"
    return Problem(code=LEFT_OUT, level="warning", message=text, hint="Raise --min-severity, or split the input.")


def _notification(problem: Problem, index: int) -> dict[str, Any]:
    text = f"{problem.message} {problem.hint}" if problem.hint else problem.message
    notification: dict[str, Any] = {
        "level": problem.level if problem.level in _LEVELS else "note",
        "descriptor": {"id": problem.code, "index": index},
        "message": {"text": inert(text)},
    }
    if problem.at is not None:
        location: dict[str, Any] = {"physicalLocation": place(problem.at)}
        if problem.at.address is not None:
            location["logicalLocations"] = [logical(problem.at.address, "")]
        notification["locations"] = [location]
    return notification

"""Select, grade and sort findings, and group those with one cause.

Formats for build systems sort by severity. Only the text and HTML formats fold; the other formats and the exit code
keep each finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import msgspec

from azkvlint.azure.azurerm.providers import PROVIDER_TYPE
from azkvlint.model.finding import Evidence, Finding, Report
from azkvlint.model.identity import place_order
from azkvlint.model.location import Location
from azkvlint.model.rule import PLACEHOLDER, Severity
from azkvlint.reporters import Options
from azkvlint.util.lazy_regex import regex

# The rules about names, limits, versions and syntax: their unknown results need no attention.
_MINOR_CATEGORIES = frozenset({"correctness", "hygiene"})
# The placeholders that identify the resource, and those that it refers to.
_NAMES = ("resource", "name", "linked")
_VARIABLE = regex(r"`var\.[^`]*` has |input variable in the condition has |exists only if var\.")
_PARAMETER = regex(r"parameter `[^`]*` has ")
_MODULE = regex(r"module `[^`]*` is not installed|a module that is not")
_READ_FROM_AZURE = regex(r"is read from Azure|known when Terraform runs")
_AFTER_DEPLOYMENT = regex(r"known after deployment|known only in Azure")
_Result = TypeVar("_Result")
OUTSIDE = "outside the scanned files"
"""What ends the reason for an unknown result whose target is known, but not evaluated."""
_ELSEWHERE = regex(rf"{OUTSIDE}|not (?:declared )?in the scanned files")


class Grade(msgspec.Struct, frozen=True):
    """``level`` is SARIF's, ``score`` GitHub's security-severity, None if a finding is not a security issue.

    GitHub's bands are: critical above 9.0, high from 7.0, medium from 4.0, low above 0; exactly 9.0 is in none.
    """

    level: str
    score: float | None

    @property
    def rank(self) -> float | None:
        """Return SARIF's rank, 0 to 100, which GitLab prefers to all else."""
        return None if self.score is None else round(self.score * 10, 1)


GRADES: Mapping[Severity, Grade] = {
    Severity.CRITICAL: Grade("error", 9.3),
    Severity.HIGH: Grade("error", 8.0),
    Severity.MEDIUM: Grade("warning", 5.5),
    Severity.LOW: Grade("note", 3.0),
    Severity.INFO: Grade("note", None),
}


def counted_findings(report: Report, options: Options) -> tuple[Finding, ...]:
    """Return the findings that count for the exit code, followed by unknown results if the run is strict."""
    return report.counted(_findings(report, options))


def findings_in_tests(report: Report, options: Options) -> tuple[Finding, ...]:
    """Return the findings that do not count because they are in a folder of tests or examples."""
    return report.uncounted(_findings(report, options))


def _findings(report: Report, options: Options) -> tuple[Finding, ...]:
    return report.findings + (report.unknown if options.strict else ())


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings by severity, the most severe first, and what nothing deploys last; the sort is stable."""
    return sorted(findings, key=lambda finding: (finding.is_undeployed, -finding.severity))


def by_place(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings by outcome and place, whatever is deployed: numbers in fingerprints follow this order."""
    listed = list(findings)
    if not any(finding.is_undeployed for finding in listed):
        return listed
    return sorted(listed, key=lambda finding: (finding.outcome, *place_order(finding)))


def deployed_first(findings: Iterable[Finding], results: Iterable[_Result]) -> list[_Result]:
    """Return the ``results`` of findings in their order, but those that nothing deploys last."""
    pairs = sorted(zip(findings, results, strict=True), key=lambda pair: pair[0].is_undeployed)
    return [result for _, result in pairs]


class FindingGroup(msgspec.Struct):
    """A finding, the other findings of its rule that differ only in the resource, and findings with the same cause."""

    finding: Finding
    others: list[Finding] = []
    same_cause: list[Finding] = []

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return all findings of the block."""
        return (self.finding, *self.others, *self.same_cause)


class UnknownCause(msgspec.Struct, frozen=True):
    """A reason why results are unknown, the place to which it leads, and the unknown results."""

    why: str
    at: Location
    results: tuple[Finding, ...]

    @property
    def severity(self) -> Severity:
        """Return the highest severity of the results."""
        return max(finding.severity for finding in self.results)

    @property
    def is_undeployed(self) -> bool:
        """Return whether nothing deploys what the results are about."""
        return all(finding.is_undeployed for finding in self.results)

    @property
    def rules(self) -> tuple[str, ...]:
        """Return the ids of the rules, in order."""
        return tuple(sorted({finding.rule.id for finding in self.results}))

    @property
    def resources(self) -> tuple[str, ...]:
        """Return the addresses of the resources, in order of appearance."""
        return tuple(dict.fromkeys(finding.resource for finding in self.results))


def fold(findings: Iterable[Finding]) -> list[FindingGroup]:
    """Return the findings as blocks, in the order of the first finding of each."""
    listed = list(findings)
    by_place: dict[tuple[str, str, bool], dict[str, Finding]] = {}
    for finding in listed:
        for root, resource in _cause_keys(finding):
            by_place.setdefault((root, resource, finding.in_tests), {}).setdefault(finding.rule.id, finding)
    leaders = {id(finding): _leader(finding, by_place) for finding in listed}
    blocks: dict[object, FindingGroup] = {}
    for finding in listed:
        if leaders[id(finding)] is None:
            block = blocks.setdefault(_block_key(finding), FindingGroup(finding))
            if block.finding is not finding:
                block.others.append(finding)
    for finding in listed:
        top, leader = finding, leaders[id(finding)]
        while leader is not None:
            top, leader = leader, leaders[id(leader)]
        if top is not finding:
            blocks[_block_key(top)].same_cause.append(finding)
    return list(blocks.values())


def _cause_keys(finding: Finding) -> Iterator[tuple[str, str]]:
    yield finding.root, finding.resource
    if finding.type.lower().startswith("microsoft.keyvault/"):
        yield finding.root, PROVIDER_TYPE


def _leader(finding: Finding, by_place: Mapping[tuple[str, str, bool], Mapping[str, Finding]]) -> Finding | None:
    """Return the finding with the same cause, on the same resource or one that decided the result.

    For a provider, it is on any vault of its root.
    """
    if not finding.rule.same_cause:
        return None
    is_provider = finding.type.lower() == PROVIDER_TYPE.lower()
    places = [PROVIDER_TYPE] if is_provider else [finding.resource, *(one.at.address or "" for one in finding.evidence)]
    causes = (by_place.get((finding.root, place, finding.in_tests), {}) for place in dict.fromkeys(places))
    return next((one for found in causes for rule in finding.rule.same_cause if (one := found.get(rule))), None)


def _block_key(finding: Finding) -> object:
    """Return what findings of one block have in common: all but the resource and the place, in one language."""
    names = dict.fromkeys(PLACEHOLDER.findall(finding.template))
    values = zip(names, finding.arguments, strict=True)
    facts = tuple(value for name, value in values if name not in _NAMES)
    label = "" if finding.rule.marks else finding.label
    marks = finding.in_tests, finding.is_undeployed, finding.condition, finding.accepted
    author = finding.language, finding.fix_case  # one text of advice is for all of them
    return finding.rule.id, finding.severity, finding.is_absent, facts, label, marks, author


def is_minor(finding: Finding) -> bool:
    """Return whether an unknown result is left out of the default text report: those about names, limits and syntax."""
    return finding.rule.category in _MINOR_CATEGORIES


def unknown_causes(unknown: Iterable[Finding]) -> list[UnknownCause]:
    """Return unknown results grouped by cause, the most consequential cause of what is deployed first."""
    groups: dict[str, list[Finding]] = {}
    places: dict[str, Location] = {}
    for finding in unknown:
        groups.setdefault(finding.label, []).append(finding)
        places.setdefault(finding.label, _origin(finding))
    causes = [UnknownCause(why, places[why], tuple(results)) for why, results in groups.items()]
    return sorted(
        causes,
        key=lambda cause: (cause.is_undeployed, -cause.severity, -len(cause.results), cause.at.path, cause.why),
    )


def _origin(finding: Finding) -> Location:
    """Return where the unknown value comes from: the first variable or parameter of its chain of causes."""
    evidence: Sequence[Evidence] = finding.evidence
    at = evidence[0].at if evidence else finding.at
    while at.cause is not None:
        at = at.cause
    return at if at.region is not None else finding.at


def remedy(cause: UnknownCause) -> str:
    """Return the command that decides unknown results, or an empty string."""
    if _VARIABLE.search(cause.why):
        return "set the variable with --var or --var-file"
    if _PARAMETER.search(cause.why):
        return "name the parameter file with --parameters"
    if "known only at deployment" in cause.why:
        return "name the parameter file with --parameters, or check a what-if result"
    if _MODULE.search(cause.why):
        in_bicep = cause.at.path.lower().endswith(".bicep")
        return f"run `{'bicep restore' if in_bicep else 'terraform init'}` first"
    if "known after apply" in cause.why:
        return "check a plan that is created after the first apply"
    if _READ_FROM_AZURE.search(cause.why):
        return "check a plan (`terraform show -json`)"
    if _AFTER_DEPLOYMENT.search(cause.why):
        return "check a what-if result"
    if _ELSEWHERE.search(cause.why):
        return "check the folder or plan that declares it too"
    return ""

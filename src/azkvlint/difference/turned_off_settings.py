"""Settings that HEAD turns off."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import msgspec

from azkvlint.config.influences import CONFIGURATION
from azkvlint.config.run_config import Config
from azkvlint.config.weakened import Weakening
from azkvlint.difference.sides import Side
from azkvlint.engine.rule_store import find_rules_by_prefix
from azkvlint.linter.linter import check, known_rules
from azkvlint.model.difference import CHANGED, NEW, FindingChange, TurnedOff
from azkvlint.model.location import Location, Region
from azkvlint.util.errors import InputError, RuleError, UsageError
from azkvlint.util.project_files import reported_name


def setting_entries(weakenings: Sequence[Weakening], config: Config, base: Side, head: Side) -> Iterator[TurnedOff]:
    """Yield the entries of settings that HEAD adds or changes. ``config`` is that of BASE."""
    known = known_rules(msgspec.structs.replace(config, settings=())) if weakenings else ()
    for one in weakenings:
        rules: set[str] = set()
        for word in one.words:
            try:
                rules.update(rule.id for rule in find_rules_by_prefix(known, word))
            except UsageError:
                continue  # a rule that only HEAD has
        root = (base if one.is_in_base else head).report.root
        region = Region(one.line, 1, one.line, 1) if one.line else None
        yield TurnedOff(
            kind=one.kind,
            text=one.text,
            at=Location(path=reported_name(root, one.file), region=region),
            rules=tuple(sorted(rules)),
            resource=one.resources[0] if len(one.resources) == 1 else "",
            is_in_base=one.is_in_base,
        )


def hidden_by_own(head: Side, own: Callable[[], Config]) -> Iterator[TurnedOff]:
    """Yield the findings of HEAD that its own configuration hides or weakens."""
    try:
        report = check(own())
    except (UsageError, RuleError, InputError):
        return  # with a configuration that cannot be used, no check passes
    found = {
        (finding.rule.id, one.root, one.address): finding.severity
        for finding in report.counted(report.findings)
        for one in finding.occurrences
    }
    for finding in head.report.counted(head.report.findings):
        for one in finding.occurrences:
            severity = found.get((finding.rule.id, one.root, one.address))
            if severity is None or severity < finding.severity:
                how = "hides" if severity is None else f"lowers to {severity.label}"
                yield TurnedOff(
                    kind=CONFIGURATION.kind,
                    text=f"the configuration of HEAD {how} {finding.rule.id} on {one.address}",
                    at=finding.at,
                    rules=(finding.rule.id,),
                    resource=one.address,
                )


def counted_entries(
    entries: Iterable[TurnedOff], changes: Iterable[FindingChange], known: Collection[str]
) -> Iterator[TurnedOff]:
    """Yield the entries of a pull request that introduces kvlint: only those on new and changed resources count.

    ``known`` are the addresses of the resources that did not change.
    """
    differing = {
        (change.finding.rule.id, one.address)
        for change in changes
        if change.state in (NEW, CHANGED)
        for one in change.finding.occurrences
    }
    for entry in entries:
        is_new = entry.resource not in known or any((rule, entry.resource) in differing for rule in entry.rules)
        yield msgspec.structs.replace(entry, is_counted=bool(entry.resource) and is_new)

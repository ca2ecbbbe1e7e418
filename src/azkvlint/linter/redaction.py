"""Redact secret strings from results: values whose names mark them as secrets.

Rules are evaluated with the original values, so redaction does not affect any verdict.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable
from functools import cached_property
from urllib.parse import quote

import msgspec

from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import ControlAnswers, Declaration, Evidence, Finding, Note, Owner, Problem, Vault
from azkvlint.model.identity import with_fingerprints
from azkvlint.model.location import Excerpt, Location
from azkvlint.model.value import SENSITIVE
from azkvlint.util.secret_names import is_harmless

# Shorter strings occur in others by chance, so they are redacted only as whole words.
_MIN_UNANCHORED = 8
# Strings below this length are not redacted.
_MIN_LENGTH = 4
# Reports truncate long strings, so only their beginning is matched.
_MAX_LENGTH = 64
# With more strings, the pattern is as fast as a search for each.
_MOST_SEARCHED = 100
# Azure's own keywords and the words of its role names are not secrets, even as the value of a secret variable.
_KEYWORDS = frozenset(
    {
        "access", "administrator", "allow", "azureservices", "contributor", "default", "deny", "disabled", "enabled",
        "false", "none", "null", "officer", "operator", "owner", "premium", "reader", "standard", "true", "user",
    }
)  # fmt: skip


def without_secret_texts(result: UnitResult) -> UnitResult:
    """Return the result with its secret strings replaced by ``(sensitive)``."""
    redactor = Redactor(result.secret_texts)
    return redactor.result(result) if redactor else result


class Redactor:
    """Replaces secret strings in texts and results. It is false if there are none."""

    def __init__(self, texts: Iterable[str]) -> None:
        spellings = {spelling for text in texts if _is_worth_hiding(text) for spelling in _spellings(text)}
        self._spellings = spellings
        # A search for each of a few strings is faster than the pattern. Beyond ASCII, case is not that simple.
        is_simple = len(spellings) <= _MOST_SEARCHED and all(map(str.isascii, spellings))
        self._searched = [text[:_MAX_LENGTH].lower() for text in spellings] if is_simple else None
        # Most texts of a result, such as addresses, occur in many of its findings.
        self._known: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._spellings)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The pattern of all strings. Most inputs have no text that may contain one."""
        patterns = [_pattern(text) for text in sorted(self._spellings, key=lambda text: (-len(text), text))]
        return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)

    def text(self, text: str) -> str:
        """Return a text without secret strings."""
        if not self._spellings or not text:
            return text
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._pattern.sub(SENSITIVE, text) if self._may_contain(text) else text
        return found

    def _may_contain(self, text: str) -> bool:
        """Return whether a text may contain a secret string; True if that is not known."""
        if self._searched is None or not text.isascii():
            return True
        lower = text.lower()
        return any(searched in lower for searched in self._searched)

    def result(self, result: UnitResult) -> UnitResult:
        """Return a result without secret strings."""
        return msgspec.structs.replace(
            result,
            findings=[self._finding(item) for item in result.findings],
            unknown=[self._finding(item) for item in result.unknown],
            suppressed=[self._finding(item) for item in result.suppressed],
            problems=[self.problem(item) for item in result.problems],
            unused={mark: self.problem(item) for mark, item in result.unused.items()},
            declarations=[self._declaration(item) for item in result.declarations],
            control_answers=None if result.control_answers is None else self._answers(result.control_answers),
        )

    def _finding(self, finding: Finding) -> Finding:
        at, callers = self._location(finding.at), tuple(map(self._location, finding.callers))
        own = None if finding.attribute_at is None else self._location(finding.attribute_at)
        redacted = msgspec.structs.replace(
            finding,
            message=self.text(finding.message),
            arguments=tuple(map(self.text, finding.arguments)),
            resource=self.text(finding.resource),
            full_name=self.text(finding.full_name),
            identity=self.text(finding.identity),
            at=at,
            label=self.text(finding.label),
            attribute=self.text(finding.attribute),
            evidence=tuple(map(self._evidence, finding.evidence)),
            related=tuple(Note(text=self.text(note.text), at=self._location(note.at)) for note in finding.related),
            why=self.text(finding.why),
            resource_at=None if finding.resource_at is None else self._location(finding.resource_at),
            attribute_at=own,
            callers=callers,
            excerpt=None if finding.excerpt is None else self._excerpt(finding.excerpt),
        )
        # An attacker could verify guesses against a hash of the secret.
        places = ((at, finding.at), (own or at, finding.attribute_at or finding.at))
        has_changed = any((new.address, new.attribute) != (old.address, old.attribute) for new, old in places)
        return with_fingerprints(redacted) if has_changed else redacted

    def _excerpt(self, excerpt: Excerpt) -> Excerpt:
        text, context = self.text(excerpt.text), self.text(excerpt.context_text)
        if context == excerpt.context_text:
            return excerpt
        # The same holds for a hash of the line.
        line_hash = None if excerpt.line_hash is None else ""
        return msgspec.structs.replace(excerpt, text=text, context_text=context, line_hash=line_hash)

    def _evidence(self, evidence: Evidence) -> Evidence:
        return msgspec.structs.replace(
            evidence,
            name=self.text(evidence.name),
            source_name=self.text(evidence.source_name),
            found=self.text(evidence.found),
            note=self.text(evidence.note),
            at=self._location(evidence.at),
            hops=tuple(map(self.text, evidence.hops)),
        )

    def _location(self, at: Location) -> Location:
        address = None if at.address is None else self.text(at.address)
        attribute = None if at.attribute is None else self.text(at.attribute)
        cause = None if at.cause is None else self._location(at.cause)
        if address == at.address and attribute == at.attribute and cause is at.cause:
            return at
        return msgspec.structs.replace(at, address=address, attribute=attribute, cause=cause)

    def problem(self, problem: Problem) -> Problem:
        """Return a problem without secret strings."""
        at = None if problem.at is None else self._location(problem.at)
        message, hint = self.text(problem.message), self.text(problem.hint)
        return msgspec.structs.replace(problem, message=message, hint=hint, at=at)

    def _declaration(self, declaration: Declaration) -> Declaration:
        return msgspec.structs.replace(
            declaration,
            address=self.text(declaration.address),
            at=self._location(declaration.at),
            reason=self.text(declaration.reason),
            condition=self.text(declaration.condition),
            names=frozenset(map(self.text, declaration.names)),
        )

    def _answers(self, answers: ControlAnswers) -> ControlAnswers:
        return ControlAnswers(
            vaults=tuple(map(self._vault, answers.vaults)),
            passes=tuple(map(self._finding, answers.passes)),
            owners={
                (rule, self.text(address)): self._owner(owner) for (rule, address), owner in answers.owners.items()
            },
        )

    def _vault(self, vault: Vault) -> Vault:
        address, name = self.text(vault.address), self.text(vault.name)
        return msgspec.structs.replace(vault, address=address, name=name, at=self._location(vault.at))

    def _owner(self, owner: Owner) -> Owner:
        certain, perhaps = tuple(map(self.text, owner.certain)), tuple(map(self.text, owner.perhaps))
        return msgspec.structs.replace(owner, certain=certain, perhaps=perhaps)


def _is_worth_hiding(text: str) -> bool:
    return len(text.strip()) >= _MIN_LENGTH and text.lower() not in _KEYWORDS and not is_harmless(text)


def _spellings(text: str) -> set[str]:
    """Return the encodings of a string in reports and functions."""
    spellings = {text, text.strip(), quote(text, safe="", errors="replace")}
    if len(text) >= _MIN_UNANCHORED:
        spellings.add(b2a_base64(text.encode("utf-8", "replace"), newline=False).decode().rstrip("="))
    return spellings


def _pattern(text: str) -> str:
    if len(text) > _MAX_LENGTH:
        return f"{re.escape(text[:_MAX_LENGTH])}.*"
    return re.escape(text) if len(text) >= _MIN_UNANCHORED else rf"(?<!\w){re.escape(text)}(?!\w)"

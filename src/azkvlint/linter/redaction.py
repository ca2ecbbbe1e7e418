"""What was judged, without the texts that no message shows: values that go by names that speak of secrets.

The rules have seen them, so no verdict depends on this. Only what is reported does.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from azkvlint.engine.messages import fingerprint
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import ControlAnswers, Declaration, Evidence, Finding, Note, Owner, Problem, Vault
from azkvlint.model.location import Excerpt, Location
from azkvlint.model.value import SENSITIVE
from azkvlint.util.secret_names import is_harmless

# A shorter text is a part of others by chance, so it is hidden only where it stands alone.
_LONG = 8
# One that is shorter still may be anything.
_LEAST = 4
# Of a text of many lines a report shows only the beginning.
_MOST = 64
# Words of Azure's own. Whoever gives one to a variable for a secret gives no secret away.
_WORDS = frozenset(
    {
        "allow", "azureservices", "default", "deny", "disabled", "enabled", "false", "none", "null", "premium",
        "standard", "true",
    }
)  # fmt: skip


def without_secret_texts(judged: UnitResult) -> UnitResult:
    """Return what was judged with ``(sensitive)`` in the place of each of its secret texts."""
    redactor = Redactor(judged.secret_texts)
    return redactor.judged(judged) if redactor else judged


class Redactor:
    """Replaces texts wherever they are shown. It is false if there are none."""

    def __init__(self, texts: Iterable[str]) -> None:
        spelled = {spelling for text in texts if _is_worth_hiding(text) for spelling in _spellings(text)}
        patterns = [_pattern(text) for text in sorted(spelled, key=lambda text: (-len(text), text))]
        self._pattern = re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL) if patterns else None

    def __bool__(self) -> bool:
        """Return whether there is anything to replace."""
        return self._pattern is not None

    def text(self, text: str) -> str:
        """Return a text without the secret ones."""
        return text if self._pattern is None else self._pattern.sub(SENSITIVE, text)

    def judged(self, judged: UnitResult) -> UnitResult:
        """Return what was judged without the secret texts."""
        return msgspec.structs.replace(
            judged,
            findings=[self._finding(one) for one in judged.findings],
            undecided=[self._finding(one) for one in judged.undecided],
            suppressed=[self._finding(one) for one in judged.suppressed],
            problems=[self.problem(one) for one in judged.problems],
            unused={mark: self.problem(one) for mark, one in judged.unused.items()},
            declarations=[self._declaration(one) for one in judged.declarations],
            answers=None if judged.answers is None else self._answers(judged.answers),
        )

    def _finding(self, finding: Finding) -> Finding:
        at, callers = self._location(finding.at), tuple(map(self._location, finding.callers))
        mark = finding.fingerprint
        if mark and (at.address, at.attribute) != (finding.at.address, finding.at.attribute):
            # A hash of a secret gives it away to whoever can guess.
            mark = fingerprint(finding.rule.id, at, callers)
        return msgspec.structs.replace(
            finding,
            message=self.text(finding.message),
            arguments=tuple(map(self.text, finding.arguments)),
            resource=self.text(finding.resource),
            full_name=self.text(finding.full_name),
            at=at,
            fingerprint=mark,
            evidence=tuple(map(self._evidence, finding.evidence)),
            related=tuple(Note(text=self.text(note.text), at=self._location(note.at)) for note in finding.related),
            why=self.text(finding.why),
            resource_at=None if finding.resource_at is None else self._location(finding.resource_at),
            callers=callers,
            excerpt=None if finding.excerpt is None else self._excerpt(finding.excerpt),
        )

    def _excerpt(self, excerpt: Excerpt) -> Excerpt:
        text, context = self.text(excerpt.text), self.text(excerpt.context_text)
        if context == excerpt.context_text:
            return excerpt
        # A hash of the line would give the secret away.
        line_hash = None if excerpt.line_hash is None else ""
        return msgspec.structs.replace(excerpt, text=text, context_text=context, line_hash=line_hash)

    def _evidence(self, one: Evidence) -> Evidence:
        return msgspec.structs.replace(
            one,
            found=self.text(one.found),
            note=self.text(one.note),
            at=self._location(one.at),
            hops=tuple(map(self.text, one.hops)),
        )

    def _location(self, at: Location) -> Location:
        address = None if at.address is None else self.text(at.address)
        attribute = None if at.attribute is None else self.text(at.attribute)
        cause = None if at.cause is None else self._location(at.cause)
        return msgspec.structs.replace(at, address=address, attribute=attribute, cause=cause)

    def problem(self, problem: Problem) -> Problem:
        """Return a problem without the secret texts."""
        at = None if problem.at is None else self._location(problem.at)
        message, hint = self.text(problem.message), self.text(problem.hint)
        return msgspec.structs.replace(problem, message=message, hint=hint, at=at)

    def _declaration(self, one: Declaration) -> Declaration:
        return msgspec.structs.replace(
            one,
            address=self.text(one.address),
            at=self._location(one.at),
            reason=self.text(one.reason),
            condition=self.text(one.condition),
        )

    def _answers(self, answers: ControlAnswers) -> ControlAnswers:
        return ControlAnswers(
            vaults=tuple(map(self._vault, answers.vaults)),
            passes=tuple(map(self._finding, answers.passes)),
            owners={(rule, self.text(address)): self._owner(one) for (rule, address), one in answers.owners.items()},
        )

    def _vault(self, vault: Vault) -> Vault:
        address, name = self.text(vault.address), self.text(vault.name)
        return msgspec.structs.replace(vault, address=address, name=name, at=self._location(vault.at))

    def _owner(self, owner: Owner) -> Owner:
        certain, perhaps = tuple(map(self.text, owner.certain)), tuple(map(self.text, owner.perhaps))
        return msgspec.structs.replace(owner, certain=certain, perhaps=perhaps)


def _is_worth_hiding(text: str) -> bool:
    return len(text.strip()) >= _LEAST and text.lower() not in _WORDS and not is_harmless(text)


def _spellings(text: str) -> set[str]:
    """Return a text as reports and functions spell it."""
    found = {text, text.strip(), quote(text, safe="", errors="replace")}
    if len(text) >= _LONG:
        found.add(b64encode(text.encode("utf-8", "replace")).decode().rstrip("="))
    return found


def _pattern(text: str) -> str:
    if len(text) > _MOST:
        return f"{re.escape(text[:_MOST])}.*"
    return re.escape(text) if len(text) >= _LONG else rf"(?<!\w){re.escape(text)}(?!\w)"

"""What a run found: findings, undecided questions and problems. Plain text only, no Values, no secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum

import msgspec

from azkvlint.model.location import Excerpt, Location
from azkvlint.model.rule import Rule, Severity
from azkvlint.model.value import Origin

# What the note says on the module call that leads to a finding.
CALLED = "called here"
# And on where a value was written, if not where it is used.
CAUSED = "the value comes from here"
# What ``source`` is of a finding that a plan makes on a place in source.
FROM_PLAN = "plan"
# The kinds of a Suppression.
IN_SOURCE, EXTERNAL = "inSource", "external"


class Outcome(IntEnum):
    """Kleene's three values, so that all is min, any is max and not is the mirror."""

    FAIL = 0
    UNDECIDED = 1
    PASS = 2

    @property
    def label(self) -> str:
        """The word that reports use."""
        return self.name.lower()


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One answer that decided: of ``at.address``, the attribute ``asked`` is ``found``, where ``wanted`` was asked for.

    ``at.attribute`` is where the author can change it: of a derived attribute, what it was derived from. ``origin`` and
    ``note`` are the value's, or it is ABSENT; ``hops`` are the references that led to this resource.
    """

    outcome: Outcome
    found: str
    wanted: str
    at: Location
    asked: str = ""
    origin: Origin = Origin.WRITTEN
    note: str = ""
    hops: tuple[str, ...] = ()


class Note(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place that helps to understand a finding."""

    text: str
    at: Location


class Declaration(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A declaration that was evaluated, or was not: then ``reason`` says why. ``address`` is that without keys.

    ``condition``: it only may exist, and this says when. ``instances`` counts those that were evaluated.
    """

    address: str
    type: str
    declared_as: str
    at: Location
    reason: str = ""
    condition: str = ""
    instances: int = 0


class Suppression(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a finding does not count. ``kind`` is SARIF's: ``inSource``, such as a comment, or ``external``, a file of
    its own; it stands at ``at``.

    ``until`` is the last day on which it holds (``2027-03-01``), ``owner`` who answers for it; either may be empty.
    ``tool`` is the tool that a comment was written for, if that is not kvlint.
    """

    kind: str
    justification: str
    at: Location
    until: str = ""
    owner: str = ""
    tool: str = ""


class Occurrence(msgspec.Struct, frozen=True, kw_only=True, order=True, gc=False):
    """One resource of those that a finding is about. ``root`` is the document or folder through which it was found."""

    root: str
    address: str
    type: str
    full_name: str
    message: str


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A rule that does not hold for a resource (FAIL), or cannot be decided (UNDECIDED, ``why`` says what is missing).

    ``arguments`` are the values of the placeholders of the rule's message, in their order of first appearance.
    ``full_name`` is the resource's name with its parents' names before it where known (``vault/secret``).

    ``resource_at`` is where the resource is declared, ``callers`` are the module calls that lead to it, outermost
    first. ``root`` is the path of the document or folder through which it was found. ``source`` is ``plan`` for what a
    plan says of a place in Terraform source. ``regraded`` is the severity that the user gives it. A folded finding has
    ``occurrences``, of which the first is its own. ``in_tests``: its place is in a folder of tests or examples.
    """

    rule: Rule
    outcome: Outcome
    message: str
    arguments: tuple[str, ...]
    resource: str
    full_name: str
    type: str
    declared_as: str
    at: Location
    fingerprint: str
    evidence: tuple[Evidence, ...] = ()
    related: tuple[Note, ...] = ()
    why: str = ""
    excerpt: Excerpt | None = None
    resource_at: Location | None = None
    callers: tuple[Location, ...] = ()
    root: str = ""
    source: str = ""
    suppressed: Suppression | None = None
    regraded: Severity | None = None
    occurrences: tuple[Occurrence, ...] = ()
    in_tests: bool = False

    @property
    def severity(self) -> Severity:
        """The one that the user gives it, or else the rule's."""
        return self.rule.severity if self.regraded is None else self.regraded


class Owner(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whose a resource is: addresses of vaults and managed HSMs, certainly and perhaps.

    Or that of ``every`` one of its root; or of ``anyone``, as what it names is not known at all.
    """

    certain: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    every: bool = False
    anyone: bool = False


class Vault(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A vault or managed HSM of an input. ``deployed`` by it, or only read; ``known``: its properties are."""

    address: str
    name: str
    type: str
    declared_as: str
    at: Location
    known: bool = True
    deployed: bool = True


class ControlAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """What else a run hands over that asks for it: the vaults, what holds, and whose each judged resource is.

    Of what holds (findings with the outcome PASS) there are a few for each rule and owner. ``owners`` are by the id of
    the rule and the address of the resource.
    """

    vaults: tuple[Vault, ...]
    passes: tuple[Finding, ...]
    owners: Mapping[tuple[str, str], Owner]


class Problem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What could not be read, evaluated or understood. ``level`` error: the answer is not whole (exit 3).

    ``is_syntax_error``: kvlint's parser of Terraform's language rejects the file there. ``is_missing_module``: a module
    is called there that is not available; reports show the calls of one module as one problem.
    """

    code: str
    level: str
    message: str
    at: Location | None = None
    hint: str = ""
    is_syntax_error: bool = False
    is_missing_module: bool = False


def is_complete(sources: Sequence[str], problems: Iterable[Problem]) -> bool:
    """Return whether at least one input was read, and everything that should have been readable was."""
    return bool(sources) and all(problem.level != "error" for problem in problems)


class Repository(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The git checkout that the input lies in. ``uri`` is https and holds no user information."""

    uri: str
    revision: str
    branch: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. ``findings`` are folded and sorted by path, line, column and rule; so are ``undecided``, unless
    nobody wants to be told what is not known.

    ``suppressed`` are findings and undecided questions that count for nothing, because their author said so. ``passes``
    are there if they were asked for: of each rule a few of the resources for which it holds, for each vault.

    ``rules`` are all that ran, in id order. ``sources`` are the paths that were read, ``root`` is the folder on this
    machine that they start from. ``configuration`` is the file that settings were read from, "" without one.
    ``judged`` counts the resources that were evaluated, by Azure type; ``passed`` counts the checks that passed.
    ``evaluated`` and ``skipped`` are the declarations of what reports account for, by path and line.
    Findings in folders of tests and examples count only if it ``includes_tests``.
    """

    findings: tuple[Finding, ...]
    undecided: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    rules: tuple[Rule, ...]
    sources: tuple[str, ...]
    judged: Mapping[str, int]
    passed: int
    version: str
    repository: Repository | None = None
    suppressed: tuple[Finding, ...] = ()
    passes: tuple[Finding, ...] = ()
    root: str = ""
    configuration: str = ""
    evaluated: tuple[Declaration, ...] = ()
    skipped: tuple[Declaration, ...] = ()
    includes_tests: bool = False

    def counted(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return those findings that count: not those in folders of tests and examples."""
        return tuple(one for one in findings if self.includes_tests or not one.in_tests)

    def uncounted(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the other findings."""
        return tuple(one for one in findings if one.in_tests and not self.includes_tests)

    @property
    def is_complete(self) -> bool:
        """Whether at least one input was read, and everything that should have been readable was."""
        return is_complete(self.sources, self.problems)

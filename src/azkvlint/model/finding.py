"""Results of a run: findings, suppressions, unknown results and problems; and the overrides of a configuration file.

Holds plain strings only: no Values, no secrets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from azkvlint.model.condition import WorldCondition
from azkvlint.model.location import Excerpt, Location
from azkvlint.model.rule import LabeledEnum, Rule, Severity
from azkvlint.model.suppression import TOOL_NAMES, SuppressionDirective
from azkvlint.model.value import Origin

INPUT_UNREADABLE = "KVE001"
INPUT_INCOMPLETE = "KVE002"
TYPE_UNKNOWN = "KVE003"
NOT_MAPPED = "KVE008"
SETTING_WITHOUT_EFFECT = "KVE011"
TEMPLATE_DIFFERS = "KVE013"
CHANGED_OUTSIDE = "KVE014"
SECRETS_IN_STATE = "KVE015"
# The note on a module call that leads to a finding.
CALLED = "called here"
# The note on the place where a value was written, if it is used elsewhere.
CAUSED = "the value comes from here"
# The ``source`` of a finding from a plan that is reported in Terraform source.
FROM_PLAN = "plan"
# The kinds of Suppression.
IN_SOURCE, EXTERNAL = "inSource", "external"
IN_BASELINE = "baseline"
"""The justification of suppressions by a baseline."""
_BICEP_FILES = (".bicep", ".bicepparam")
_TERRAFORM_FILES = (".tf", ".tofu", ".hcl", ".tf.json", ".tofu.json", ".tfvars")
# The declarations that are resources to rules, and not to Azure.
_NOT_IN_AZURE = frozenset({"argument", "data", "module", "output", "provider"})
# The kinds of inputs, in the order of reports.
TERRAFORM_MODULE, TERRAFORM_PLAN = "Terraform module", "Terraform plan"
TERRAGRUNT_UNIT, STACK_FILE = "Terragrunt unit", "stack file"
BICEP_FILE, ARM_TEMPLATE, PREDICTION = "Bicep file", "ARM template", "what-if result"
UNIT_KINDS = (
    TERRAFORM_MODULE, TERRAFORM_PLAN, TERRAGRUNT_UNIT, STACK_FILE, BICEP_FILE, ARM_TEMPLATE, PREDICTION,
)  # fmt: skip


class Outcome(LabeledEnum):
    """The results of Kleene's logic in an order that makes all a minimum, any a maximum and not a mirror."""

    FAIL = 0
    UNKNOWN = 1
    PASS = 2


FAIL, UNKNOWN, PASS = Outcome.FAIL, Outcome.UNKNOWN, Outcome.PASS


def negate(outcome: Outcome) -> Outcome:
    """Return PASS for FAIL, FAIL for PASS, and UNKNOWN for itself."""
    return PASS if outcome is FAIL else FAIL if outcome is PASS else UNKNOWN


def implication(when: Outcome, require: Outcome) -> Outcome:
    """Return the outcome of a rule: not ``when``, or ``require``."""
    return max(negate(when), require)


def is_derived(attribute: str | None) -> bool:
    """Return whether kvlint computes an attribute."""
    return attribute is not None and attribute.startswith("derived.")


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """One comparison that decided a result: ``attribute`` of ``at.address`` is ``found``, not ``expected``.

    ``negated`` is what ``not`` expects. Both are empty if no value can meet the condition.

    ``attribute`` is a path in Azure's vocabulary, empty for a link. ``name`` is what the author calls it, or the label
    of a derived attribute. ``at.attribute`` is where the author can change it; for a derived attribute, the source of
    the derivation; ``source_name`` is what the author calls that.
    ``origin`` and ``note`` are those of the value, ABSENT without one; ``hops`` are the references that lead to this
    resource.
    """

    outcome: Outcome
    found: str
    expected: str
    negated: str
    at: Location
    attribute: str = ""
    name: str = ""
    source_name: str = ""
    origin: Origin = Origin.WRITTEN
    note: str = ""
    hops: tuple[str, ...] = ()

    @property
    def is_derived(self) -> bool:
        """Return whether kvlint computes the attribute."""
        return is_derived(self.attribute)


class Note(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A related place that helps to understand a finding."""

    text: str
    at: Location


class Declaration(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A declaration that was evaluated, or skipped for a ``reason``. ``address`` is without instance keys.

    ``condition`` is set if the resource only may exist. ``instances`` counts the evaluated ones.
    ``names`` are the names in Azure of the instances of a vault or managed HSM, and ``exposures`` the number of
    instances with each network exposure, if a rule reads it.
    """

    address: str
    type: str
    declared_as: str
    at: Location
    reason: str = ""
    condition: str = ""
    instances: int = 0
    names: frozenset[str] = frozenset()
    exposures: Mapping[str, int] = {}


class Suppression(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """The reason why a finding does not count, given at ``at``.

    ``kind`` is SARIF's: ``inSource`` for comments and metadata, ``external`` for separate files. ``until`` is its last
    valid day (``2027-03-01``) and ``owner`` its owner; either may be empty. ``tool`` is the other tool that a comment
    was written for, if any.
    """

    kind: str
    justification: str
    at: Location
    until: str = ""
    owner: str = ""
    tool: str = ""

    @property
    def is_baseline(self) -> bool:
        """Return whether the finding is in the baseline."""
        return (self.kind, self.justification) == (EXTERNAL, IN_BASELINE)


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A comment at ``at`` for another ``tool`` that skips the equivalent check at the place of a finding.

    The finding has a lower severity than ``severity``, which it has without the comment.
    """

    tool: str
    at: Location
    severity: Severity

    @property
    def text(self) -> str:
        """Return the reason for the severity in words."""
        line = "" if self.at.region is None else f" on line {self.at.region.start_line}"
        return f"low because a {TOOL_NAMES[self.tool]} comment{line} skips this check"


class Occurrence(msgspec.Struct, frozen=True, kw_only=True, order=True, gc=False, array_like=True):
    """One of the resources that a finding groups. ``root`` is the document or folder through which it was found.

    ``twin``, ``identity``, ``fingerprint`` and ``former_fingerprint`` are those of the finding. ``worlds`` are the
    parameter files with which the resource has the result, if its input has any. ``condition`` is that of the finding.
    ``world_names`` are the short names of ``worlds``, if the resource does not have the result with all of the files.
    """

    root: str
    address: str
    type: str
    full_name: str
    message: str
    twin: tuple[str, str] = ("", "")
    identity: str = ""
    fingerprint: str = ""
    former_fingerprint: str = ""
    worlds: tuple[str, ...] = ()
    condition: str = ""
    world_names: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A rule that fails for a resource, or is unknown: then ``why`` is the reason.

    ``arguments`` are the values of the placeholders in its ``template``, in order of first appearance. ``label`` is the
    text beside the marked line, and ``attribute`` the name of the attribute there, as its author calls it.
    ``full_name`` is the resource's name prefixed with its parents' where known (``vault/secret``), and ``identity``
    what is known of it if it is unknown, and of the resource that it extends. ``resource_at`` is its declaration.
    ``attribute_at`` is the attribute of the resource if the finding marks another place, such as the default that holds
    the value. ``callers`` are the module calls that lead to it, outermost first. ``root`` is the path of the document
    or folder through which it was found. ``source`` is ``plan`` for a finding from a plan that is reported in source.
    ``regraded`` is the severity of this resource or from the configuration. ``fix_case`` is the number of the rule's
    ``fix_if`` that applies to it. A grouped finding has ``occurrences``, of
    which the first is its own. ``in_tests``: it is in a folder of tests or examples, or only arguments from one cause
    it. ``twin`` is the root and address of the same resource in a compiled template, where the rule fails too.
    ``fingerprint`` identifies it in other runs (``model.identity``), and ``former_fingerprint`` is the one of earlier
    versions, if that differs. ``world`` is the parameter file, if any. ``is_undeployed``: nothing in the input deploys
    the resource, as in modules that nothing calls. ``condition`` is set if only other values than the
    defaults create the resource. ``may_leak_credential``: the value in code may be a credential in use. ``accepted``: a
    comment for another tool accepts it.
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
    label: str = ""
    attribute: str = ""
    is_absent: bool = False
    evidence: tuple[Evidence, ...] = ()
    related: tuple[Note, ...] = ()
    why: str = ""
    excerpt: Excerpt | None = None
    resource_at: Location | None = None
    attribute_at: Location | None = None
    callers: tuple[Location, ...] = ()
    root: str = ""
    source: str = ""
    suppressed: Suppression | None = None
    regraded: Severity | None = None
    fix_case: int | None = None
    occurrences: tuple[Occurrence, ...] = ()
    in_tests: bool = False
    twin: tuple[str, str] = ("", "")
    identity: str = ""
    former_fingerprint: str = ""
    world: str = ""
    is_undeployed: bool = False
    condition: WorldCondition | None = None
    may_leak_credential: bool = False
    accepted: Acceptance | None = None

    @property
    def severity(self) -> Severity:
        """Return the severity from the configuration or of this resource, else the rule's."""
        return self.rule.severity if self.regraded is None else self.regraded

    @property
    def is_in_azure(self) -> bool:
        """Return whether Azure has the resource: it is not an output, argument, module call or provider."""
        return self.declared_as not in _NOT_IN_AZURE

    @property
    def is_computed(self) -> bool:
        """Return whether kvlint computes the attribute at the place, which is then a fact and not in the source."""
        return is_derived(self.at.attribute)

    @property
    def azure_path(self) -> str:
        """Return the path of the attribute at the place in the resource as Azure has it; empty if Azure has none."""
        return self.at.attribute or "" if self.is_in_azure and not self.is_computed else ""

    @property
    def language(self) -> str:
        """Return the language of the input in which the finding is to be fixed: ``terraform``, ``bicep`` or ``arm``.

        The body of an azapi resource has Azure's own names, so the fix in Bicep applies to it.
        """
        path, declared_as = self.at.path.lower(), self.declared_as
        if path.endswith(_BICEP_FILES) or declared_as.startswith("azapi_"):
            return "bicep"
        if path.endswith(_TERRAFORM_FILES):
            return "terraform"
        is_template = "/" in declared_as or (declared_as == "output" and not self.resource.startswith("output."))
        return "arm" if is_template else "terraform"

    @property
    def template(self) -> str:
        """Return the rule's message with placeholders: the one for attributes that are not set if ``is_absent``."""
        return self.rule.absent if self.is_absent else self.rule.message

    def __repr__(self) -> str:
        """Return the outcome, the rule, the place and the resource; all fields would be pages."""
        line = f":{self.at.region.start_line}" if self.at.region else ""
        return f"<Finding {self.outcome.name.lower()} {self.rule.id} {self.at.path}{line} {self.resource}>"


def without_acceptance(finding: Finding, severity: Severity) -> Finding:
    """Return a finding with a severity that no comment for another tool lowers."""
    accepted = finding.accepted
    if accepted is None:
        return msgspec.structs.replace(finding, regraded=severity)
    related = tuple(note for note in finding.related if note.text != accepted.text)
    return msgspec.structs.replace(finding, accepted=None, regraded=severity, related=related)


class Owner(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """The vaults and managed HSMs that a resource belongs to, by address: certainly, or perhaps.

    ``every``: it belongs to each one in its root. ``anyone``: the vault that it names is unknown.
    """

    certain: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    every: bool = False
    anyone: bool = False


class Vault(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A vault or managed HSM of an input. ``deployed`` by it, or only read; ``known`` if its properties are.

    ``condition`` is set if only other values than the defaults of inputs create it.
    """

    address: str
    name: str
    type: str
    declared_as: str
    at: Location
    known: bool = True
    deployed: bool = True
    condition: WorldCondition | None = None


class ControlAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """What ``kvlint controls`` needs besides findings: vaults, passed checks, and the owner of each evaluated resource.

    ``passes`` holds a few findings with the outcome PASS for each rule and owner. ``owners`` are by rule id and
    resource address.
    """

    vaults: tuple[Vault, ...]
    passes: tuple[Finding, ...]
    owners: Mapping[tuple[str, str], Owner]


class Problem(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """Something that could not be read, evaluated or understood. ``level`` error: the report is incomplete (exit 3).

    ``is_syntax_error``: kvlint's HCL parser rejects the file there. ``is_missing_module``: a module called there is not
    available; reports show the calls of one module as one problem. ``condition``: with which values of inputs there is
    the problem, in words.
    """

    code: str
    level: str
    message: str
    at: Location | None = None
    hint: str = ""
    is_syntax_error: bool = False
    is_missing_module: bool = False
    condition: str = ""


def without_notes(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that are more than notes."""
    return [problem for problem in problems if problem.level != "note"]


def is_complete(sources: Sequence[str], problems: Iterable[Problem]) -> bool:
    """Return whether at least one input was read, and none that should have been readable failed."""
    return bool(sources) and all(problem.level != "error" for problem in problems)


class Repository(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The git checkout of the input. ``uri`` is https and contains no user information."""

    uri: str
    revision: str
    branch: str


class OfRoot(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the input ``root``, in its base world ``world``: a parameter file, or a deployment of a stack."""

    root: str = ""
    world: str = ""


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the results of all commands state of their run. ``sources`` are the paths that were read."""

    problems: tuple[Problem, ...]
    sources: tuple[str, ...]
    version: str
    repository: Repository | None = None


class Report(RunResult, frozen=True, kw_only=True):
    """The result of a run.

    ``findings`` are grouped and sorted by path, line, column and rule; so are ``unknown``, which are empty unless
    requested. ``suppressed`` are findings and unknown results that their author suppressed. ``passes``, if requested,
    are a few of the resources that pass each rule, for each vault. ``rules`` are all that ran, in id order. ``sources``
    are the paths that were read, relative to the folder ``root``. ``configuration`` is the configuration file, empty
    without one. ``resource_counts`` counts evaluated resources by Azure type, ``unit_counts`` the inputs that
    were read by kind (UNIT_KINDS, singular nouns), in that order; ``passed`` counts passed checks.
    ``evaluated`` and ``skipped`` are the declarations that reports account for, by path and line. ``directives`` are
    the suppressions in source, whether they suppress anything or not. Findings in folders of tests and examples count
    only if it ``includes_tests``; otherwise ``test_folders`` are those with findings.
    """

    findings: tuple[Finding, ...]
    unknown: tuple[Finding, ...]
    rules: tuple[Rule, ...]
    resource_counts: Mapping[str, int]
    passed: int
    unit_counts: Mapping[str, int] = {}
    suppressed: tuple[Finding, ...] = ()
    passes: tuple[Finding, ...] = ()
    root: str = ""
    configuration: str = ""
    evaluated: tuple[Declaration, ...] = ()
    skipped: tuple[Declaration, ...] = ()
    directives: tuple[SuppressionDirective, ...] = ()
    includes_tests: bool = False
    test_folders: tuple[str, ...] = ()

    def counted(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings that count, without those in folders of tests and examples."""
        return tuple(one for one in findings if self.includes_tests or not one.in_tests)

    def uncounted(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings that do not count."""
        return tuple(one for one in findings if one.in_tests and not self.includes_tests)

    @property
    def is_complete(self) -> bool:
        """Return whether at least one input was read, and none that should have been readable failed."""
        return is_complete(self.sources, self.problems)

    def __repr__(self) -> str:
        """Return what the report has; all fields would be pages."""
        counted = {"findings": self.findings, "unknown": self.unknown, "problems": self.problems}
        return f"<Report {', '.join(f'{name}: {len(results)}' for name, results in counted.items())}>"

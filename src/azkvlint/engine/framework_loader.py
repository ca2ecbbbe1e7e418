"""Load control frameworks from YAML, and find the rules that check each of their controls.

As for rules, the faults of all files are reported at once, each with its line and column.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from azkvlint.engine.condition_loader import ConditionDecoder
from azkvlint.engine.schema import IDEA, LINK, NAME
from azkvlint.engine.yaml_decoder import Decoder, MappingFields, suggestion
from azkvlint.model.framework import ConditionalRules, Control, ControlCheck, Framework, Platform, Sheet, Status
from azkvlint.model.rule import Rule
from azkvlint.syntax.yaml_nodes import ListNode, MapNode, Node, YamlFault
from azkvlint.util.errors import RuleError, UsageError
from azkvlint.util.lazy_regex import regex

_FRAMEWORK_KEYS = ("name", "title", "about", "references", "versions", "controls")
_REQUIRED_KEYS = ("name", "title", "about", "references", "controls")
_CONTROL_KEYS = ("id", "title", "section", "rules", "ideas", "policies", "also", "when", "platform", "note")
_ALSO_KEYS = ("rules", "ideas", "when")
_PLATFORM_KEYS = ("status", "because", "references")
_STATUSES: Mapping[str, Status] = {"guaranteed": Status.GUARANTEED, "not applicable": Status.NOT_APPLICABLE}
_VERSION = regex(r"[a-z]?[0-9]+(?:\.[0-9]+)*")
_POLICY = regex(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# The key of a rule's controls under which it lists equivalent built-in Azure policies.
_POLICIES = "azure-policy"
# The profile of disputed rules.
_DISPUTED = "all"
_START = YamlFault(1, 1, "")


def load_frameworks(files: Iterable[tuple[str, bytes]], rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """Return the frameworks of ``files`` (display path, content), one for each version, in the order of the files.

    ``rules`` are all rules to which a control may refer. Raise RuleError with the faults of all files.
    """
    frameworks: list[Framework] = []
    faults: list[str] = []
    known = {rule.id: rule for rule in rules}
    names: dict[str, str] = {}
    for path, content in files:
        decoder = Decoder(path)
        try:
            root = decoder.document(content.decode())
        except UnicodeDecodeError:
            decoder.fault(_START, "the file is not UTF-8")
            root = None
        if root is not None:
            frameworks += _FrameworkDecoder(decoder, known, names).frameworks(root)
        faults += decoder.lines()
    if faults:
        raise RuleError(tuple(faults))
    return tuple(frameworks)


class _FrameworkDecoder:
    def __init__(self, decoder: Decoder, known: Mapping[str, Rule], names: dict[str, str]) -> None:
        self._decoder = decoder
        self._known = known
        self._names = names
        self._versions: tuple[str, ...] = ()

    def frameworks(self, root: Node) -> Iterator[Framework]:
        """Yield the framework in each of its versions. They are valid only if the decoder noted no fault."""
        decoder = self._decoder
        fields = decoder.fields(root, "a control framework", _FRAMEWORK_KEYS, _REQUIRED_KEYS)
        family = self._name(fields)
        title = decoder.line(fields.get("title"), "title")
        about = decoder.text(fields.get("about"), "about")
        references = decoder.texts(fields.get("references"), "references", LINK, "an https:// link")
        self._versions = decoder.texts(fields.get("versions"), "versions", _VERSION, "a version, such as 5.0.0 or r5")
        rows: dict[str, list[Control]] = {version: [] for version in self._versions or ("",)}
        places: dict[tuple[str, str], Node] = {}
        for node in decoder.items(fields.get("controls"), "controls"):
            for version, control in self._control(node):
                if (version, control.id) in places:
                    decoder.fault(node, f"there are two rows {control.id!r}{f' in {version}' if version else ''}")
                places[version, control.id] = node
                rows[version].append(control)
        for version, controls in rows.items():
            yield Framework(
                name=f"{family}-{version}" if version else family,
                family=family,
                title=f"{title} {version.replace('r', 'revision ')}" if version else title,
                about=" ".join(about.split()),
                references=references,
                controls=tuple(controls),
                path=decoder.path,
            )

    def _name(self, fields: MappingFields) -> str:
        text = self._decoder.line(fields.get("name"), "name")
        if text and not NAME.fullmatch(text):
            self._decoder.fault(fields["name"], f"{text!r} is not a name: small letters and digits, joined by '-'")
        elif text in self._names:
            self._decoder.fault(fields["name"], f"{text!r} is also the name of {self._names[text]}")
        self._names.setdefault(text, self._decoder.path)
        return text

    def _control(self, node: Node) -> Iterator[tuple[str, Control]]:
        """Yield a control for each version that has it."""
        decoder = self._decoder
        fields = decoder.fields(node, "a control", _CONTROL_KEYS, ("id", "title"))
        when = fields.get("when")
        control = Control(
            id="",
            title=decoder.line(fields.get("title"), "title"),
            section=decoder.line(fields.get("section"), "section"),
            rules=self._rules(fields.get("rules")),
            ideas=decoder.texts(fields.get("ideas"), "ideas", IDEA, "an id such as NET-01"),
            policies=decoder.texts(fields.get("policies"), "policies", _POLICY, "the id of a built-in policy"),
            also=tuple(self._also(item) for item in decoder.items(fields.get("also"), "also")),
            when=None if when is None else ConditionDecoder(decoder, {}).conditions(when, "when"),
            platform=self._platform(fields.get("platform")),
            note=" ".join(decoder.text(fields.get("note"), "note").split()),
        )
        for version, id_ in self._ids(fields.get("id")):
            yield version, msgspec.structs.replace(control, id=id_)

    def _also(self, node: Node) -> ConditionalRules:
        fields = self._decoder.fields(node, "each item of also", _ALSO_KEYS, ("when",))
        return ConditionalRules(
            when=ConditionDecoder(self._decoder, {}).conditions(fields.get("when"), "when"),
            rules=self._rules(fields.get("rules")),
            ideas=self._decoder.texts(fields.get("ideas"), "ideas", IDEA, "an id such as NET-01"),
        )

    def _ids(self, node: Node | None) -> Iterator[tuple[str, str]]:
        """Yield the control's id by version: one id for all versions, or a mapping from version to id."""
        decoder = self._decoder
        if not isinstance(node, MapNode):
            text = decoder.line(node, "id")
            yield from ((version, text) for version in self._versions or ("",))
            return
        for key, value in node.entries:
            version = str(key.value)
            if version in self._versions:
                yield version, decoder.line(value, f"id {version!r}")
            else:
                decoder.fault(key, f"there is no version {version!r}{suggestion(version, self._versions)}")

    def _rules(self, node: Node | None) -> tuple[str, ...]:
        words = self._decoder.texts(node, "rules")
        for item, word in zip(node.items if isinstance(node, ListNode) else (), words, strict=False):
            if word and word not in self._known:
                self._decoder.fault(item, f"there is no rule {word!r}{suggestion(word.upper(), self._known)}")
        return words

    def _platform(self, node: Node | None) -> Platform | None:
        if node is None:
            return None
        decoder = self._decoder
        fields = decoder.fields(node, "platform", _PLATFORM_KEYS, _PLATFORM_KEYS)
        word = decoder.word(fields.get("status"), "status", _STATUSES, "guaranteed")
        return Platform(
            status=_STATUSES[word],
            because=" ".join(decoder.text(fields.get("because"), "because").split()),
            references=decoder.texts(fields.get("references"), "references", LINK, "an https:// link"),
        )


def find_frameworks(name: str, known: Sequence[Framework]) -> Sequence[Framework]:
    """Return the framework of a name; for the name of a family, its newest version. Empty if there is none.

    The first parts of a version are enough: ``cis-azure-6.0``. Raise UsageError if several versions begin with them.
    """
    word = name.lower()
    exact = [framework for framework in known if framework.name == word]
    family = [framework for framework in known if framework.family == word]
    matches = exact or family[-1:] or [framework for framework in known if framework.name.startswith(f"{word}.")]
    if len(matches) > 1:
        names = ", ".join(framework.name for framework in matches)
        raise UsageError(f"several control frameworks match '{name}'", f"one of {names}")
    return matches


def rules_of_frameworks(frameworks: Sequence[Framework], rules: Sequence[Rule]) -> frozenset[str]:
    """Return the ids of the rules that check a control of the frameworks, disputed ones and those with a condition
    included.
    """
    index = _RuleIndex(rules)
    found: set[str] = set()
    for framework in frameworks:
        found.update(rule.id for rule in rules if framework.name in rule.controls or framework.family in rule.controls)
        found.update(*index.of_controls(framework))
        conditional = [also for control in framework.controls for also in control.also]
        found.update(rule.id for rule in rules if any(_adds_rule(also, rule) for also in conditional))
    return frozenset(found.intersection(rule.id for rule in rules))


def sheets_of(frameworks: Sequence[Framework], rules: Sequence[Rule]) -> tuple[Sheet, ...]:
    """Return the frameworks with the rules that check each control, in the order of ``rules``."""
    index = _RuleIndex(rules)
    return tuple(
        Sheet(
            framework=framework,
            checks=tuple(
                _check_of(control, always, rules)
                for control, always in zip(framework.controls, index.of_controls(framework), strict=True)
            ),
        )
        for framework in frameworks
    )


class _RuleIndex:
    """The IDs of rules by what controls name: ideas, policies and, in each framework, themselves."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._by_idea = _ids_by(rules, lambda rule: rule.covers)
        self._by_policy = _ids_by(rules, lambda rule: rule.controls.get(_POLICIES, ()))

    def of_controls(self, framework: Framework) -> Iterator[set[str]]:
        """Yield the IDs of the rules that check each control without conditions; some may be of no rule."""
        by_control = _ids_by(self._rules, partial(_control_ids, framework))
        for control in framework.controls:
            yield by_control.get(control.id, set()).union(
                control.rules,
                *(self._by_idea.get(idea, ()) for idea in control.ideas),
                *(self._by_policy.get(policy, ()) for policy in control.policies),
            )


def _control_ids(framework: Framework, rule: Rule) -> Iterable[str]:
    return (*rule.controls.get(framework.name, ()), *rule.controls.get(framework.family, ()))


def _ids_by(rules: Iterable[Rule], keys_of: Callable[[Rule], Iterable[str]]) -> dict[str, set[str]]:
    """Return the IDs of the rules by each of their keys."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        for key in keys_of(rule):
            found.setdefault(key, set()).add(rule.id)
    return found


def _check_of(control: Control, always: Container[str], rules: Sequence[Rule]) -> ControlCheck:
    """Return a control with its rules, of which some check it without conditions.

    A disputed rule counts only if the control names it or has no other rule.
    """
    conditions = {
        rule.id: also.when
        for also in control.also
        for rule in rules
        if rule.id not in always and _adds_rule(also, rule)
    }
    matching = [rule for rule in rules if rule.id in always or rule.id in conditions]
    undisputed = [rule for rule in matching if rule.profile != _DISPUTED or rule.id in control.rules]
    return ControlCheck(
        control=control,
        rules=tuple(rule.id for rule in undisputed or matching),
        conditions=conditions,
    )


def _adds_rule(also: ConditionalRules, rule: Rule) -> bool:
    return rule.id in also.rules or not set(also.ideas).isdisjoint(rule.covers)

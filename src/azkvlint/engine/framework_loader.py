"""Control frameworks: YAML text -> Framework, and their rows -> the rules that answer them.

As with rules, all faults of all files come at once, each with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from azkvlint.engine.condition_loader import ConditionDecoder
from azkvlint.engine.yaml_decoder import Decoder, Fields, suggestion
from azkvlint.model.framework import ConditionalRules, Control, ControlCheck, Framework, Platform, Sheet, Status
from azkvlint.model.rule import Rule
from azkvlint.syntax.yaml_nodes import Fault, ListNode, MapNode, Node
from azkvlint.util.errors import RuleError
from azkvlint.util.lazy_regex import regex

_FRAMEWORK_KEYS = ("name", "title", "about", "references", "versions", "controls")
_REQUIRED_KEYS = ("name", "title", "about", "references", "controls")
_CONTROL_KEYS = ("id", "title", "section", "rules", "ideas", "policies", "also", "when", "platform", "note")
_ALSO_KEYS = ("rules", "ideas", "when")
_PLATFORM_KEYS = ("status", "because", "references")
_STATUSES: Mapping[str, Status] = {"guaranteed": Status.GUARANTEED, "not applicable": Status.NOT_APPLICABLE}
_NAME = regex(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSION = regex(r"[a-z]?[0-9]+(?:\.[0-9]+)*")
_IDEA = regex(r"[A-Z]{3}-[0-9]{2}")
_POLICY = regex(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LINK = regex(r"https://[^\s/]+\.[^\s/]+(?:/\S*)?")
# How a rule's controls name the built-in policies of Azure that ask the same.
_POLICIES = "azure-policy"
# The profile of rules that not everybody agrees on.
_OPINIONS = "all"
_START = Fault(1, 1, "")


def load_frameworks(files: Iterable[tuple[str, bytes]], rules: Iterable[Rule]) -> tuple[Framework, ...]:
    """Return the frameworks of ``files`` (path as it is shown to people, content), one for each version, in their
    order.

    ``rules`` are all that a row may name. Raise RuleError with the faults of all files.
    """
    found: list[Framework] = []
    faults: list[str] = []
    known = {rule.id: rule for rule in rules}
    taken: dict[str, str] = {}
    for path, content in files:
        decoder = Decoder(path)
        try:
            root = decoder.document(content.decode())
        except UnicodeDecodeError:
            decoder.fault(_START, "the file is not UTF-8")
            root = None
        if root is not None:
            found += _FrameworkDecoder(decoder, known, taken).frameworks(root)
        faults += decoder.lines()
    if faults:
        raise RuleError(tuple(faults))
    return tuple(found)


class _FrameworkDecoder:
    """Decodes one file."""

    def __init__(self, decoder: Decoder, known: Mapping[str, Rule], taken: dict[str, str]) -> None:
        self._decoder = decoder
        self._known = known
        self._taken = taken
        self._versions: tuple[str, ...] = ()

    def frameworks(self, root: Node) -> Iterator[Framework]:
        """Yield the framework in each of its versions, which may be used only if the decoder noted no fault."""
        decoder = self._decoder
        fields = decoder.fields(root, "a control framework", _FRAMEWORK_KEYS, _REQUIRED_KEYS)
        family = self._name(fields)
        title = decoder.line(fields.get("title"), "title")
        about = decoder.text(fields.get("about"), "about")
        references = decoder.texts(fields.get("references"), "references", _LINK, "an https:// link")
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

    def _name(self, fields: Fields) -> str:
        text = self._decoder.line(fields.get("name"), "name")
        if text and not _NAME.fullmatch(text):
            self._decoder.fault(fields["name"], f"{text!r} is not a name: small letters and digits, joined by '-'")
        elif text in self._taken:
            self._decoder.fault(fields["name"], f"{text!r} is also the name of {self._taken[text]}")
        self._taken.setdefault(text, self._decoder.path)
        return text

    def _control(self, node: Node) -> Iterator[tuple[str, Control]]:
        """Yield a row, with each version that has it."""
        decoder = self._decoder
        fields = decoder.fields(node, "a control", _CONTROL_KEYS, ("id", "title"))
        when = fields.get("when")
        control = Control(
            id="",
            title=decoder.line(fields.get("title"), "title"),
            section=decoder.line(fields.get("section"), "section"),
            rules=self._rules(fields.get("rules")),
            ideas=decoder.texts(fields.get("ideas"), "ideas", _IDEA, "an id such as NET-01"),
            policies=decoder.texts(fields.get("policies"), "policies", _POLICY, "the id of a built-in policy"),
            also=tuple(self._also(item) for item in decoder.items(fields.get("also"), "also")),
            when=None if when is None else ConditionDecoder(decoder, {}).conditions(when, "when"),
            platform=self._platform(fields.get("platform")),
            note=" ".join(decoder.text(fields.get("note"), "note").split()),
        )
        for version, id_ in self._ids(fields.get("id")):
            yield version, msgspec.structs.replace(control, id=id_)

    def _also(self, node: Node) -> ConditionalRules:
        """Return rules for some vaults only."""
        fields = self._decoder.fields(node, "each item of also", _ALSO_KEYS, ("when",))
        return ConditionalRules(
            when=ConditionDecoder(self._decoder, {}).conditions(fields.get("when"), "when"),
            rules=self._rules(fields.get("rules")),
            ideas=self._decoder.texts(fields.get("ideas"), "ideas", _IDEA, "an id such as NET-01"),
        )

    def _ids(self, node: Node | None) -> Iterator[tuple[str, str]]:
        """Yield the row's id by version: one for all of them, or a mapping from those versions that have the row."""
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
            references=decoder.texts(fields.get("references"), "references", _LINK, "an https:// link"),
        )


def sheets_of(frameworks: Sequence[Framework], rules: Sequence[Rule]) -> tuple[Sheet, ...]:
    """Return the frameworks with the rules that answer each of their rows, in the order of the rules."""
    return tuple(
        Sheet(
            framework=framework,
            checks=tuple(_question(control, framework, rules) for control in framework.controls),
        )
        for framework in frameworks
    )


def _question(control: Control, framework: Framework, rules: Sequence[Rule]) -> ControlCheck:
    """Return a control with its rules. A disputed opinion counts only where it is named, or is the only one."""
    always = [rule for rule in rules if _answers(rule, control, framework)]
    others = {
        rule.id: also.when
        for also in control.also
        for rule in rules
        if rule not in always and (rule.id in also.rules or not set(also.ideas).isdisjoint(rule.covers))
    }
    found = [rule for rule in rules if rule in always or rule.id in others]
    sober = [rule for rule in found if rule.profile != _OPINIONS or rule.id in control.rules]
    return ControlCheck(
        control=control,
        rules=tuple(rule.id for rule in sober or found),
        conditions=others,
    )


def _answers(rule: Rule, control: Control, framework: Framework) -> bool:
    said = (*rule.controls.get(framework.name, ()), *rule.controls.get(framework.family, ()))
    return (
        rule.id in control.rules
        or control.id in said
        or not set(control.ideas).isdisjoint(rule.covers)
        or not set(control.policies).isdisjoint(rule.controls.get(_POLICIES, ()))
    )

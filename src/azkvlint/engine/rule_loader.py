"""Load rule files from YAML.

The faults of all files are reported at once, each with its line and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from azkvlint.engine.condition_loader import ConditionDecoder
from azkvlint.engine.example_loader import ExampleDecoder
from azkvlint.engine.schema import (
    CATEGORIES,
    FIX_LANGUAGES,
    PLACEHOLDERS,
    PROFILES,
    REQUIRED_KEYS,
    RULE_KEYS,
    TOPICS,
)
from azkvlint.engine.yaml_decoder import Decoder, Fields, suggestion
from azkvlint.model.rule import SEVERITIES, Example, Grading, Operand, Parameter, Rule
from azkvlint.syntax.attribute_path import PathError, parse_path
from azkvlint.syntax.yaml_nodes import Fault, MapNode, Node
from azkvlint.util.errors import RuleError
from azkvlint.util.lazy_regex import regex

_BUILTIN_ID = regex(r"KV[0-9]{3}")
_USERS_ID = regex(r"[A-Z]{2,8}-?[0-9]{1,6}")
_NAME = regex(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PARAMETER = regex(r"[a-z][a-z0-9_]*")
_COVERED = regex(r"[A-Z]{3}-[0-9]{2}")
_LINK = regex(r"https://[^\s/]+\.[^\s/]+(?:/\S*)?")
_PLACEHOLDER = regex(r"\{([^{}]*)\}")
_QUOTED = regex(r"'(\{[\w.]+\})'")
_START = Fault(1, 1, "")
# Behind the stem of a rule file: the file with its further examples.
FURTHER = ".examples"
_Document: TypeAlias = tuple[Decoder, Node | None]


def load_rules(
    files: Iterable[tuple[str, bytes]], *, builtin: bool = False, others: Iterable[Rule] = ()
) -> tuple[Rule, ...]:
    """Return the rules of ``files`` (display path, content) by id.

    ``builtin`` enforces the conventions of built-in rules: ids of KV and three digits, one folder for each topic.
    ``others`` are rules whose ids are taken. Raise RuleError with the faults of all files.
    """
    rules: list[Rule] = []
    faults: list[str] = []
    path_of_id = {rule.id: rule.path for rule in others}
    by_path = dict(files)
    for path, content in by_path.items():
        stem, suffix = path.rsplit(".", 1) if "." in path else (path, "")
        if stem.endswith(FURTHER) and f"{stem.removesuffix(FURTHER)}.{suffix}" in by_path:
            continue
        decoder, root = _document(path, content)
        further_path = f"{stem}{FURTHER}.{suffix}"
        further = _document(further_path, by_path[further_path]) if further_path in by_path else None
        if root is not None:
            rules.append(_RuleDecoder(decoder, builtin=builtin, path_of_id=path_of_id).rule(root, further))
            path_of_id.setdefault(rules[-1].id, path)
        faults += [*decoder.lines(), *(further[0].lines() if further is not None else ())]
    if faults:
        raise RuleError(tuple(faults))
    return tuple(sorted(rules, key=lambda rule: rule.id))


def _document(path: str, content: bytes) -> _Document:
    """Return the decoder of a file and its root; None if it cannot be read."""
    decoder = Decoder(path)
    try:
        return decoder, decoder.document(content.decode())
    except UnicodeDecodeError:
        decoder.fault(_START, "the file is not UTF-8")
        return decoder, None


class _RuleDecoder:
    def __init__(self, decoder: Decoder, *, builtin: bool, path_of_id: Mapping[str, str]) -> None:
        self._decoder = decoder
        self._builtin = builtin
        self._path_of_id = path_of_id

    def rule(self, root: Node, further: _Document | None = None) -> Rule:
        """Return the rule, which may be used only if the decoder noted no fault."""
        decoder = self._decoder
        required = (*REQUIRED_KEYS, "category") if self._builtin else REQUIRED_KEYS
        fields = decoder.fields(root, "a rule", RULE_KEYS, required)
        rule_id = self._id(fields)
        name = self._name(fields, rule_id)
        parameters = self._parameters(fields.get("parameters"))
        parameters_by_name = {parameter.name: default for parameter, default in parameters}
        conditions = ConditionDecoder(decoder, parameters_by_name)
        faults_before = decoder.count
        when = conditions.conditions(fields.get("when"), "when")
        require = conditions.conditions(fields.get("require"), "require")
        severity_if = tuple(self._gradings(fields.get("severity_if"), conditions))
        if decoder.count == faults_before:  # otherwise the fault may be why a parameter seems unused
            self._report_unused_parameters(fields, conditions.used)
        peers = self._lists(fields, "peers")
        return Rule(
            id=rule_id,
            name=name,
            title=decoder.line(fields.get("title"), "title"),
            severity=SEVERITIES[decoder.word(fields.get("severity"), "severity", SEVERITIES, "info")],
            resources=decoder.resource_types(fields.get("resource"), "resource"),
            when=when,
            require=require,
            message=self._message(fields.get("message"), "message"),
            absent=self._message(fields.get("absent"), "absent"),
            label=self._message(fields.get("label"), "label"),
            why=decoder.text(fields.get("why"), "why"),
            fixes=self._fixes(fields.get("fix")),
            references=decoder.texts(fields.get("references"), "references", _LINK, "an https:// link"),
            examples=self._examples(fields.get("examples"), rule_id, parameters_by_name, further),
            path=decoder.path,
            also_removed=decoder.flag(fields.get("also_removed"), "also_removed"),
            also_existing=decoder.flag(fields.get("also_existing"), "also_existing"),
            profile=decoder.word(fields.get("profile"), "profile", PROFILES, "default"),
            category=decoder.word(fields.get("category"), "category", CATEGORIES, ""),
            formerly=decoder.texts(fields.get("formerly"), "formerly", _NAME, "a name"),
            severity_if=severity_if,
            marks=self._marks(fields.get("marks"), conditions),
            same_cause=decoder.texts(fields.get("same_cause"), "same_cause", _BUILTIN_ID, "an id such as KV001"),
            parameters=tuple(parameter for parameter, _ in parameters),
            covers=decoder.texts(fields.get("covers"), "covers", _COVERED, "an id such as NET-01"),
            cwe=decoder.integers(fields.get("cwe"), "cwe"),
            controls=self._lists(fields, "controls"),
            peers=peers,
            differs=self._differs(fields, peers),
        )

    def _id(self, fields: Fields) -> str:
        text = self._decoder.line(fields.get("id"), "id")
        if not text:
            return ""
        node = fields["id"]
        if not (_BUILTIN_ID if self._builtin else _USERS_ID).fullmatch(text):
            form = "KV and 3 digits" if self._builtin else "2 to 8 capital letters and 1 to 6 digits, such as ABC-12"
            self._decoder.fault(node, f"{text!r} is not an id, which is {form}")
            return ""
        if text in self._path_of_id:
            self._decoder.fault(node, f"{text!r} is also the id of {self._path_of_id[text]}")
        if self._builtin:
            folder = self._decoder.path.rpartition("/")[0].rpartition("/")[2]
            if folder not in TOPICS:
                self._decoder.fault(_START, f"there is no topic {folder!r}{suggestion(folder, TOPICS)}")
            elif not text.startswith(TOPICS[folder]):
                self._decoder.fault(node, f"ids of the topic {folder} begin with {TOPICS[folder]}")
        return text

    def _name(self, fields: Fields, rule_id: str) -> str:
        """Decode the name. The file is named for the id and the name."""
        text = self._decoder.line(fields.get("name"), "name")
        if text and not _NAME.fullmatch(text):
            self._decoder.fault(fields["name"], f"{text!r} is not a name: small letters and digits, joined by '-'")
        elif text and rule_id:
            stem = self._decoder.path.rpartition("/")[2].rpartition(".")[0]
            if stem != f"{rule_id}-{text}":
                place = fields["name" if stem.startswith(f"{rule_id}-") else "id"]
                self._decoder.fault(place, f"the file of this id and name must be called {rule_id}-{text}.yaml")
        return text

    def _parameters(self, node: Node | None) -> list[tuple[Parameter, Operand | None]]:
        """Decode the parameters, each with its default; None if that is invalid."""
        parameters = []
        for key, value in self._decoder.entries(node, "parameters"):
            name = str(key.value)
            if not _PARAMETER.fullmatch(name):
                self._decoder.fault(key, f"{name!r} is not a parameter's name: small letters, digits and '_'")
            keys = ("about", "default")
            fields = self._decoder.fields(value, "a parameter", keys, keys)
            about = self._decoder.text(fields.get("about"), "about")
            default = self._decoder.operand(fields.get("default"), "default")
            value_or_empty = "" if default is None else default
            parameters.append((Parameter(name=name, about=about, default=value_or_empty), default))
        return parameters

    def _report_unused_parameters(self, fields: Fields, used: set[str]) -> None:
        for key, _ in self._decoder.entries(fields.get("parameters"), "parameters"):
            if key.value not in used:
                self._decoder.fault(key, f"parameter {key.value!r} is not used")

    def _marks(self, node: Node | None, conditions: ConditionDecoder) -> str:
        """Decode the attribute whose source findings mark. A condition must compare it."""
        text = self._decoder.line(node, "marks")
        if node is not None and text and text not in conditions.attributes:
            self._decoder.fault(node, f"no condition compares {text!r}{suggestion(text, conditions.attributes)}")
        return text

    def _gradings(self, node: Node | None, conditions: ConditionDecoder) -> Iterator[Grading]:
        """Decode the other severities, each with its condition."""
        for item in self._decoder.items(node, "severity_if"):
            fields = self._decoder.fields(item, "an entry of severity_if", ("severity", "when"), ("severity", "when"))
            severity = self._decoder.word(fields.get("severity"), "severity", SEVERITIES, "info")
            when = conditions.conditions(fields.get("when"), "when")
            yield Grading(severity=SEVERITIES[severity], when=when)

    def _message(self, node: Node | None, label: str) -> str:
        """Decode a message: one clause with placeholders, without a period and without quotes around placeholders.

        Both are removed from the rules of users, because earlier versions required them.
        """
        text = self._decoder.line(node, label)
        if node is None or not text:
            return text
        plain = _QUOTED.sub(r"\1", text).removesuffix(".")
        if self._builtin and plain != text:
            self._decoder.fault(node, f"{label} must not end with '.' or have quotes around a placeholder")
        text = plain
        for match in _PLACEHOLDER.finditer(text):
            name = match[1]
            if name in PLACEHOLDERS:
                continue
            if "." not in name:
                self._decoder.fault(node, f"{label} has no placeholder {name!r}{suggestion(name, PLACEHOLDERS)}")
                continue
            try:
                parse_path(name)
            except PathError as error:
                self._decoder.fault(node, f"{label}: {error}")
        if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
            self._decoder.fault(node, f"{label} has a brace that belongs to no placeholder")
        return text

    def _fixes(self, node: Node | None) -> dict[str, str]:
        """Decode the fix: one text for all languages, or one for each."""
        if not isinstance(node, MapNode):
            return {"": self._decoder.text(node, "fix")}
        fields = self._decoder.fields(node, "fix", FIX_LANGUAGES)
        return {language: self._decoder.text(fields.get(language), f"fix {language}") for language in fields}

    def _lists(self, fields: Fields, label: str) -> dict[str, tuple[str, ...]]:
        entries = self._decoder.entries(fields.get(label), label)
        return {str(key.value): self._decoder.texts(value, f"{label} {key.value!r}") for key, value in entries}

    def _differs(self, fields: Fields, peers: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """Decode how the verdicts of other tools differ. Each id must be among the peers."""
        known = {name for names in peers.values() for name in names}
        differences = {}
        for key, value in self._decoder.entries(fields.get("differs"), "differs"):
            name = str(key.value)
            if name not in known:
                self._decoder.fault(key, f"{name!r} is not among the peers{suggestion(name, known)}")
            differences[name] = self._decoder.line(value, f"differs {name!r}")
        return differences

    def _examples(
        self, node: Node | None, rule_id: str, parameters: Mapping[str, Operand | None], further: _Document | None
    ) -> tuple[Example, ...]:
        """Return the examples of the file and those of the file of further examples beside it."""
        examples = ExampleDecoder(rule_id, parameters)
        examples.add(self._decoder, node)
        decoder, root = further if further is not None else (None, None)
        if decoder is not None and root is not None:
            fields = decoder.fields(root, "a file of further examples", ("examples",), ("examples",))
            examples.add(decoder, fields.get("examples"), decoder.path)
        return examples.examples(self._decoder, node)

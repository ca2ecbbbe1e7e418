"""Load rule files and the files of further examples beside them: YAML nodes -> Rule and Example.

An example is loaded with the complete text of each language, whether its author wrote it, changed a base, or left it to
follow from another language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import TypeAlias

from azkvlint.engine.condition_loader import ConditionDecoder, EditDecoder
from azkvlint.engine.example_changes import (
    CHANGED_LANGUAGES,
    ChangeError,
    remove_attribute,
    set_attribute,
    with_marks,
    without_marks,
)
from azkvlint.engine.parameters import kind_of
from azkvlint.engine.schema import (
    BUILTIN_ID,
    CATEGORIES,
    DERIVED_LANGUAGES,
    EXPECTATIONS,
    FIX_LANGUAGES,
    IDEA,
    LANGUAGES,
    LINK,
    NAME,
    PLACEHOLDERS,
    PROFILES,
    REQUIRED_KEYS,
    RULE_KEYS,
    TOPICS,
    USERS_ID,
)
from azkvlint.engine.yaml_decoder import Decoder, MappingFields, either, suggestion
from azkvlint.model.rule import SEVERITIES, Example, Grading, Operand, OtherFix, Parameter, Rule
from azkvlint.syntax.attribute_path import PathError, parse_path
from azkvlint.syntax.yaml_nodes import MapNode, Node, ScalarNode, YamlFault, data
from azkvlint.util.errors import InputError, RuleError
from azkvlint.util.lazy_regex import regex

_KEYS = (*EXPECTATIONS, *LANGUAGES, *DERIVED_LANGUAGES, "base", "as_of", "set")
_CHANGES = ("remove", "set", "add", "mark")


class ExampleDecoder:
    """Decodes the examples of one rule; those of a second file may have bases in the first."""

    def __init__(self, rule_id: str, parameters: Mapping[str, Operand | None]) -> None:
        self._rule_id = rule_id
        self._parameters = parameters
        self._examples: list[Example] = []
        self._by_title: dict[str, Example] = {}
        self._changed: set[str] = set()
        self._is_complete = True
        self._decoder = Decoder("")
        self._path = ""

    def add(self, decoder: Decoder, node: Node | None, path: str = "") -> None:
        """Decode the examples of one file; ``path`` is that of a file of further examples."""
        self._decoder, self._path = decoder, path
        for item in decoder.items(node, "examples"):
            example = self._example(item)
            if example is None:
                self._is_complete = False
            else:
                self._examples.append(example)
                self._by_title.setdefault(example.title, example)

    def examples(self, decoder: Decoder, node: Node | None) -> tuple[Example, ...]:
        """Return all examples; ``node`` is where the fault is if an outcome has none."""
        if node is not None and self._examples and self._is_complete:  # else the missing one may be at fault
            for expect in ("fails", "passes"):
                if all(example.expect != expect for example in self._examples):
                    decoder.fault(node, f"examples must have at least one that {expect}")
        return tuple(self._examples)

    def _example(self, node: Node) -> Example | None:
        """Return an example with the complete text of each language."""
        fields = self._decoder.fields(node, "an example", _KEYS)
        heads = [key for key in fields if key in EXPECTATIONS]
        languages = [key for key in fields if key in LANGUAGES or key in DERIVED_LANGUAGES]
        if len(heads) == 1 and languages:
            title = self._decoder.line(fields[heads[0]], heads[0])
            base = self._base(fields.get("base"), title)
            sources: dict[str, str] = {}
            for key in languages:
                self._add_sources(sources, fields[key], key, heads[0], base)
            if "base" in fields and not any(isinstance(fields[key], MapNode) for key in languages):
                self._decoder.fault(fields.key("base"), "base: has no effect: no language has changes")
            return Example(
                expect=heads[0],
                title=title,
                sources={language: sources[language] for language in LANGUAGES if language in sources},
                line=node.line,
                as_of=self._day(fields.get("as_of")),
                parameters=self._set(fields.get("set")),
                path=self._path,
            )
        if fields.complete or len(heads) > 1:
            expected = f"a source: {either(LANGUAGES)}" if len(heads) == 1 else f"one of {either(EXPECTATIONS)}"
            self._decoder.fault(node, f"an example needs {expected}")
        return None

    def _base(self, node: Node | None, title: str) -> Mapping[str, str]:
        """Return the sources that an example changes: those of the earlier, whole example that it names."""
        base = self._decoder.line(node, "base")
        if node is None or not base:
            return {}
        self._changed.add(title)
        if base not in self._by_title:
            self._decoder.fault(node, f"no example above is called {base!r}{suggestion(base, self._by_title)}")
            return {}
        if base in self._changed:
            self._decoder.fault(node, f"{base!r} has a base itself; name an example that is complete")
        return self._by_title[base].sources

    def _add_sources(self, sources: dict[str, str], node: Node, key: str, expect: str, base: Mapping[str, str]) -> None:
        """Add the text of a language, and that of the language that follows from it."""
        language, _, derived = key.partition(" and ")
        if language in sources or derived in sources:
            self._decoder.fault(node, f"an example must have {language if language in sources else derived} once")
            return
        if isinstance(node, MapNode) and language in CHANGED_LANGUAGES:
            faults = self._decoder.count
            text = self._changed_text(node, key, expect, base)
            text = text if self._decoder.count == faults else ""
        else:
            text = self._decoder.block(node, key)
        sources[language] = self._marked(node, text, expect)
        if derived and text:
            sources[derived] = self._derived(node, derived, text)

    def _derived(self, node: Node, language: str, text: str) -> str:
        """Return the text that follows from that of another language."""
        from azkvlint.engine.example_conversion import arm_from_bicep, plan_from_terraform

        try:
            return (plan_from_terraform if language == "plan" else arm_from_bicep)(text)
        except InputError as error:
            self._decoder.fault(node, error.message)
        except RecursionError:
            self._decoder.fault(node, f"{language} cannot follow from it: it is nested too deeply")
        return ""

    def _changed_text(self, node: Node, key: str, expect: str, base: Mapping[str, str]) -> str:
        """Return the text of the base with the changes of an example."""
        language = key.partition(" and ")[0]
        changes = self._decoder.fields(node, key, _CHANGES)
        if language not in base:
            self._decoder.fault(node, f"changes need a base:, an example above that has {language}:")
        elif not set(changes) - {"mark"}:
            self._decoder.fault(node, "changes need set:, remove: or add:")
        elif "set" in changes and isinstance(changes["set"], MapNode) and not changes["set"].entries:
            self._decoder.fault(changes["set"], "set must not be empty")
        elif "mark" in changes and expect == "passes":
            self._decoder.fault(changes.key("mark"), "an example that passes has no mark")
        else:
            return self._with_changes(changes, language, expect, base[language])
        return ""

    def _with_changes(self, changes: MappingFields, language: str, expect: str, text: str) -> str:
        """Return a text with changes, each of which notes its own fault."""
        for item in self._paths(changes.get("remove"), "remove"):
            text = self._applied(item, text, partial(remove_attribute, language, path=_path(item)))
        for key, value in self._decoder.entries(changes.get("set"), "set"):
            text = self._applied(key, text, partial(set_attribute, language, path=_path(key), value=data(value)))
        added = self._decoder.block(changes.get("add"), "add").rstrip()
        text = f"{text}\n{added}\n" if added else text
        if expect == "passes":
            return without_marks(text)
        paths = self._paths(changes.get("mark"), "mark")
        if not paths:
            return text
        mark = f"{'//' if language == 'bicep' else '#'} <- {self._rule_id}"
        return self._applied(paths[0], text, partial(with_marks, language, paths=[*map(_path, paths)], mark=mark))

    def _paths(self, node: Node | None, label: str) -> tuple[Node, ...]:
        """Return a path or a list of paths."""
        nodes = (node,) if isinstance(node, ScalarNode) else self._decoder.items(node, label)
        return tuple(one for one in nodes if self._decoder.line(one, f"each item of {label}"))

    def _applied(self, node: Node, text: str, change: Callable[[str], str]) -> str:
        try:
            return change(text)
        except ChangeError as error:
            self._decoder.fault(node, str(error))
        except RecursionError:
            self._decoder.fault(node, "the base is nested too deeply")
        return text

    def _marked(self, node: Node, text: str, expect: str) -> str:
        """Return the text of an example, which marks where findings start if there are any."""
        marked = re.search(rf"(?:#|//)\s*<-[^\n]*\b{re.escape(self._rule_id)}\b", text) is not None
        if text and self._rule_id and marked is (expect == "passes"):
            needs = "must have no" if marked else "needs a"
            self._decoder.fault(node, f"{expect}: {needs} line marked '# <- {self._rule_id}'")
        return text

    def _day(self, node: Node | None) -> str:
        text = self._decoder.line(node, "as_of")
        if node is not None and text:
            try:
                date.fromisoformat(text)
            except ValueError:
                self._decoder.fault(node, f"{text!r} is not a day, such as 2026-11-01")
        return text

    def _set(self, node: Node | None) -> dict[str, Operand]:
        """The parameters that an example sets, each of the type of its default."""
        found: dict[str, Operand] = {}
        for key, value in self._decoder.entries(node, "set"):
            name = str(key.value)
            if name not in self._parameters:
                self._decoder.fault(key, f"there is no parameter {name!r}{suggestion(name, self._parameters)}")
            operand, default = self._decoder.operand(value, f"set {name!r}"), self._parameters.get(name)
            if operand is not None and default is not None and kind_of(operand) != kind_of(default):
                self._decoder.fault(value, f"parameter {name!r} is {kind_of(default)}, not {kind_of(operand)}")
            elif operand is not None:
                found[name] = operand
        return found


def _path(node: Node) -> str:
    return str(data(node))


_FORMER = regex(rf"{NAME.pattern}|{BUILTIN_ID.pattern}")
_PARAMETER = regex(r"[a-z][a-z0-9_]*")
_PLACEHOLDER = regex(r"\{([^{}]*)\}")
_QUOTED = regex(r"'(\{[\w.]+\})'")
_START = YamlFault(1, 1, "")
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
        fix_if = tuple(self._other_fixes(fields.get("fix_if"), conditions))
        edits = EditDecoder(decoder, parameters_by_name)
        plans = tuple(edits.plans(fields.get("edits")))
        if decoder.count == faults_before:  # otherwise the fault may be why a parameter seems unused
            self._report_unused_parameters(fields, conditions.used | edits.used)
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
            references=decoder.texts(fields.get("references"), "references", LINK, "an https:// link"),
            examples=self._examples(fields.get("examples"), rule_id, parameters_by_name, further),
            path=decoder.path,
            edits=plans,
            also_removed=decoder.flag(fields.get("also_removed"), "also_removed"),
            also_existing=decoder.flag(fields.get("also_existing"), "also_existing"),
            profile=decoder.word(fields.get("profile"), "profile", PROFILES, "default"),
            category=decoder.word(fields.get("category"), "category", CATEGORIES, ""),
            formerly=decoder.texts(fields.get("formerly"), "formerly", _FORMER, "a name, or the ID of a retired rule"),
            severity_if=severity_if,
            fix_if=fix_if,
            marks=self._marks(fields.get("marks"), "marks", conditions),
            marks_other=self._marks(fields.get("marks_other"), "marks_other", conditions),
            same_cause=decoder.texts(fields.get("same_cause"), "same_cause", BUILTIN_ID, "an id such as KV001"),
            parameters=tuple(parameter for parameter, _ in parameters),
            covers=decoder.texts(fields.get("covers"), "covers", IDEA, "an id such as NET-01"),
            cwe=decoder.integers(fields.get("cwe"), "cwe"),
            controls=self._lists(fields, "controls"),
            peers=peers,
            differs=self._differs(fields, peers),
        )

    def _id(self, fields: MappingFields) -> str:
        text = self._decoder.line(fields.get("id"), "id")
        if not text:
            return ""
        node = fields["id"]
        if not (BUILTIN_ID if self._builtin else USERS_ID).fullmatch(text):
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

    def _name(self, fields: MappingFields, rule_id: str) -> str:
        """Decode the name. The file is named for the id and the name."""
        text = self._decoder.line(fields.get("name"), "name")
        if text and not NAME.fullmatch(text):
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

    def _report_unused_parameters(self, fields: MappingFields, used: set[str]) -> None:
        for key, _ in self._decoder.entries(fields.get("parameters"), "parameters"):
            if key.value not in used:
                self._decoder.fault(key, f"parameter {key.value!r} is not used")

    def _marks(self, node: Node | None, key: str, conditions: ConditionDecoder) -> str:
        """Decode the attribute whose source findings mark. A condition must compare it."""
        text = self._decoder.line(node, key)
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

    def _other_fixes(self, node: Node | None, conditions: ConditionDecoder) -> Iterator[OtherFix]:
        """Decode the other fixes, each with its condition."""
        for item in self._decoder.items(node, "fix_if"):
            fields = self._decoder.fields(item, "an entry of fix_if", ("when", "fix"), ("when", "fix"))
            when = conditions.conditions(fields.get("when"), "when")
            yield OtherFix(when=when, fixes=self._fixes(fields.get("fix")))

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

    def _lists(self, fields: MappingFields, label: str) -> dict[str, tuple[str, ...]]:
        entries = self._decoder.entries(fields.get(label), label)
        return {str(key.value): self._decoder.texts(value, f"{label} {key.value!r}") for key, value in entries}

    def _differs(self, fields: MappingFields, peers: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
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

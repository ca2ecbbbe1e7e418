"""Rule files: YAML text -> Rule.

All faults of all files come at once, each with its place, as a compiler prints them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date

from azkvlint.engine.condition_loader import ConditionDecoder
from azkvlint.engine.parameters import kind_of
from azkvlint.engine.schema import (
    DERIVED_LANGUAGES,
    EXPECTATIONS,
    LANGUAGES,
    PLACEHOLDERS,
    PROFILES,
    REQUIRED_KEYS,
    RULE_KEYS,
    TOPICS,
)
from azkvlint.engine.yaml_decoder import Decoder, Fields, either, suggestion
from azkvlint.model.rule import SEVERITIES, Example, Operand, Parameter, Rule
from azkvlint.syntax.yaml_nodes import Fault, MapNode, Node, ScalarNode
from azkvlint.util.errors import InputError, RuleError
from azkvlint.util.lazy_regex import regex

_BUILTIN_ID = regex(r"KV[0-9]{3}")
_USERS_ID = regex(r"[A-Z]{2,8}-?[0-9]{1,6}")
_NAME = regex(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PARAMETER = regex(r"[a-z][a-z0-9_]*")
_COVERED = regex(r"[A-Z]{3}-[0-9]{2}")
_LINK = regex(r"https://[^\s/]+\.[^\s/]+(?:/\S*)?")
_PLACEHOLDER = regex(r"\{([^{}]*)\}")
_START = Fault(1, 1, "")


def load_rules(
    files: Iterable[tuple[str, bytes]], *, builtin: bool = False, others: Iterable[Rule] = ()
) -> tuple[Rule, ...]:
    """The rules of ``files`` (path as it is shown to people, content), in the order of their ids.

    ``builtin`` asks for what holds for kvlint's own rules only: ids KV and three digits, and one folder a topic.
    ``others`` are rules whose ids are taken. Raise RuleError with the faults of all files.
    """
    rules: list[Rule] = []
    faults: list[str] = []
    taken = {rule.id: rule.path for rule in others}
    for path, content in files:
        decoder = Decoder(path)
        try:
            root = decoder.document(content.decode())
        except UnicodeDecodeError:
            decoder.fault(_START, "the file is not UTF-8")
            root = None
        if root is not None:
            rules.append(_RuleDecoder(decoder, builtin=builtin, taken=taken).rule(root))
            taken.setdefault(rules[-1].id, path)
        faults += decoder.lines()
    if faults:
        raise RuleError(tuple(faults))
    return tuple(sorted(rules, key=lambda rule: rule.id))


class _RuleDecoder:
    """Decodes one file."""

    def __init__(self, decoder: Decoder, *, builtin: bool, taken: Mapping[str, str]) -> None:
        self._decoder = decoder
        self._builtin = builtin
        self._taken = taken

    def rule(self, root: Node) -> Rule:
        """The rule, which may be used only if the decoder noted no fault."""
        decoder = self._decoder
        fields = decoder.fields(root, "a rule", RULE_KEYS, REQUIRED_KEYS)
        rule_id = self._id(fields)
        name = self._name(fields, rule_id)
        parameters = self._parameters(fields.get("parameters"))
        parameters_by_name = {parameter.name: default for parameter, default in parameters}
        conditions = ConditionDecoder(decoder, parameters_by_name)
        before = decoder.count
        when = conditions.conditions(fields.get("when"), "when")
        require = conditions.conditions(fields.get("require"), "require")
        if decoder.count == before:  # else the fault may be why a parameter seems unused
            self._all_used(fields, conditions.used)
        peers = self._lists(fields, "peers")
        return Rule(
            id=rule_id,
            name=name,
            title=decoder.line(fields.get("title"), "title"),
            severity=SEVERITIES[decoder.word(fields.get("severity"), "severity", SEVERITIES, "info")],
            resources=decoder.resource_types(fields.get("resource"), "resource"),
            when=when,
            require=require,
            message=self._message(fields.get("message")),
            why=decoder.text(fields.get("why"), "why"),
            fix=decoder.text(fields.get("fix"), "fix"),
            references=decoder.texts(fields.get("references"), "references", _LINK, "an https:// link"),
            examples=self._examples(fields.get("examples"), rule_id, parameters_by_name),
            path=decoder.path,
            also_removed=decoder.flag(fields.get("also_removed"), "also_removed"),
            also_existing=decoder.flag(fields.get("also_existing"), "also_existing"),
            profile=decoder.word(fields.get("profile"), "profile", PROFILES, "default"),
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
        if text in self._taken:
            self._decoder.fault(node, f"{text!r} is also the id of {self._taken[text]}")
        if self._builtin:
            folder = self._decoder.path.rpartition("/")[0].rpartition("/")[2]
            if folder not in TOPICS:
                self._decoder.fault(_START, f"there is no topic {folder!r}{suggestion(folder, TOPICS)}")
            elif not text.startswith(TOPICS[folder]):
                self._decoder.fault(node, f"ids of the topic {folder} begin with {TOPICS[folder]}")
        return text

    def _name(self, fields: Fields, rule_id: str) -> str:
        """The name, which together with the id names the file."""
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
        """The parameters, each with its default, None if that is at fault."""
        parameters = []
        for key, value in self._decoder.entries(node, "parameters"):
            name = str(key.value)
            if not _PARAMETER.fullmatch(name):
                self._decoder.fault(key, f"{name!r} is not a parameter's name: small letters, digits and '_'")
            keys = ("about", "default")
            fields = self._decoder.fields(value, "a parameter", keys, keys)
            about = self._decoder.text(fields.get("about"), "about")
            default = self._decoder.operand(fields.get("default"), "default")
            stand_in = "" if default is None else default
            parameters.append((Parameter(name=name, about=about, default=stand_in), default))
        return parameters

    def _all_used(self, fields: Fields, used: set[str]) -> None:
        for key, _ in self._decoder.entries(fields.get("parameters"), "parameters"):
            if key.value not in used:
                self._decoder.fault(key, f"parameter {key.value!r} is not used")

    def _message(self, node: Node | None) -> str:
        """One sentence, in which every placeholder stands in quotes: a value may be of many words, or of none."""
        text = self._decoder.line(node, "message")
        if node is None or not text:
            return text
        if not text.endswith("."):
            self._decoder.fault(node, "message must end with '.'")
        for match in _PLACEHOLDER.finditer(text):
            name = match[1]
            if name not in PLACEHOLDERS:
                self._decoder.fault(node, f"message has no placeholder {name!r}{suggestion(name, PLACEHOLDERS)}")
            elif text[match.start() - 1 : match.start()] != "'" or text[match.end() : match.end() + 1] != "'":
                self._decoder.fault(node, f"placeholder {match[0]} must stand directly between single quotes")
        if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
            self._decoder.fault(node, "message has a brace that belongs to no placeholder")
        return text

    def _lists(self, fields: Fields, label: str) -> dict[str, tuple[str, ...]]:
        """A mapping from free keys to lists of texts."""
        entries = self._decoder.entries(fields.get(label), label)
        return {str(key.value): self._decoder.texts(value, f"{label} {key.value!r}") for key, value in entries}

    def _differs(self, fields: Fields, peers: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """Ids of other tools, each of which must be among the peers, and in what their verdicts differ."""
        known = {name for names in peers.values() for name in names}
        found = {}
        for key, value in self._decoder.entries(fields.get("differs"), "differs"):
            name = str(key.value)
            if name not in known:
                self._decoder.fault(key, f"{name!r} is not among the peers{suggestion(name, known)}")
            found[name] = self._decoder.line(value, f"differs {name!r}")
        return found

    def _examples(
        self, node: Node | None, rule_id: str, parameters: Mapping[str, Operand | None]
    ) -> tuple[Example, ...]:
        whole: dict[str, Example] = {}
        count = 0
        for item in self._decoder.items(node, "examples"):
            example = self._example(item, rule_id, parameters, whole)
            if example is not None:
                whole[example.title if example.title not in whole else f"{example.title} ({count})"] = example
            count += 1
        if node is not None and whole and len(whole) == count:  # else the missing one may be at fault
            for expect in ("fails", "passes"):
                if all(example.expect != expect for example in whole.values()):
                    self._decoder.fault(node, f"examples must have at least one that {expect}")
        return tuple(whole.values())

    def _example(
        self, node: Node, rule_id: str, parameters: Mapping[str, Operand | None], earlier: Mapping[str, Example]
    ) -> Example | None:
        """Return an example with the complete text of each language; ``earlier`` ones are bases by their titles."""
        known = (*EXPECTATIONS, *LANGUAGES, *DERIVED_LANGUAGES, "base", "as_of", "set")
        fields = self._decoder.fields(node, "an example", known)
        heads = [key for key in fields if key in EXPECTATIONS]
        languages = [key for key in fields if key in LANGUAGES or key in DERIVED_LANGUAGES]
        if len(heads) == 1 and languages:
            title = self._decoder.line(fields[heads[0]], heads[0])
            base = self._base(fields.get("base"), earlier)
            sources: dict[str, str] = {}
            for key in languages:
                self._sources(sources, fields[key], key, heads[0], rule_id, base)
            return Example(
                expect=heads[0],
                title=title,
                sources={language: sources[language] for language in LANGUAGES if language in sources},
                line=node.line,
                as_of=self._day(fields.get("as_of")),
                parameters=self._set(fields.get("set"), parameters),
            )
        if fields.complete or len(heads) > 1:
            wanted = f"a source: {either(LANGUAGES)}" if len(heads) == 1 else f"one of {either(EXPECTATIONS)}"
            self._decoder.fault(node, f"an example needs {wanted}")
        return None

    def _base(self, node: Node | None, earlier: Mapping[str, Example]) -> Mapping[str, str] | None:
        """Return the sources that an example changes: those of the earlier example that it names, if any."""
        title = self._decoder.line(node, "base")
        if node is None or not title:
            return None
        if title not in earlier:
            self._decoder.fault(node, f"no example above is called {title!r}{suggestion(title, earlier)}")
            return {}
        return earlier[title].sources

    def _sources(
        self, sources: dict[str, str], node: Node, key: str, expect: str, rule_id: str, base: Mapping[str, str] | None
    ) -> None:
        """Add the text of a language, and that of the language that follows from it."""
        language, _, derived = key.partition(" and ")
        if language in sources or derived in sources:
            self._decoder.fault(node, f"an example must have {language if language in sources else derived} once")
            return
        if base is not None and isinstance(node, MapNode):
            text = self._overlay(node, language, expect, rule_id, base)
        else:
            text = self._decoder.block(node, key)
        sources[language] = self._marked(node, text, expect, rule_id)
        if derived and text:
            from azkvlint.engine.arm_from_bicep import arm_from_bicep
            from azkvlint.engine.plan_from_terraform import plan_from_terraform

            try:
                sources[derived] = (plan_from_terraform if derived == "plan" else arm_from_bicep)(text)
            except InputError as error:
                self._decoder.fault(node, error.message)
            except RecursionError:
                self._decoder.fault(node, f"{derived} cannot follow from it: it is nested too deeply")

    def _overlay(self, node: Node, language: str, expect: str, rule_id: str, base: Mapping[str, str]) -> str:
        """Return the text of the base with the changes of an example."""
        from azkvlint.engine.example_overlay import OverlayError, overlay

        changes = []
        for key, value in self._decoder.entries(node, language):
            is_removed = isinstance(value, ScalarNode) and value.value is None
            changes.append((str(key.value), "" if is_removed else self._decoder.block(value, str(key.value))))
        if language not in base:
            self._decoder.fault(node, f"changes need a base:, an example above that has {language}:")
            return ""
        sign = "//" if language in ("bicep", "arm", "terraform_json") else "#"
        mark = f"{sign} <- {rule_id}"
        try:
            return overlay(base[language], changes, language=language, mark=mark, keeps_marks=expect != "passes")
        except OverlayError as error:
            self._decoder.fault(node, str(error))
            return ""

    def _day(self, node: Node | None) -> str:
        text = self._decoder.line(node, "as_of")
        if node is not None and text:
            try:
                date.fromisoformat(text)
            except ValueError:
                self._decoder.fault(node, f"{text!r} is not a day, such as 2026-11-01")
        return text

    def _set(self, node: Node | None, parameters: Mapping[str, Operand | None]) -> dict[str, Operand]:
        """The parameters that an example sets, each of the type of its default."""
        found: dict[str, Operand] = {}
        for key, value in self._decoder.entries(node, "set"):
            name = str(key.value)
            if name not in parameters:
                self._decoder.fault(key, f"there is no parameter {name!r}{suggestion(name, parameters)}")
            operand, default = self._decoder.operand(value, f"set {name!r}"), parameters.get(name)
            if operand is not None and default is not None and kind_of(operand) != kind_of(default):
                self._decoder.fault(value, f"parameter {name!r} is {kind_of(default)}, not {kind_of(operand)}")
            elif operand is not None:
                found[name] = operand
        return found

    def _marked(self, node: Node, text: str, expect: str, rule_id: str) -> str:
        """Return the text of an example, which marks where findings start if there are any."""
        marked = re.search(rf"(?:#|//)\s*<-[^\n]*\b{re.escape(rule_id)}\b", text) is not None
        if text and rule_id and marked is (expect == "passes"):
            needs = "must have no" if marked else "needs a"
            self._decoder.fault(node, f"{expect}: {needs} line marked '# <- {rule_id}'")
        return text

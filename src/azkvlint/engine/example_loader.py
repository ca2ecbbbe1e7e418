"""Examples of a rule file, and of the file of further examples beside it: YAML nodes -> Example.

An example is loaded with the complete text of each language, whether its author wrote it, changed a base, or left it to
follow from another language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from azkvlint.engine.parameters import kind_of
from azkvlint.engine.schema import DERIVED_LANGUAGES, EXPECTATIONS, LANGUAGES
from azkvlint.engine.yaml_decoder import Decoder, either, suggestion
from azkvlint.model.rule import Example, Operand
from azkvlint.syntax.yaml_nodes import MapNode, Node, ScalarNode
from azkvlint.util.errors import InputError

_KEYS = (*EXPECTATIONS, *LANGUAGES, *DERIVED_LANGUAGES, "base", "as_of", "set")


class ExampleDecoder:
    """Decodes the examples of one rule; those of a second file may have bases in the first."""

    def __init__(self, rule_id: str, parameters: Mapping[str, Operand | None]) -> None:
        self._rule_id = rule_id
        self._parameters = parameters
        self._examples: list[Example] = []
        self._by_title: dict[str, Example] = {}
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
            base = self._base(fields.get("base"))
            sources: dict[str, str] = {}
            for key in languages:
                self._add_sources(sources, fields[key], key, heads[0], base)
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

    def _base(self, node: Node | None) -> Mapping[str, str] | None:
        """Return the sources that an example changes: those of the earlier example that it names, if any."""
        title = self._decoder.line(node, "base")
        if node is None or not title:
            return None
        if title not in self._by_title:
            self._decoder.fault(node, f"no example above is called {title!r}{suggestion(title, self._by_title)}")
            return {}
        return self._by_title[title].sources

    def _add_sources(
        self, sources: dict[str, str], node: Node, key: str, expect: str, base: Mapping[str, str] | None
    ) -> None:
        """Add the text of a language, and that of the language that follows from it."""
        language, _, derived = key.partition(" and ")
        if language in sources or derived in sources:
            self._decoder.fault(node, f"an example must have {language if language in sources else derived} once")
            return
        if base is not None and isinstance(node, MapNode):
            text = self._overlay(node, language, expect, base)
        else:
            text = self._decoder.block(node, key)
        sources[language] = self._marked(node, text, expect)
        if derived and text:
            sources[derived] = self._derived(node, derived, text)

    def _derived(self, node: Node, language: str, text: str) -> str:
        """Return the text that follows from that of another language."""
        from azkvlint.engine.arm_from_bicep import arm_from_bicep
        from azkvlint.engine.plan_from_terraform import plan_from_terraform

        try:
            return (plan_from_terraform if language == "plan" else arm_from_bicep)(text)
        except InputError as error:
            self._decoder.fault(node, error.message)
        except RecursionError:
            self._decoder.fault(node, f"{language} cannot follow from it: it is nested too deeply")
        return ""

    def _overlay(self, node: Node, language: str, expect: str, base: Mapping[str, str]) -> str:
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
        mark = f"{sign} <- {self._rule_id}"
        try:
            return overlay(base[language], changes, language=language, mark=mark, keeps_marks=expect != "passes")
        except OverlayError as error:
            self._decoder.fault(node, str(error))
            return ""

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

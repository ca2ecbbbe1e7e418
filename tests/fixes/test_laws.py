"""Laws of the editors on generated files of each language."""

from __future__ import annotations

from typing import Any, NamedTuple

import hcl2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azkvlint.fixes.sources import editor_of
from azkvlint.fixes.tree_editor import TreeEditor
from azkvlint.model.fix import Code, Refusal, apply

LANGUAGES = {"hcl": "main.tf", "bicep": "main.bicep", "arm": "azuredeploy.json", "tf.json": "main.tf.json"}
NAMES = ("a", "name", "location", "purge_protection_enabled", "tags", "acls", "if", "for_each")


class Entry(NamedTuple):
    name: str
    value: Any  # a scalar, a list, or the entries of an object
    comment: str  # at the end of the line
    above: str  # a line before it: empty, blank or a comment
    is_block: bool
    is_inline: bool


texts = st.text(st.sampled_from("ab \"'\\$%{}[]\n\té€😀#/"), max_size=6)
scalars = st.booleans() | st.integers(-9, 99) | texts
literals = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*NAMES, "x-y", "a b")), inner, max_size=3)
    ),
    max_leaves=4,
)


def entries(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Entry]]:
    comments = st.sampled_from(("", "", " # c", " // c = 1", " /* c */"))
    above = st.sampled_from(("", "", "\n", "# above", "/* x = 1 */"))
    entry = st.builds(Entry, st.sampled_from(NAMES), values, comments, above, st.booleans(), st.booleans())
    return st.lists(entry, max_size=4, unique_by=lambda one: one.name)


documents = entries(st.recursive(scalars | st.lists(scalars, max_size=2), entries, max_leaves=6))


def is_entries(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Entry) for one in value)


def hcl(body: list[Entry], writer: TreeEditor, indent: str, *, is_body: bool = True) -> str:
    lines = ""
    width = max((len(one.name) for one in body), default=0) if len(body) % 2 else 0
    for one in body:
        name = one.name if one.is_block or is_body else f'"{one.name}"'
        if one.above:
            lines += "\n" if one.above == "\n" else f"{indent}{one.above}\n"
        if not is_entries(one.value):
            heredoc = one.is_block and one.value == ""
            value = "<<-EOT\n a ${b}\n = }\n EOT" if heredoc else writer.write(one.value, indent, one.is_inline)
            lines += f"{indent}{name.ljust(width)} = {value}{'' if heredoc else one.comment}\n"
        elif is_body and one.is_block:
            lines += f"{indent}{name} {{\n{hcl(one.value, writer, indent + '  ')}{indent}}}{one.comment}\n"
        elif one.is_inline:
            parts = [f"{part.name} = {writer.write(scalar_of(part), '', True)}" for part in one.value]
            lines += f"{indent}{name} = {{ {', '.join(parts)} }}{one.comment}\n"
        else:
            inner = hcl(one.value, writer, indent + "  ", is_body=False)
            lines += f"{indent}{name} = {{{one.comment}\n{inner}{indent}}}\n"
    return lines


def scalar_of(entry: Entry) -> Any:
    return 1 if is_entries(entry.value) else entry.value


def pairs(body: list[Entry], writer: TreeEditor, indent: str, comma: str, *, comments: bool) -> str:
    """The members of an object in Bicep or JSON."""
    lines = ""
    for index, one in enumerate(body):
        above, comment = (text.replace("#", "//") if comments else "" for text in (one.above, one.comment))
        lines += "\n" if above == "\n" else f"{indent}{above}\n" if above else ""
        end = comma if index + 1 < len(body) or (comments and one.is_block) else ""
        lines += f"{indent}{writer.key(one.name)}: "
        if not is_entries(one.value):
            value = writer.write(one.value, indent, one.is_inline)
        elif one.is_inline:
            parts = [f"{writer.key(part.name)}: {writer.write(scalar_of(part), '', True)}" for part in one.value]
            value = "{ " + ", ".join(parts) + " }"
        else:
            value = "{\n" + pairs(one.value, writer, indent + "  ", comma, comments=comments) + indent + "}"
        lines += f"{value}{end}{comment}\n"
    return lines


def source(language: str, body: list[Entry], newline: str) -> str:
    path = LANGUAGES[language]
    match language:
        case "hcl":
            writer = editor_of(path, "")
            text = f'# first\nresource "t" "n" {{\n{hcl(body, writer, "  ")}}}\n\nlocals {{}}\n'
        case "bicep":
            writer = editor_of(path, "")
            text = f"param x int = 1\nresource n 't@v' = {{\n{pairs(body, writer, '  ', '', comments=True)}}}\n"
        case "arm":
            writer = editor_of(path, "{}")
            text = f'{{\n  "n": {{\n{pairs(body, writer, "    ", ",", comments=True)}  }}\n}}\n'
        case _:
            writer = editor_of(path, "{}")
            inner = pairs(body, writer, "  ", ",", comments=False)
            text = f'{{"resource": {{"t": {{"n": {{\n{inner}}}}}}}}}'
    return text.replace("\n", newline)


def address(language: str, text: str) -> Any:
    """The address of the resource: its header, or a pointer."""
    if language == "arm":
        return ("n",)
    mark = {"hcl": 'resource "t" "n"', "bicep": "resource n 't@v'", "tf.json": '"n"'}[language]
    start = text.index(mark)
    return start, start + len(mark)


def shape(editor: TreeEditor, box: Any) -> list[Any]:
    """The tree of a file without positions and white space."""
    found: list[Any] = []
    for item in box.items:
        inner = editor.inside(item)
        header = editor.text[item.start : inner.start if inner is not None else item.value]
        value = "".join(editor.text[item.value : item.end].split()) if inner is None else shape(editor, inner)
        found.append((item.name, "".join(header.split()), value))
    return found


def squeezed(text: str) -> str:
    return "".join(text.replace(",", "").split())


def open_editor(language: str, text: str) -> tuple[TreeEditor, Any]:
    editor = editor_of(LANGUAGES[language], text)
    assert isinstance(editor, TreeEditor)
    return editor, address(language, text)


paths = st.sampled_from((("fresh",), ("fresh", "inner"), ("name",), ("tags", "fresh"), ("acls", "a"), ("x", "y", "z")))
newlines = st.sampled_from(("\n", "\r\n"))


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=30, deadline=None)
@given(body=documents, path=paths, value=literals, newline=newlines)
def test_set_and_remove(language: str, body: list[Entry], path: tuple[str, ...], value: Any, newline: str) -> None:
    text = source(language, body, newline)
    editor, at = open_editor(language, text)
    edits = attempt(editor, "set_value", at, path, value)
    if edits is None:
        with pytest.raises(Refusal, match=r"the value of `|is a block"):
            editor.set_value(at, path, value)
        return
    before = editor.lookup(at, path)
    changed = apply(text, edits)
    after, at = open_editor(language, changed)
    # The value is what was set, and the same again changes nothing.
    found = after.lookup(at, path)
    assert found is not None
    assert after.is_same(found[1].node, value), changed
    assert after.set_value(at, path, value) == ()
    check_text(language, text, changed)
    if before is not None:
        return
    # Apart from blanks and commas, one place has grown. Without what was inserted, the tree is as before.
    old, new = squeezed(text), squeezed(changed)
    same = next((index for index, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), len(old))
    grown = len(new) - len(old)
    assert any(old[cut:] == new[grown + cut :] for cut in range(same + 1))
    created = next(path[:end] for end in range(1, 4) if editor.lookup(address(language, text), path[:end]) is None)
    restored = apply(changed, after.remove(at, created))
    assert tree(language, restored) == tree(language, text)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=30, deadline=None)
@given(body=documents, newline=newlines, choice=st.integers(0, 20), value=literals)
def test_every_item_can_be_removed_renamed_and_replaced(
    language: str, body: list[Entry], newline: str, choice: int, value: Any
) -> None:
    text = source(language, body, newline)
    editor, at = open_editor(language, text)
    box = editor.container_at(at, ("",))
    named = [item for item in box.items if item.name is not None]
    if not named:
        return
    item = named[choice % len(named)]
    name = str(item.name)
    removed = apply(text, editor.remove(at, (name,)))
    check_text(language, text, removed)
    after, _ = open_editor(language, removed)
    left = [one for one in tree(language, text, at) if one[0] != name]
    assert tree(language, removed, address(language, removed)) == left
    assert after.remove(address(language, removed), (name,)) == ()

    renamed = apply(text, editor.rename(at, (name,), "other"))
    check_text(language, text, renamed)
    assert squeezed(renamed).replace("other", name, 1) == squeezed(text)
    after, at = open_editor(language, renamed)
    assert apply(renamed, after.rename(at, ("other",), name)) == text or language == "hcl"

    # An address may be that of the item, of its value, or of the container with the item's name.
    spans = [(item.start, item.end), (item.value, item.end)]
    results = {attempt(editor, "replace_value", span, value) for span in spans}
    inner = editor.inside(item)
    if inner is None or inner.find(name) is None:
        results.add(attempt(editor, "set_value", (item.start, item.end), (name,), value))
    if not item.is_block:
        assert len(results) == 1
        check_text(language, text, apply(text, results.pop() or ()))


def attempt(editor: TreeEditor, operation: str, *arguments: Any) -> Any:
    try:
        return getattr(editor, operation)(*arguments)
    except Refusal:
        return None


def tree(language: str, text: str, at: Any = None) -> list[Any]:
    """The tree of a file, or of the resource at an address."""
    editor, _ = open_editor(language, text)
    return shape(editor, editor.root if at is None else editor.container_at(at, ("",)))


def check_text(language: str, text: str, changed: str) -> None:
    """Hold that line ends are as before, and that another parser accepts the result."""
    if "\r\n" in text:
        assert "\n" not in changed.replace("\r\n", "")
    if language == "hcl" and "$${" not in changed and "%%{" not in changed:  # python-hcl2 does not parse these
        hcl2.loads(changed.replace("\r\n", "\n"))


OPERATIONS: list[tuple[Any, ...]] = [
    ("set_value", ("name", "x"), {"a": ["b"]}), ("set_value", (), 1), ("replace_value", Code(") {")),
    ("replace_text", "a", "b"), ("remove", ("name",)), ("remove", ()), ("rename", (), "y"),
    ("add_block", "acls", {"a": {"b": 1}}), ("add_decorator", "secure"),
]  # fmt: skip
pieces = st.sampled_from(
    ("{", "}", "[", '"', "'", "\n", "\r", "#", "//", "/*", "<<E\n", "${", ",", "=", "@", "...", "(")
)


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=60, deadline=None)
@given(
    body=documents,
    at=st.tuples(st.integers(0, 300), st.integers(0, 90)),
    places=st.lists(st.integers(0, 300), max_size=2),
    data=st.data(),
)
def test_broken_files_and_addresses_are_refused(
    language: str, body: list[Entry], at: tuple[int, int], places: list[int], data: st.DataObject
) -> None:
    text = source(language, body, "\n")
    for place in places:
        text = text[:place] + data.draw(pieces) + text[place:]
    operation, *arguments = data.draw(st.sampled_from(OPERATIONS))
    try:
        edits = getattr(editor_of(LANGUAGES[language], text), operation)((at[0], at[0] + at[1]), *arguments)
    except Refusal:
        return
    editor_of(LANGUAGES[language], apply(text, edits))

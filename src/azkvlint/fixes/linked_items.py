"""Add an item to a list of the resource that the evidence of a finding refers to, such as a subnet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from azkvlint.fixes.places import Change, Edits, Target
from azkvlint.fixes.sources import Sources
from azkvlint.model.edit import Literal, Refusal
from azkvlint.model.finding import Finding
from azkvlint.model.location import Location
from azkvlint.model.rule import EditStep
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex

_IN_TERRAFORM = regex(r"\b([a-z]\w*)\.([\w-]+)\.id\b")
_IN_BICEP = regex(r"\b(\w+)\.id\b")
_ELSEWHERE = "the other resource is not declared beside it"


def append(finding: Finding, step: EditStep, _: Target) -> Iterator[Change]:
    """Yield the change that adds the item to the lists of a step, in each resource that the evidence refers to."""
    yield partial(_added, finding, step)


def _added(finding: Finding, step: EditStep, sources: Sources) -> tuple[Edits, str]:
    now = sources
    is_bicep = finding.at.path.lower().endswith(".bicep")
    name = step.names[-1 if is_bicep else 0].rpartition(".")[2]
    places = {one.at.position_key: one.at for one in finding.evidence}
    for at in sorted(places.values(), key=lambda at: (at.path, at.span or (0, 0)), reverse=True):
        add = _in_bicep if is_bicep else _in_terraform
        now = now.edited(add(at, step.names, step.value, now))
    item = step.value if isinstance(step.value, str) else next(iter(step.value.values()))
    return sources.edits_to(now), f"Add `{item}` to `{name}`"


def _in_terraform(at: Location, names: tuple[str, ...], item: Mapping[str, Literal], sources: Sources) -> Edits:
    """Return the edits of an azurerm resource: of its list of strings, or another block."""
    from azkvlint.syntax.hcl.parse import parse_file

    match = None if at.span is None else _IN_TERRAFORM.search(sources.text(at.path)[slice(*at.span)])
    for file in sources.module_files(at.path) if match is not None else ():
        if match is None or file.endswith(".json"):
            continue
        for block in parse_file(sources.text(file)).body.blocks:
            if (block.type, *block.labels) != ("resource", match[1], match[2]):
                continue
            address, editor = (block.start, block.head), sources.editor(file)
            listed, repeated = names[0], names[0].removesuffix("s")
            if any(inner.type == repeated for inner in block.body.blocks):
                return editor.add_block(address, repeated, item)
            attribute = block.body.attributes.get(listed)
            if attribute is None:
                raise Refusal(f"needs a decision: the version of azurerm decides between {listed} and {repeated}")
            return editor.set_value(address, (listed,), [*_strings(attribute.expression()), *item.values()])
    raise Refusal(_ELSEWHERE)


def _strings(node: ast.Expression | None) -> Iterator[str]:
    """Yield the strings of a list. Raise Refusal if it has other items."""
    for one in node.items if isinstance(node, ast.Array) else (None,):
        if not isinstance(one, ast.Literal) or not isinstance(one.value, str):
            raise Refusal("the value is computed")
        yield one.value


def _in_bicep(at: Location, names: tuple[str, ...], item: Mapping[str, Literal], sources: Sources) -> Edits:
    """Return the edits of a resource of the same Bicep file."""
    from azkvlint.syntax.bicep.parse import parse

    text = sources.text(at.path)
    match = None if at.span is None else _IN_BICEP.search(text[slice(*at.span)])
    for node in parse(text).declarations if match is not None else ():
        if match is None or not isinstance(node, ast.Resource) or node.name != match[1] or node.existing:
            continue
        editor, path = sources.editor(at.path), tuple(names[-1].split("."))
        properties = node.body.members if isinstance(node.body, ast.Object) else ()
        outer = next((one for one in properties if isinstance(one, ast.Property) and one.key == path[0]), None)
        inner = outer.value.members if outer is not None and isinstance(outer.value, ast.Object) else ()
        if outer is not None and any(isinstance(one, ast.Property) and one.key == path[1] for one in inner):
            return editor.add_block((outer.start, outer.end), path[1], item)
        return editor.set_value((node.start, node.head), path, [item])
    raise Refusal(_ELSEWHERE)

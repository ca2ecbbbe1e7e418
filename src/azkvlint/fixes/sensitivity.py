"""Decide whether a Terraform variable can be marked as sensitive: some expressions reject sensitive values.

Terraform rejects them in ``for_each`` and ``count``, and in outputs that are not sensitive themselves.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from azkvlint.fixes.sources import Sources
from azkvlint.model.edit import Refusal
from azkvlint.model.location import Location
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.document import Block, Body
from azkvlint.util.secret_names import suggests_secret

# References that are followed for one variable.
_MOST = 200
_REPETITIONS = ("for_each", "count")
# Arguments of azurerm_key_vault_secret, which are sensitive already.
_VALUES = ("value", "value_wo")


def refuse_sensitive(at: Location, sources: Sources) -> None:
    """Raise Refusal if a use of the variable that is declared at a location may reject a sensitive value."""
    start = (at.span or (0, 0))[0]
    blocks = _body_of(at.path, sources.text(at.path)).blocks
    found = next((one for one in blocks if one.type == "variable" and one.start <= start < one.end), None)
    if found is None:
        return
    pending = [(posixpath.dirname(at.path), rf"var\.{re.escape(found.labels[0])}")] if found.labels else []
    seen = set(pending)
    while pending:
        if len(seen) > _MOST:
            raise Refusal("the variable has too many uses")
        folder, reference = pending.pop()
        pattern = re.compile(rf"(?<![\w.-]){reference}(?![\w-])")
        for file in sources.module_files(f"{folder}/" if folder else ""):
            text = sources.text(file)
            if pattern.search(text):
                for use in _uses(_body_of(file, text), text, pattern):
                    further = _further(*use, folder, sources)
                    if further is not None and further not in seen:
                        seen.add(further)
                        pending.append(further)


def _body_of(path: str, text: str) -> Body:
    from azkvlint.syntax.hcl.json_file import parse_json_file
    from azkvlint.syntax.hcl.parse import parse_file

    return (parse_json_file if path.lower().endswith(".json") else parse_file)(text).body


def _uses(body: Body, text: str, pattern: re.Pattern[str]) -> Iterator[tuple[Block, str, str]]:
    """Yield the uses of a reference: the top block, the argument, and its argument or block in the top block."""
    nodes = [(block, block.body, "") for block in body.blocks]
    while nodes:
        top, inner, name = nodes.pop()
        for attribute in inner.attributes.values():
            if pattern.search(text, attribute.start, attribute.end):
                yield top, attribute.name, name or attribute.name
        nodes += [(top, block.body, name or _name_of(block)) for block in inner.blocks]


def _is_sensitive(block: Block) -> bool:
    return _literal(block, "sensitive") is True


def _literal(block: Block, name: str) -> object:
    attribute = block.body.attributes.get(name)
    expression = None if attribute is None else attribute.expression()
    return expression.value if isinstance(expression, ast.Literal) else None


def _name_of(block: Block) -> str:
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type


def _further(top: Block, argument: str, name: str, folder: str, sources: Sources) -> tuple[str, str] | None:
    """Return a reference that becomes sensitive with an argument, and its folder. Raise Refusal."""
    if argument in _REPETITIONS:
        raise Refusal(f"`{argument}` depends on the variable and cannot be sensitive")
    if argument == "error_message":
        raise Refusal("an error message depends on the variable and cannot be sensitive")
    labels = [re.escape(label) for label in top.labels]
    match top.type:
        case "output":
            if not _is_sensitive(top):
                raise Refusal("an output that is not sensitive depends on the variable")
        case "locals":
            return folder, rf"local\.{re.escape(name)}"
        case "module":
            return _in_module(top, name, folder, sources)
        case "resource" | "data" | "ephemeral" if len(labels) > 1:
            if argument not in _VALUES and not suggests_secret(argument):
                address = r"\.".join(labels if top.type == "resource" else [top.type, *labels])
                return folder, rf"{address}(?:\[[^\]]*\])*(?:\.{re.escape(name)}|(?![\w.\[-]))"
    return None


def _in_module(call: Block, name: str, folder: str, sources: Sources) -> tuple[str, str] | None:
    """Return a variable of a called module, and its folder; None if it is sensitive already. Raise Refusal."""
    source = _literal(call, "source")
    if not isinstance(source, str) or not source.startswith(("./", "../")):
        raise Refusal("the variable is passed to a module outside the checkout")
    inner = posixpath.normpath(posixpath.join(folder, source))
    inner = "" if inner == "." else inner
    for file in sources.module_files(f"{inner}/" if inner else ""):
        for block in _body_of(file, sources.text(file)).blocks:
            if block.type == "variable" and block.labels == (name,) and _is_sensitive(block):
                return None
    return inner, rf"var\.{re.escape(name)}"

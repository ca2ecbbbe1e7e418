"""Whether a variable or output of Terraform can become sensitive: its uses are followed, and each must accept that.

What is allowed is listed; any other place is refused. Sources: developer.hashicorp.com/terraform/language and
opentofu.org/docs/language, and the places of Terraform 1.17 and OpenTofu 1.12 that reject a sensitive value:

- ``for_each`` (of ``import`` and ``dynamic`` too): terraform ``internal/terraform/eval_for_each.go``, opentofu
  ``internal/lang/evalchecks/eval_for_each.go``. ``count`` accepts it in Terraform, but a plan then shows the number.
- ``import``: ``internal/terraform/eval_import.go``, ``internal/tofu/eval_import.go`` (``id``, keys in ``to``).
- ``source`` and ``version`` of a module: ``internal/terraform/node_module_install.go``, opentofu
  ``internal/configs/static_evaluator.go`` and ``version_constraint.go``.
- ``backend`` and ``encryption`` in ``terraform``: opentofu ``internal/configs/backend.go``, ``internal/encryption``.
- ``enabled`` and ``prevent_destroy`` in ``lifecycle``: opentofu ``internal/lang/evalchecks/eval_lifecycle_enabled.go``,
  ``internal/tofu/node_resource_abstract_instance.go``. ``create_before_destroy``: ``configgraph/resource_instance.go``.
- ``for_each`` of a provider, and a key in ``provider``: opentofu ``internal/tofu/eval_provider.go``.
- Outputs that are not sensitive: ``node_output.go`` of both. ``error_message``: terraform ``internal/lang/checks.go``
  and ``internal/terraform/eval_variable.go``, opentofu ``internal/tofu/eval_conditions.go``. Conditions accept it.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from azkvlint.fixes.sources import Sources
from azkvlint.model.fix import Refusal
from azkvlint.model.location import Location
from azkvlint.syntax import ast
from azkvlint.values.secrecy import suggests_secret

if TYPE_CHECKING:
    from azkvlint.syntax.hcl.parse import Block, Body

# References that are followed for one variable.
_MOST = 200
# Arguments of azurerm_key_vault_secret, which are sensitive already.
_VALUES = ("value", "value_wo")
_RESOURCES = ("resource", "data", "ephemeral")
# The meta-arguments that a sensitive value must not reach, by the block that has them; other arguments are values.
_REJECTED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_RESOURCES, frozenset({"count", "for_each", "provider"})),
    "module": frozenset({"count", "for_each", "source", "version", "providers"}),
    "provider": frozenset({"for_each", "alias", "version"}),
    "locals": frozenset(),
}
# The conditions that accept it, by the block and the blocks in it.
_CONDITIONS = frozenset(
    {
        *((block, "lifecycle", kind) for block in _RESOURCES for kind in ("precondition", "postcondition")),
        ("output", "precondition"),
        ("variable", "validation"),
        ("check", "assert"),
    }
)


def refuse_sensitive(at: Location, sources: Sources) -> None:
    """Raise Refusal if a use of the variable or output that is declared at a location may reject a sensitive value."""
    start = (at.span or (0, 0))[0]
    blocks = body_of(at.path, sources.text(at.path)).blocks
    found = next((one for one in blocks if one.type in ("variable", "output") and one.start <= start < one.end), None)
    if found is None or not found.labels:
        raise Refusal("the value is not that of a variable or output")
    folder, name = posixpath.dirname(at.path), found.labels[0]
    if found.type == "output":
        sources.checkout.refuse_readers_of_redacted(name)
        pending = list(_calls(folder, name, sources))
    else:
        pending = [(folder, rf"var\.{re.escape(name)}")]
    seen = set(pending)
    while pending:
        if len(seen) > _MOST:
            raise Refusal(f"the {found.type} has too many uses")
        folder, reference = pending.pop()
        pattern = re.compile(rf"(?<![\w.-]){reference}(?![\w-])")
        for file in sources.module_files(f"{folder}/" if folder else ""):
            text = sources.text(file)
            if pattern.search(text):
                for top, steps in _uses(body_of(file, text), text, pattern):
                    _refuse_place(top, steps, found.type, file)
                    further = _further(top, steps, folder, sources)
                    if further is not None and further not in seen:
                        seen.add(further)
                        pending.append(further)


def body_of(path: str, text: str) -> Body:
    """Return the blocks of a Terraform file in its own syntax or in JSON."""
    return _body(text, is_json=path.lower().endswith(".json"))


# Many fixes are of one file.
@lru_cache(32)
def _body(text: str, *, is_json: bool) -> Body:
    from azkvlint.syntax.hcl.json_file import parse_json_file
    from azkvlint.syntax.hcl.parse import parse_file

    return (parse_json_file if is_json else parse_file)(text).body


def _calls(folder: str, output: str, sources: Sources) -> Iterator[tuple[str, str]]:
    """Yield the references to an output of the module in a folder, each with the folder of the module that calls it."""
    real = sources.real_path(folder)
    for caller in sources.checkout.callers(real):
        above = os.path.relpath(caller, sources.real_path("")).replace(os.sep, "/")
        above = "" if above == "." else above
        for file in sources.module_files(f"{above}/" if above else ""):
            for block in body_of(file, sources.text(file)).blocks:
                source = _literal(block, "source") if block.type == "module" and block.labels else None
                if isinstance(source, str) and sources.real_path(posixpath.join(above, source)) == real:
                    call = rf"module\.{re.escape(block.labels[0])}(?:\[[^\]]*\])*"
                    yield above, rf"{call}(?:\.{re.escape(output)}|(?![\w.\[-]))"


def _uses(body: Body, text: str, pattern: re.Pattern[str]) -> Iterator[tuple[Block, tuple[str, ...]]]:
    """Yield the uses of a reference: the top block, and the blocks in it down to the argument."""
    nodes: list[tuple[Block, Body, tuple[str, ...]]] = [(block, block.body, ()) for block in body.blocks]
    while nodes:
        top, inner, steps = nodes.pop()
        for attribute in inner.attributes.values():
            if pattern.search(text, attribute.start, attribute.end):
                yield top, (*steps, attribute.name)
        nodes += [(top, block.body, (*steps, *_names_of(block))) for block in inner.blocks]


def _names_of(block: Block) -> tuple[str, ...]:
    return (block.type, *block.labels[:1]) if block.type == "dynamic" else (block.type,)


def _is_sensitive(block: Block) -> bool:
    return _literal(block, "sensitive") is True


def _literal(block: Block, name: str) -> object:
    attribute = block.body.attributes.get(name)
    expression = None if attribute is None else attribute.expression()
    return expression.value if isinstance(expression, ast.Literal) else None


def _refuse_place(top: Block, steps: tuple[str, ...], what: str, file: str) -> None:
    """Raise Refusal if a place does not accept a sensitive value."""
    if top.type == "output" and steps == ("value",):
        if not _is_sensitive(top):
            raise Refusal(f"an output that is not sensitive depends on the {what}")
        return
    if not _accepts(top.type, steps):
        where = "" if top.type in _RESOURCES and len(steps) == 1 else f" in `{'.'.join((top.type, *steps[:-1]))}`"
        raise Refusal(f"`{steps[-1]}`{where} of `{file}` depends on the {what} and cannot be sensitive")


def _accepts(block: str, steps: tuple[str, ...]) -> bool:
    """Return whether an argument of a block accepts a sensitive value."""
    if (block, *steps[:-1]) in _CONDITIONS:
        return steps[-1] == "condition"
    if block == "check" and steps[0] == "data":
        return _accepts("data", steps[1:])
    if block not in _REJECTED or "lifecycle" in steps[:-1] or steps[0] in _REJECTED[block]:
        return False
    # Of a dynamic block, only the content consists of values.
    return all(steps[at + 2 : at + 3] == ("content",) for at, step in enumerate(steps[:-1]) if step == "dynamic")


def _further(top: Block, steps: tuple[str, ...], folder: str, sources: Sources) -> tuple[str, str] | None:
    """Return a reference that becomes sensitive with an argument, and its folder. Raise Refusal."""
    name, argument = steps[1] if steps[0] == "dynamic" else steps[0], steps[-1]
    labels = [re.escape(label) for label in top.labels]
    match top.type:
        case "locals":
            return folder, rf"local\.{re.escape(name)}"
        case "module":
            return _in_module(top, name, folder, sources) if name != "depends_on" else None
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
        for block in body_of(file, sources.text(file)).blocks:
            if block.type == "variable" and block.labels == (name,) and _is_sensitive(block):
                return None
    return inner, rf"var\.{re.escape(name)}"

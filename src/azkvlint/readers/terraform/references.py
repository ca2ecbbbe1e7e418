"""Find out what a reference in an expression of a module names, and the path in its value."""

from __future__ import annotations

from collections.abc import Container
from enum import Enum
from typing import NamedTuple

from azkvlint.model.value import Path
from azkvlint.syntax import ast
from azkvlint.values.paths import path_of, without_indexes


class ReferenceTarget(Enum):
    """What a reference names."""

    VARIABLE = "var"
    LOCAL = "local"
    OUTPUT = "module"
    ATTRIBUTE = "resource"
    OWN_ATTRIBUTE = "self"
    ITEM = "value"
    KEY = "key"
    OTHER = "known by Terraform itself"


class TerraformReference(NamedTuple):
    """A reference to a declaration, or to the ``for_each`` of the loop called ``name``.

    ``rest`` is the path below: of an output, from its name on, of an attribute, from that of the attribute on.
    """

    target: ReferenceTarget
    name: str = ""
    rest: Path = ()
    type: str = ""


_OTHER = TerraformReference(ReferenceTarget.OTHER)
_KNOWN = frozenset({"count", "path", "terraform", "tofu", "*"})
_ROOTS = {target.value: target for target in (ReferenceTarget.VARIABLE, ReferenceTarget.LOCAL, ReferenceTarget.OUTPUT)}


def reference_of(
    node: ast.Node, rest: Path, resources: Container[str], iterators: Container[str] = ()
) -> TerraformReference | None:
    """Return what is at ``rest`` in the value of a reference; None for another expression.

    ``iterators`` are the names of iterators of the dynamic blocks around it.
    """
    path = path_of(node)
    if not path:
        return None
    root, steps = path[0], (*path[1:], *rest)
    if steps and (root in iterators or root == "each"):
        target = {"key": ReferenceTarget.KEY, "value": ReferenceTarget.ITEM}.get(str(steps[0]), ReferenceTarget.OTHER)
        return TerraformReference(target, root, steps[1:])
    if root == "self":
        return TerraformReference(ReferenceTarget.OWN_ATTRIBUTE, "", steps)
    if root in _ROOTS and steps:
        below = steps[1:]
        return TerraformReference(_ROOTS[root], str(steps[0]), without_indexes(below) if root == "module" else below)
    if root == "resource" and len(steps) > 1:
        root, steps = str(steps[0]), steps[1:]
    elif root in ("data", "ephemeral") and len(steps) > 1:
        return TerraformReference(ReferenceTarget.ATTRIBUTE, f"{root}.{steps[0]}.{steps[1]}", steps[2:], str(steps[0]))
    if root in _KNOWN or not steps:
        return _OTHER
    address = f"{root}.{steps[0]}"
    return (
        TerraformReference(ReferenceTarget.ATTRIBUTE, address, steps[1:], root)
        if "_" in root or address in resources
        else _OTHER
    )

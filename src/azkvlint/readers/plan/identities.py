"""Where an identity that is known only after apply comes from: the one attribute that its expression leads to.

A plan keeps only which references an expression makes, so two identities count as the same if each is nothing but a
reference, along variables and outputs, to the same attribute of the same resource.
"""

from __future__ import annotations

from azkvlint.evaluation.values import hole
from azkvlint.readers.plan.address import ModulePath, instance_address
from azkvlint.readers.plan.configuration import Configuration, references
from azkvlint.readers.plan.instances import split
from azkvlint.readers.plan.reference_walk import MAX_HOPS
from azkvlint.readers.plan.traversal import Traversal, longest

# What identities are called, in arguments and in what they come from.
IDENTITIES = frozenset({"principal_id", "object_id", "client_id", "application_id", "tenant_id", "user_id"})


def origin(configuration: Configuration, path: ModulePath, refs: list[str]) -> str:
    """The pattern of the attribute that ``refs`` in the module at ``path`` lead to; empty if it is not one alone."""
    for _ in range(MAX_HOPS):
        found = longest(tuple(refs))
        if len(found) != 1:
            return ""
        ref = found[0]
        if ref.kind in ("azure", "other"):
            return _pattern(path, ref)
        if ref.kind == "var" and path and not ref.rest:
            call = configuration.call(split(path)[0]).get("expressions")
            refs, path = references(call.get(ref.name) if isinstance(call, dict) else None), path[:-1]
        elif ref.kind == "module" and len(ref.rest) == 1:
            path = (*path, (ref.name, ref.key))
            outputs = configuration.module(split(path)[0]).get("outputs")
            node = outputs.get(ref.rest[0]) if isinstance(outputs, dict) else None
            refs = references(node.get("expression")) if isinstance(node, dict) else []
        else:
            return ""
    return ""


def _pattern(path: ModulePath, ref: Traversal) -> str:
    if not ref.rest or ref.rest[-1] not in {*IDENTITIES, "id"}:
        return ""
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in ref.rest)
    return hole(instance_address(path, ref.name, ref.key) + steps)

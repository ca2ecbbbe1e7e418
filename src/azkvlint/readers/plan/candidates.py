"""The resources that an unknown ID in a module can name: those that it declares, and those passed by others.

A plan omits local values, but an unknown part of a local value always comes from its module. So the candidates are
known even for an argument that combines a local value with an ID (``coalesce(local.scope, azurerm_key_vault.kv.id)``).
That ID is used as a whole, because a plan does not contain operators.
"""

from __future__ import annotations

from azkvlint.azure.azurerm.resources import is_azure
from azkvlint.readers.plan.address import Names
from azkvlint.readers.plan.configuration import Configuration, Node, references

# The outputs of these types may be any string.
_ANY_TEXT = ("azapi_", "template_deployment", "deployment_script")
_NOTHING: frozenset[str] = frozenset()


class CandidateTypes:
    """The types of the resources in modules, computed once per module."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._inside: dict[Names, frozenset[str] | None] = {}

    def visible_types(self, names: Names) -> frozenset[str] | None:
        """Return the Terraform types that an unknown ID in a module may name; None if it may name any type.

        Variables of the root module are known; those of other modules have the values that the caller passes.
        """
        found = _NOTHING
        for depth in range(len(names) + 1):
            inside = self._module_types(names[:depth])
            if inside is None:
                return None
            found |= inside
        return found

    def _module_types(self, names: Names) -> frozenset[str] | None:
        """Return the types in a module and in the child modules that have outputs."""
        if names not in self._inside:
            self._inside[names] = self._find_types(names)
        return self._inside[names]

    def _find_types(self, names: Names) -> frozenset[str] | None:
        module = self._configuration.module(names)
        blocks, calls = module.get("resources"), module.get("module_calls")
        found: set[str] = set()
        for block in blocks if isinstance(blocks, list) else ():
            if not isinstance(block, dict):
                return None
            type_ = str(block.get("type"))
            if block.get("mode") != "data" and is_azure(type_) and not any(word in type_ for word in _ANY_TEXT):
                found.add(type_)
            elif self._may_wait(names, block):
                return None
        for name in calls if isinstance(calls, dict) else ():
            if self._configuration.module((*names, name)).get("outputs"):
                below = self._module_types((*names, name))
                if below is None:
                    return None
                found |= below
        return frozenset(found)

    def _may_wait(self, names: Names, block: Node) -> bool:
        """Return whether a block is a resource, or a data source that may be read at apply time.

        A data source is read at apply time if its arguments or its provider's are unknown, or because of
        ``depends_on``. Source: Terraform's internal/terraform/node_resource_abstract_instance.go (planDataSource).
        """
        calls = (self._configuration.call(names[:depth]) for depth in range(1, len(names) + 1))
        if block.get("mode") != "data" or any(outer.get("depends_on") for outer in (block, *calls)):
            return True
        key = self._configuration.provider_key(names, str(block.get("address")))
        provider = self._configuration.providers().get(key, {})
        return not all(
            _is_known(where, text)
            for where, node in ((names, block), (names if ":" in key else (), provider))
            for text in references(node.get("expressions"))
        )


def _is_known(names: Names, reference: str) -> bool:
    """Return whether a reference in a module is certainly known during planning."""
    if reference.startswith("var."):
        return not names
    return reference.startswith(("path.", "terraform.", "each.key", "count."))

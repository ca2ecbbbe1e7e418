"""Which types of a plan any rule asks for, and how each is lowered."""

from __future__ import annotations

from azkvlint.azure.azurerm.azapi import AZAPI
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.templates import WITH_TEMPLATE
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.plan.map_arguments import Lowering


class Lowerings:
    """How the types are lowered that any rule asks for. It knows nothing of the plan, so that nothing holds on to that
    in a circle: nobody looks for garbage while kvlint runs.
    """

    def __init__(self, required: RequiredAttributes, at: Location) -> None:
        self._required = required
        self._at = at
        self._known: dict[str, Lowering | None] = {}

    def of(self, type_: str) -> Lowering | None:
        """How a Terraform type of azurerm's is lowered; None if nobody asks for it."""
        if type_ not in self._known:
            mapped = RESOURCES.get(type_)
            asked = mapped is not None and self._required.paths_of(mapped.type) is not None
            self._known[type_] = Lowering(mapped, self._required, self._at) if mapped is not None and asked else None
        return self._known[type_]

    def are_asked(self, type_: str) -> bool:
        """Whether any rule asks for resources of a Terraform type."""
        if type_.startswith("azapi_"):
            return type_ in AZAPI
        return type_ in WITH_TEMPLATE or self.of(type_) is not None

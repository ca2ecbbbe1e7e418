"""IDs of resources in the values of Terraform."""

from __future__ import annotations

import msgspec

from azkvlint.azure.azurerm.resources import is_azure, is_own_id, linked_type
from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.freezer import Freezer
from azkvlint.evaluation.values import Result
from azkvlint.graph.references import type_below
from azkvlint.model.pattern import DeclaredHole, Pattern, join_texts, text_form
from azkvlint.model.value import Link, MapValue, Unknown, Value


class LinkFreezer(Freezer):
    """Turns results into Values, and what certainly is the id of one resource into a Link.

    ``types`` are the Azure types of resources by address.
    """

    def __init__(self, types: dict[str, str], budget: Budget) -> None:
        super().__init__(budget=budget)
        self._types = types

    def freeze(self, result: Result) -> Value | None:
        """Return the Value of a result; None for null, which is "not set"."""
        if type(result) is Unknown and result.candidates:
            return self._named(result)
        found = super().freeze(result)
        if type(found) is Unknown and found.pattern is not None and not found.types:
            type_ = self._type_of_id(found.pattern)
            return msgspec.structs.replace(found, types=(type_,)) if type_ else found
        return found

    def _type_of_id(self, pattern: Pattern) -> str:
        """Return the type in an ID that begins with the ID of a resource, as of a child; empty for other texts."""
        first, *others = pattern.parts
        if not isinstance(first, DeclaredHole) or not others:
            return ""
        declared = first.type.removeprefix("data.")
        if not is_azure(declared) or not is_own_id(declared, first.path):
            return ""
        start = self._types.get(text_form(first.address)) or linked_type(declared)
        return type_below(start, text_form(join_texts(others)))

    def _frozen(self, result: Result) -> Value | None:
        found = super()._frozen(result)
        if isinstance(found, MapValue) and found.fields and all(value.sensitive for value in found.fields.values()):
            # It may be secret as a whole, its keys included.
            return msgspec.structs.replace(found, sensitive=True)
        return found

    def _named(self, found: Unknown) -> Value:
        if not (found.closed and found.given and len(found.candidates) == 1):
            # A pattern would say that the text is known as far as it goes, and so hide what it may name.
            return Unknown(
                at=found.at, why=found.why, candidates=found.candidates, closed=found.closed, hops=found.hops,
                types=tuple(sorted({self._types.get(one, "") for one in found.candidates})) if found.closed else (),
                given=found.given, known=found.known, sensitive=found.sensitive,
            )  # fmt: skip
        target = found.candidates[0]
        return Link(at=found.at, target=target, type=self._types.get(target, ""), hops=found.hops)

"""What stands for more than is known: the instances of a declaration that nobody can count, another root's outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.terraform.alternatives import one_of_results
from azkvlint.evaluation.values import Result, hole, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown

if TYPE_CHECKING:
    from azkvlint.readers.terraform.resource_symbols import Instance


class Symbolic:
    """All instances of a declaration, nobody knows how many, for which ``one`` stands.

    ``positions`` are the patterns of the keys that certainly mean it.
    """

    def __init__(self, one: Instance, positions: frozenset[str], at: Location) -> None:
        self.one = one
        self.positions = positions
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """An instance by its key, which a map takes as a member too."""
        return self.item(Scalar(at=at, value=name), at)

    def item(self, index: Result, at: Location) -> Result:
        """The one that stands for all where the key is that of this loop; else it is only one of them."""
        if pattern_of(index) in self.positions:
            return self.one
        why = f"which instance of '{self.one.address}' is meant is not known"
        return one_of_results([self.one, Unknown(at=at, why=why)], Unknown(at=at, why=why))


class RemoteOutputs:
    """The outputs of another root module, as its state has them: one that is null is not in a state at all.

    Source: developer.hashicorp.com/terraform/language/state/remote-state-data.
    """

    def __init__(self, address: str, at: Location) -> None:
        self.address = address
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """One output."""
        pattern = hole(f"{self.address}.outputs.{name}")
        return Unknown(at=at, why=f"it is in the state that {self.address} reads", pattern=pattern, given=True)

    def item(self, index: Result, at: Location) -> Result:
        """An output by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why=f"it is in the state that {self.address} reads")

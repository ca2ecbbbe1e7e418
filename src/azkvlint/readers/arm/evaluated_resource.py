"""One resource of a deployment, as far as anybody asks: its head, what it hangs on, its members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.string_patterns import conjuncts
from azkvlint.evaluation.values import OPEN, Result, hole, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.arm.resource_identity import Head, address_of, head_of
from azkvlint.readers.arm.run import Pointer, is_usual, key_of
from azkvlint.readers.arm.template_holders import DEPLOYMENTS

if TYPE_CHECKING:
    from azkvlint.readers.arm.deployment_resources import Level
    from azkvlint.readers.arm.nested_deployments import Nested


class Instance:
    """A resource, a pass of a resource's loop (``suffix`` is ``[0]``), or what stands for all its passes (``[*]``).

    ``plain`` is its JSON at ``pointer``; ``above`` is the resource that it is declared in.
    """

    __slots__ = (
        "_address", "_busy", "_head", "_nested", "above", "is_deployment", "level", "local", "plain", "pointer",
        "suffix", "symbol", "usual", "written_type",
    )  # fmt: skip

    def __init__(
        self, level: Level, plain: Mapping[str, Any], pointer: Pointer, local: Local, symbol: str = "",
        above: Instance | None = None, suffix: str = "",
    ) -> None:  # fmt: skip
        self.level = level
        self.plain = plain
        self.usual = is_usual(plain)
        self.pointer = pointer
        self.local = local
        self.symbol = symbol
        self.above = above
        self.suffix = suffix
        # Empty if it is not known.
        self.written_type = self.pattern("type", known=True).strip("/")
        self.is_deployment = self.written_type.lower() == DEPLOYMENTS
        self._busy = False
        self._address = ""
        self._head: Head | None = None
        self._nested: tuple[Nested | None] | None = None

    def close(self) -> None:
        """Let go of what it deploys."""
        self._nested = None

    @property
    def key(self) -> Pointer:
        """What tells it apart from the other passes of its loop and of the loops around it."""
        return (*self.pointer, self.suffix) if self.above is None else (*self.above.key, *self.pointer, self.suffix)

    def key_of(self, name: str) -> str | None:
        """The key of a member as its author spells it, or None. ``name`` is the usual spelling."""
        if name in self.plain:
            return name
        return None if self.usual else key_of(self.plain, name)

    def evaluated(self, name: str) -> Result | None:
        """A member of the resource; None if it is not written."""
        key = self.key_of(name)
        if key is None:
            return None
        return self.level.template.value(self.plain[key], (*self.pointer, key), self.local)

    def pattern(self, name: str, known: bool = False) -> str:
        """A text as far as it is known, or only if all of it is ``known``; else empty."""
        key = self.key_of(name)
        plain = self.plain[key] if key is not None else None
        if type(plain) is str and plain[:1] != "[" and OPEN not in plain:
            return plain
        found = self.evaluated(name)
        if found is None or (known and not isinstance(found, Scalar)):
            return ""
        return pattern_of(found)

    def place(self, name: str) -> Location:
        """Where a member of the resource stands, or the resource if it is not written."""
        key = self.key_of(name)
        return self.level.template.where(self.pointer if key is None else (*self.pointer, key))

    @property
    def head(self) -> Head:
        """Its type, names and id."""
        if self._head is None:
            self._head = head_of(self)
        return self._head

    @property
    def version(self) -> str:
        """The API version; empty if it is not known."""
        return self.pattern("apiVersion", known=True)

    @property
    def address(self) -> str:
        """What reports call it, unique in the root template."""
        if not self._address:
            level = self.level
            key = (level.template.path, level.address, *self.key)
            self._address = level.run.unique(f"{level.address}{address_of(self)}", key)
        return self._address

    def conditions(self) -> frozenset[str] | None:
        """What it hangs on and nobody knows; None if it is certainly not there."""
        found = self.evaluated("condition")
        conditions = self.level.conditions
        if isinstance(found, Scalar):
            if found.value is False or (isinstance(found.value, str) and found.value.lower() == "false"):
                return None
        elif found is not None:
            pattern = found.pattern if isinstance(found, Unknown) else ""
            conditions = conditions.union(conjuncts(pattern) if pattern else [f"the condition of {self.address}"])
        here: Instance | None = self
        while here is not None:
            if here.suffix == "[*]":
                conditions |= {f"the loop of {here.address}"}
            here = here.above
        return conditions

    def written(self, *names: str) -> Result | None:
        """A member as it is written; None if it is not, or hangs on itself."""
        plain: Any = self.plain
        pointer = self.pointer
        for number, name in enumerate(names):
            if isinstance(plain, str):
                # An object that is itself an expression.
                found = self._guarded(plain, pointer)
                for below in names[number:]:
                    if found is not None:
                        found = self.level.template.evaluator.member(found, below, True, found.at)
                return found
            key = key_of(plain, name) if isinstance(plain, dict) else None
            if key is None:
                return None
            plain, pointer = plain[key], (*pointer, key)
        return self._guarded(plain, pointer)

    def _guarded(self, plain: Any, pointer: Pointer) -> Result | None:
        if self._busy:
            return None
        self._busy = True
        try:
            return self.level.template.value(plain, pointer, self.local)
        finally:
            self._busy = False

    @property
    def nested(self) -> Nested | None:
        """What a deployment deploys; None if that is not at hand."""
        if self._nested is None:
            from azkvlint.readers.arm.nested_deployments import open_nested

            self._nested = (open_nested(self),)
        return self._nested[0]

    def output(self, name: str, at: Location) -> Result:
        """An output of a deployment."""
        found = self.nested.output(name) if self.nested is not None else None
        if found is None:
            why = "the output of a deployment is known only after deployment"
            return Unknown(at=at, why=why, pattern=hole(f"{self.address}.outputs.{name.lower()}"))
        return found

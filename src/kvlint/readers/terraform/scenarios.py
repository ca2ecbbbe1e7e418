"""A root module with other values than the defaults of its variables: what may exist there, and what never does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from kvlint.model.graph import Assumption
from kvlint.model.source import static_address
from kvlint.readers.existence import assumption, deciding
from kvlint.readers.terraform.folder import Declaration, Folder, Piece
from kvlint.readers.terraform.instance import ModuleInstance, Use
from kvlint.readers.terraform.modules import Arguments
from kvlint.syntax import tree

if TYPE_CHECKING:
    from kvlint.readers.terraform.entities import Symbol
    from kvlint.readers.terraform.run import TerraformRun
    from kvlint.readers.terraform.values import RootValues

AnySymbol = TypeVar("AnySymbol", bound="Symbol[Any]")
_OPTION = "--var or --var-file"


class Scenario:
    """A root module in which nothing is known of the variables in ``opened``, or of any that is given no value.

    ``read`` and ``given`` are the variables that were read so far, those without and those with a given value.
    """

    def __init__(
        self, run: TerraformRun, folder: Folder, values: RootValues, base: ModuleInstance, opened: frozenset[str] | None
    ) -> None:
        self.opened = opened
        self.base = base
        self.read: set[str] = set()
        self.given: set[str] = set()
        self._modules: dict[str, ModuleInstance | None] = {}
        self.root = ModuleInstance(folder, run, Use(given=values, scenario=self))

    def opens(self, name: str) -> bool:
        """Return whether nothing is known of a variable that is given no value and has a default."""
        self.read.add(name)
        return self.opened is None or name in self.opened

    @property
    def why(self) -> Assumption:
        """The assumption that this scenario makes."""
        names = sorted(self.opened or ())
        declaration = self.root.folder.variables[names[0]]
        block = declaration.block
        at = self.root.place(declaration.path, block.start, block.head)
        return assumption([f"var.{name}" for name in names], _OPTION, at)

    def module(self, instance: ModuleInstance) -> ModuleInstance | None:
        """Return the same use of a module in this scenario; None if there is none."""
        given = instance.use.given
        if not isinstance(given, Arguments):
            return self.root
        if instance.prefix not in self._modules:
            self._modules[instance.prefix] = None
            caller = self.module(given.caller)
            call = caller.module(given.call.declaration.local) if caller is not None else None
            use = call.used(given.step) if call is not None else None
            self._modules[instance.prefix] = use.content if use is not None else None
        return self._modules[instance.prefix]

    def symbol(self, symbol: AnySymbol) -> AnySymbol | None:
        """Return the same declaration in this scenario; None if its module is not used there."""
        return _same(self.module(symbol.instance), symbol)

    def deployed(self, symbol: Symbol[Any], address: str) -> tuple[str, ...]:
        """Return what exists with the defaults instead of an instance that stands for more than is known there."""
        given, base = symbol.instance.use.given, self.base
        calls: list[Arguments] = []
        while isinstance(given, Arguments):
            calls.append(given)
            given = given.caller.use.given
        for call in reversed(calls):
            found = base.module(call.call.declaration.local)
            uses = found.instances if found is not None else []
            content = next((use.content for use in uses if use.step.bracket == call.step.bracket), None)
            if content is None:
                return ()
            base = content
        same = _same(base, symbol)
        addresses = tuple(one.address for one in same.instances) if same is not None else ()
        return () if address in addresses else addresses


def _same(module: ModuleInstance | None, symbol: AnySymbol) -> AnySymbol | None:
    if module is None:
        return None
    local = symbol.declaration.local
    found: Any = module.module(local) if symbol.is_call else module.resource(local)
    return found  # type: ignore[no-any-return]  # a declaration is of the same kind in every scenario


class Scenarios:
    """The scenarios of one root module, each made when it is first needed.

    Their work counts apart from that of the root module itself, so that it cannot keep that from being evaluated.
    """

    def __init__(self, run: TerraformRun, folder: Folder, values: RootValues, base: ModuleInstance) -> None:
        self.run = run
        self.folder = folder
        self.values = values
        self.base = base
        self._apart: TerraformRun | None = None
        self._known: dict[frozenset[str] | None, Scenario] = {}
        self._read: dict[str, frozenset[str]] = {}
        # The values of a plan are final, those that come from defaults too.
        self.is_possible = not values.planned and any(
            "default" in declaration.attributes for declaration in folder.variables.values()
        )

    @property
    def closed(self) -> bool:
        """Return whether everything in the scenarios could be read in which more resources may be declared."""
        return self._apart is None or self._apart.closed

    def of(self, opened: frozenset[str] | None) -> Scenario:
        """Return the scenario in which nothing is known of some variables, or of all that are given no value."""
        found = self._known.get(opened)
        if found is None:
            found = self._known[opened] = self._made(opened)
        return found

    def _made(self, opened: frozenset[str] | None) -> Scenario:
        if self._apart is None:
            self._apart = self.run.apart()
        return Scenario(self._apart, self.folder, self.values, self.base, opened)

    def existing(self, symbol: AnySymbol) -> AnySymbol | str:
        """Return a declaration without instances as it is where it has some, or else why it never has any.

        Raises InputError if that takes more work than any input needs.
        """
        piece = _condition(symbol.declaration)
        if not self.is_possible or (piece is not None and isinstance(piece.attribute.expression(), tree.Literal)):
            return self._reason(symbol, piece)
        if not self._exists(None, symbol):
            return self._reason(symbol, piece)
        already = _opened(symbol)
        key = static_address(symbol.address)
        # All uses of a module read the same variables, unless what they are given decides what is read.
        found = deciding(self._read.get(key, frozenset()), lambda names: self._exists(already | names, symbol))
        if not found:
            self._read[key] = self._reads(symbol) - already
            found = deciding(self._read[key], lambda names: self._exists(already | names, symbol))
        same = self.of(already | found).symbol(symbol) if found else None
        return self._reason(symbol, piece) if same is None else same

    def _exists(self, opened: frozenset[str] | None, symbol: Symbol[Any]) -> bool:
        same = self.of(opened).symbol(symbol)
        return same is not None and bool(same.instances)

    def _reads(self, symbol: Symbol[Any]) -> frozenset[str]:
        """Return the variables without a given value that decide on the instances of a declaration."""
        probe = self._made(None)
        same = probe.symbol(symbol)
        if same is not None:
            same.expanded()
        return frozenset(probe.read)

    def _reason(self, symbol: Symbol[Any], piece: Piece | None) -> str:
        """Return why a declaration has no instances."""
        name = piece.attribute.name if piece is not None else ""
        said = {"count": "`count` is 0", "for_each": "`for_each` is empty"}.get(name, "`enabled` is false")
        given: set[str] = set()
        if self.values.given:
            probe = self._made(None)
            same = probe.symbol(symbol)
            if same is not None:
                same.expanded()
            given = probe.given
        if given:
            said += " with the given value of " + ", ".join(f"`var.{one}`" for one in sorted(given)[:3])
        elif symbol.instance.prefix:
            said += " with the arguments of the module call"
        return said


def _condition(declaration: Declaration) -> Piece | None:
    """Return the attribute that decides how many instances there are; None for OpenTofu's ``enabled``."""
    attributes = declaration.attributes
    return attributes.get("count", attributes.get("for_each"))


def _opened(symbol: Symbol[Any]) -> frozenset[str]:
    scenario = symbol.instance.use.scenario
    return (scenario.opened if scenario is not None else None) or frozenset()

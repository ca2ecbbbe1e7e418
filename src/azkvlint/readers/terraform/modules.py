"""Module calls: what they are made of, what they are given, what they deploy, and what they give back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azkvlint.evaluation.values import Result, hole
from azkvlint.model.location import Location
from azkvlint.model.value import Unknown
from azkvlint.readers.terraform.expansion import Step, keyed, written_count
from azkvlint.readers.terraform.folder import Declaration, Folder
from azkvlint.readers.terraform.providers import handed
from azkvlint.readers.terraform.resource_symbols import Instance, Symbol
from azkvlint.readers.terraform.secrets import is_sensitive, is_written
from azkvlint.readers.terraform.sources import Source, source_of

if TYPE_CHECKING:
    from azkvlint.readers.terraform.module_evaluation import ModuleInstance

# What a module call says of the call itself.
META = frozenset({"source", "version", "count", "for_each", "providers", "depends_on"})


class ModuleSymbol(Symbol["ModuleEntity"]):
    """A module call."""

    def __init__(self, instance: ModuleInstance, declaration: Declaration) -> None:
        super().__init__(instance, declaration, f"{instance.prefix}module.{declaration.local}")
        self.name = declaration.local
        self._source: Source | None = None
        self._keyed: list[ModuleEntity] = []
        self._asked = False

    is_call = True

    def close(self) -> None:
        """Let go of everything: see ``ModuleInstance.close``."""
        for use in self._keyed:
            use.close()
        self._keyed.clear()
        super().close()

    def make(self, step: Step) -> ModuleEntity:
        """One use."""
        return ModuleEntity(self, step)

    def used(self, step: Step) -> ModuleEntity | None:
        """Return the use with the key of ``step``; of one that stands for all, as it is with that key."""
        found = self.expanded()
        for entity in self.instances:
            if entity.step.bracket == step.bracket:
                return entity
        if found is None or not found.symbolic or not found.steps:
            return None
        use = ModuleEntity(self, keyed(found.steps[0], step))
        self._keyed.append(use)
        return use

    @property
    def source(self) -> Source | None:
        """What the module is made of; None, with a Problem, if that is not at hand."""
        if not self._asked:
            self._asked = True
            self._source = source_of(self.instance, self.declaration, self.at)
        return self._source


class ModuleEntity(Instance):
    """One use of a module."""

    def __init__(self, symbol: ModuleSymbol, step: Step) -> None:
        self.symbol = symbol
        self.step = step
        self.address = symbol.address + step.bracket
        self.at = symbol.at
        self._content: ModuleInstance | None = None
        self._asked = False

    def close(self) -> None:
        """Let go of everything: see ``ModuleInstance.close``."""
        self._content = None

    @property
    def conditions(self) -> frozenset[str]:  # type: ignore[override]  # found when somebody asks
        """What its being there hangs on."""
        found = self.symbol.expanded()
        return self.step.conditions | found.conditions if found is not None else self.step.conditions

    @property
    def content(self) -> ModuleInstance | None:
        """What is in the module, with what it is given; None, with a Problem, if it is not at hand."""
        if not self._asked:
            self._asked = True
            source = self.symbol.source
            if source is not None:
                self._content = self._used(source)
        return self._content

    def _used(self, source: Source) -> ModuleInstance:
        from azkvlint.readers.terraform.module_evaluation import ModuleInstance, Use

        caller = self.symbol.instance
        caller.run.count_deployment()
        at = caller.use.shown if caller.use.shown is not None else self.at
        use = Use(
            given=Arguments(self.symbol, self.step),
            prefix=f"{self.address}.",
            key=f"{caller.use.key}.{self.symbol.name}".lstrip("."),
            callers=caller.use.callers if caller.use.shown is not None else (*caller.use.callers, self.at),
            around=(*caller.use.around, caller.folder),
            shown=at if source.is_foreign or caller.use.shown is not None else None,
            providers=handed(caller, self.symbol.declaration),
            scenario=caller.use.scenario,
            copies=caller.use.copies * written_count(self.symbol.declaration) or 1,
        )
        if caller.use.shown is None:
            self._hide(source.folder)
        return ModuleInstance(source.folder, caller.run, use)

    def _hide(self, folder: Folder) -> None:
        """Take note of the arguments that are secrets: no excerpt shows them, whether somebody asks for them or not."""
        run = self.symbol.instance.run
        for name, (path, attribute) in self.symbol.declaration.attributes.items():
            variable = folder.variables.get(name)
            if variable is not None and is_sensitive(variable.block) and is_written(attribute):
                run.hide(Location(path=path, span=(attribute.value_start, attribute.end)))

    def member(self, name: str, at: Location) -> Result:
        """An output of the module: its own expression, where the module is at hand."""
        content = self.content
        found = content.output(name, at) if content is not None else None
        if found is None:
            why = f"the output '{name}' of {self.address} is not known"
            return Unknown(at=at, why=why, pattern=hole(f"{self.address}.{name}"))
        return found


class Arguments:
    """What a module call gives to variables, each evaluated when the module asks for it."""

    def __init__(self, call: ModuleSymbol, step: Step) -> None:
        self.call = call
        self.caller = call.instance
        self.declaration = call.declaration
        self.pieces = call.declaration.attributes
        self.step = step
        self.local = step.local
        self._busy: set[str] = set()

    def get(self, name: str, /) -> Result | None:
        """The value of one variable; None if it is given none."""
        piece = self.pieces.get(name) if name not in META else None
        if piece is None:
            return self._lost(name)
        if name in self._busy:
            at = self.caller.place(piece.path, piece.attribute.start, piece.attribute.end)
            self.caller.run.unreadable(f"the argument '{name}' refers to itself", at)
            return Unknown(at=at, why=f"the argument '{name}' refers to itself")
        self._busy.add(name)
        try:
            return self.caller.evaluate(piece, self.local)
        finally:
            self._busy.discard(name)

    def _lost(self, name: str) -> Unknown | None:
        """What is not found, if it may stand where nothing can be read."""
        if not self.declaration.is_damaged:
            return None
        path, block = self.declaration.path, self.declaration.block
        at = self.caller.place(path, block.start, block.head)
        return Unknown(at=at, why=f"'{name}' may stand in what cannot be read here")

    def meant(self, name: str, found: Result, at: Location, /) -> Result:  # noqa: ARG002  # only a plan says otherwise
        """The value itself."""
        return found

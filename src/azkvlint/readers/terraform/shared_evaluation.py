"""Share what the expressions of a module evaluate to with worlds in which all that they read is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Bound
from azkvlint.evaluation.traces import DECLARATION, INPUTS, LOCAL, VALUE, Evaluations, Read, SharedEvaluation
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.readers.terraform.resource_symbols import TerraformSymbol
from azkvlint.readers.terraform.run import TerraformRun
from azkvlint.syntax import ast

# Expressions that cost no more than to compare what they read.
_CHEAP = frozenset((ast.Name, ast.Member, ast.Literal))


class ModuleInWorld(Protocol):
    """One use of a module in one world. ``evaluations`` are those of all worlds."""

    run: TerraformRun
    evaluations: Evaluations

    def known(self, key: str) -> Result | None:
        """Return a variable, local value or output, if it was evaluated here."""

    def again(self, key: str, at: Location) -> Result | None:
        """Return the same, evaluated for a reference."""

    def declared(self, local: str, *, is_call: bool) -> TerraformSymbol[Any] | None:
        """Return a resource or module call by its name."""


def shared_evaluation(
    module: ModuleInWorld, node: ast.Expression, local: Local, make: Callable[[], tuple[Result, bool]]
) -> tuple[Result, bool]:
    """Return the value of an expression, and whether it fails: as in another world that has the same values for it."""
    trace = module.run.recorder.trace
    if trace is None or type(node) in _CHEAP:
        return make()
    start = len(trace.log)
    around = trace.enter(module, local)
    try:
        for known in module.evaluations.of(node) if module.run.changed else ():
            is_known = all(_is_same_here(read, module, local) for read in known.reads)
            del trace.log[start:]
            if is_known:
                trace.log += known.reads
                return known.value, False
        found, fails = make()
        if not fails:  # a failure belongs to the world in which it is looked for
            module.evaluations.add(node, SharedEvaluation(tuple(trace.log[start:]), found))
    finally:
        trace.leave(around, start)
    return found, fails


def _is_same_here(read: Read, module: ModuleInWorld, local: Local) -> bool:
    """Return whether what an evaluation has read is the same in a module of another world."""
    found: Any
    match read.source:
        case source if source is VALUE:
            found = module.known(read.name)
            if found is None:
                found = module.again(read.name, read.at)
        case source if source is LOCAL:
            bound = local.get(read.name)
            found = bound.evaluate() if isinstance(bound, Bound) else bound
        case source if source is INPUTS:
            is_unchanged: bool = read.name.isdisjoint(module.run.changed)
            return is_unchanged
        case source if source is DECLARATION:
            is_call, name = read.name
            return bool(_shape(module.declared(name, is_call=is_call)) == read.value)
        case _:
            is_call, name, key, member = read.name
            symbol = module.declared(name, is_call=is_call)
            every = symbol.instances if symbol is not None else ()
            found = next((one.member(member, read.at) for one in every if one.step.bracket == key), None)
    if found is read.value and not read.path:  # most values are shared
        return found is not None
    return found is not None and read.is_of(found)


def _shape(symbol: TerraformSymbol[Any] | None) -> object:
    """Return how a declaration is expanded, which a reference to it records as read; None if it is not declared."""
    if symbol is None:
        return None
    symbol.result()
    expansion = symbol.expanded()
    return None if expansion is None else expansion.shape

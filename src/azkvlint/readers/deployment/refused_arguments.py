"""Find the arguments of modules and nested deployments that their parameters do not accept in a world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from azkvlint.evaluation import solve
from azkvlint.evaluation.known import known_of
from azkvlint.evaluation.reads import Inputs, Readers
from azkvlint.evaluation.solve import Demand
from azkvlint.evaluation.values import Result
from azkvlint.model.value import NOTHING_KNOWN, Known, Plain, Scalar, Unknown
from azkvlint.readers.deployment.declarations import limits_of, literals, primitive
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.readers.deployment.template_instance import TemplateInstance
from azkvlint.readers.modules.run import EVERY_INPUT
from azkvlint.readers.modules.world_values import listed_values
from azkvlint.syntax import ast

# What is read by an argument of which that is not known.
_ANY: Inputs = frozenset((EVERY_INPUT,))
Refused: TypeAlias = tuple[DeploymentInstance, ast.ParameterDeclaration]


class _BaseArgument(NamedTuple):
    """An argument of the base world: whether its parameter refuses it there, and the inputs that it reads.

    ``inputs`` is None if these are not known, or if the base world may not deploy what refuses the argument.
    """

    instance: DeploymentInstance
    node: ast.ParameterDeclaration
    is_refused: bool
    inputs: Inputs | None


class RefusedArguments:
    """The arguments of one root that parameters with allowed values or limits refuse."""

    def __init__(
        self, contents: Iterable[DeploymentInstance], is_deployed: Callable[[DeploymentInstance], bool]
    ) -> None:
        """``is_deployed`` returns whether the base world certainly deploys a file."""
        # By the identity of a file, which lives as long as its instances.
        self._limited: dict[int, list[ast.ParameterDeclaration]] = {}
        self._known: Mapping[tuple[str, str], _BaseArgument] = {
            (instance.prefix, node.name): _evaluated(instance, node, is_deployed)
            for instance in contents for node in self._limited_parameters(instance)
        }  # fmt: skip
        accepted_here = ((key, one) for key, one in self._known.items() if not one.is_refused)
        self._readers = Readers((key, _ANY if one.inputs is None else one.inputs) for key, one in accepted_here)

    def of(
        self, contents: Iterable[DeploymentInstance], changed: Inputs, same: Callable[[DeploymentInstance], Any]
    ) -> Iterator[Refused]:
        """Yield what a world refuses and the base world does not.

        ``contents`` are the files that the world evaluates itself; ``same`` returns the same use of another.
        """
        for instance in contents:
            for node in self._limited_parameters(instance):
                known = self._known.get((instance.prefix, node.name))
                if (known is None or not known.is_refused) and _is_refused(instance, node):
                    yield instance, node
        for key in self._readers.of(changed | _ANY):
            known = self._known[key]
            here = same(known.instance)
            if isinstance(here, DeploymentInstance) and _is_refused(here, known.node):
                yield here, known.node

    def _limited_parameters(self, instance: DeploymentInstance) -> list[ast.ParameterDeclaration]:
        """Return the parameters of a file that do not accept every value of their type."""
        if instance.module_call.is_root:
            return []
        found = self._limited.get(id(instance.file))
        if found is None:
            nodes = (node for node in instance.file.symbols.values() if isinstance(node, ast.ParameterDeclaration))
            found = [node for node in nodes if next(accepted(instance, node), None) is not None]
            self._limited[id(instance.file)] = found
        return found


def allowed_values(instance: DeploymentInstance, node: ast.ParameterDeclaration) -> Iterator[Plain]:
    """Yield the values that a parameter accepts, if its declaration lists them; those of an array are its items."""
    if primitive(instance, node.type).lower() == "array":
        return
    for decorator in node.decorators:
        match decorator:
            case ast.Call(name="allowed", arguments=(ast.Array(items=items),)):
                yield from listed_values(items)
    yield from literals(instance, node.type)
    plain = instance.file.at(node.pointer) if isinstance(instance, TemplateInstance) else None
    for key, values in plain.items() if isinstance(plain, dict) else ():
        if key.lower() == "allowedvalues" and isinstance(values, list):
            yield from (one for one in values if isinstance(one, str | int | float | bool))


def accepted(instance: DeploymentInstance, node: ast.ParameterDeclaration) -> Iterator[Demand]:
    """Yield what an argument may be that its parameter accepts."""
    allowed = tuple(allowed_values(instance, node))
    yield from (Demand(solve.EQUAL, value) for value in allowed)
    limits = limits_of(node)
    if allowed or limits is NOTHING_KNOWN:
        return
    if limits.is_number:
        yield Demand(solve.LEAST, limits.least)
        if limits.most is not None:
            yield Demand(solve.MOST, limits.most)
        return
    if limits.least > 0:
        yield solve.NOT_EMPTY if limits.least == 1 else Demand(solve.LENGTH, limits.least)
    if limits.most is not None:
        yield Demand(solve.LENGTH, limits.most) if limits.most else solve.IS_EMPTY


def _evaluated(
    instance: DeploymentInstance, node: ast.ParameterDeclaration, is_deployed: Callable[[DeploymentInstance], bool]
) -> _BaseArgument:
    is_refused, inputs = _refusal(instance, node)
    if is_refused and not is_deployed(instance):
        return _BaseArgument(instance, node, is_refused=False, inputs=None)
    return _BaseArgument(instance, node, is_refused, inputs)


def _is_refused(instance: DeploymentInstance, node: ast.ParameterDeclaration) -> bool:
    """Return whether a parameter certainly does not accept its argument."""
    return _refusal(instance, node)[0]


def _refusal(instance: DeploymentInstance, node: ast.ParameterDeclaration) -> tuple[bool, Inputs | None]:
    """Return whether a parameter certainly does not accept its argument, and the inputs that this reads."""
    value, inputs = instance.run.recorder.apart(partial(instance.parameter, node))
    return _is_outside_of(instance, node, value), inputs


def _is_outside_of(instance: DeploymentInstance, node: ast.ParameterDeclaration, value: Result) -> bool:
    """Return whether a value is certainly none of those that a parameter accepts. Case does not matter."""
    allowed = tuple(allowed_values(instance, node))
    if allowed and isinstance(value, Scalar):
        return str(value.value).lower() not in {str(one).lower() for one in allowed}
    if allowed:
        return isinstance(value, Unknown) and all(_is_another(value.known, one) for one in allowed)
    return _is_beyond(value, limits_of(node))


def _is_another(known: Known, plain: Plain) -> bool:
    """Return whether a string is not the value of which some facts are known."""
    is_outside = isinstance(plain, str) and _is_outside(len(plain), len(plain), known)
    return known.is_text and (is_outside or plain in known.differs)


def _is_beyond(value: Result, limits: Known) -> bool:
    """Return whether a number, or a length, is certainly beyond limits."""
    if limits is NOTHING_KNOWN:
        return False
    if limits.is_number:
        plain = value.value if isinstance(value, Scalar) else None
        return isinstance(plain, int) and not isinstance(plain, bool) and _is_outside(plain, plain, limits)
    if isinstance(value, Scalar) and not isinstance(value.value, str):
        return False
    known = known_of(value)
    return not known.is_number and _is_outside(known.least, known.most, limits)


def _is_outside(least: int, most: int | None, limits: Known) -> bool:
    """Return whether a range has nothing in common with limits."""
    return (most is not None and most < limits.least) or (limits.most is not None and least > limits.most)

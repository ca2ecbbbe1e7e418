"""The origins of the values of parameters, of functions in Azure, and of outputs, in Bicep files and templates."""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.graph.pseudo_resources import with_origins_of_shown
from azkvlint.model.location import Location
from azkvlint.model.pattern import Text
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, MapValue, Path, Scalar, Unknown, Value
from azkvlint.readers.deployment.scope import text
from azkvlint.syntax import ast
from azkvlint.values import origins as value_origins
from azkvlint.values.origins import Origins, ValueOrigin
from azkvlint.values.paths import is_any, is_index, member_of

FILLED_IN = "is replaced before deployment"
FROM_VAULT = "the value is a Key Vault secret"
OUTPUT_TYPE = "Microsoft.Resources/deployments/outputs"
_LEAKS = frozenset({value_origins.SECURE, value_origins.SECRET, value_origins.CREDENTIAL})


def origins_of_call(node: ast.Node, rest: Path) -> Origins | None:
    """Return the origins of a function's result in Azure; None if they are those of its arguments."""
    name = node.name.lower() if isinstance(node, ast.Call) else ""
    if returns_keys(name):
        return value_origins.list_function_origins(rest)
    if name == "newguid":
        return frozenset({value_origins.IDENTIFIER})
    return frozenset({value_origins.RESOURCE}) if name in ("reference", "references") else None


def default_of(name: str, at: Location | None) -> ValueOrigin:
    """Return the source of a value that comes from the default of a parameter."""
    return ValueOrigin(value_origins.DEFAULT, f"default of parameter `{name}`", at)


def value_of(name: str, at: Location | None) -> ValueOrigin:
    """Return the source of a value that comes from a parameter file."""
    return ValueOrigin(value_origins.GIVEN, f"value of parameter `{name}`", at)


def sources_in(found: Origins, name: str, at: Location | None, source: ValueOrigin | None) -> list[ValueOrigin]:
    """Return the sources of a value with these origins that comes from a parameter, which is declared at ``at``.

    They are ``source``, where the value is written, or the parameter itself.
    """
    plain = ValueOrigin(value_origins.PARAMETER, f"parameter `{name}` is not marked as secure", at)
    return [one for one in (source, plain) if one is not None and one.origin in found]


def origins_in_file(
    name: str, value: Result | None, secure: bool, rest: Path, sources: list[ValueOrigin]
) -> tuple[Origins | None, ValueOrigin]:
    """Return the origins of the value at ``rest`` in a parameter that a file sets, None if it does not, and its source.

    Why it cannot be traced is added to ``sources``.
    """
    found = _origins_of_argument(value, secure, rest)
    sources += _doubts_of_argument(value, found, rest)
    return found, value_of(name, None if value is None else value.at)


def _origins_of_argument(found: Result | None, secure: bool, rest: Path = ()) -> Origins | None:
    """Return the origins of the value at ``rest`` in an argument from a file or a module declaration; None if there is
    none.
    """
    match found:
        case Items() | Fields(rest=None):
            parts = _parts_at(found, rest)
            every = [_origins_of_argument(part, secure, below) for part, below in parts]
            return value_origins.union(one for one in every if one is not None) or frozenset({value_origins.GIVEN})
        case None:
            return None
        case Scalar():
            return frozenset({value_origins.GIVEN})
        case Unknown(why=why) if why == FROM_VAULT:
            return frozenset({value_origins.SECRET})
        case Unknown(why=why) if why.endswith(FILLED_IN):
            return frozenset({value_origins.SECURE if secure else value_origins.PARAMETER})
        case Unknown(sensitive=sensitive):
            return frozenset({value_origins.SECURE if sensitive or secure else value_origins.UNTRACED})
        case _:
            return frozenset({value_origins.UNTRACED})


def _doubts_of_argument(found: Result | None, origins: Origins | None, rest: Path = ()) -> list[ValueOrigin]:
    """Return why an argument that ``_origins_of_argument`` cannot trace is unknown."""
    if origins is None or value_origins.UNTRACED not in origins:
        return []
    if isinstance(found, Items) or (isinstance(found, Fields) and found.rest is None):
        parts = _parts_at(found, rest)
        return [one for part, below in parts for one in _doubts_of_argument(part, origins, below)]
    if isinstance(found, Unknown) and found.why:
        return [ValueOrigin(value_origins.UNTRACED, found.why, None)]
    return []


def _parts_at(found: Items | Fields, rest: Path) -> list[tuple[Result, Path]]:
    """Return the items or members that the value at ``rest`` consists of, with the paths in them."""
    if isinstance(found, Items):
        below = rest[1:] if rest and is_index(rest[0]) else rest
        parts: Iterable[Result | None] = found.items
    elif not rest or is_any(rest[0]):
        parts, below = found.fields.values(), rest[1:]
    else:
        parts, below = [found.find(member_of(rest[0]))], rest[1:]
    return [(part, below) for part in parts if part is not None and not isinstance(part, Absent)]


def origins_of_passed(found: Origins | None, secure: bool) -> Origins:
    """Return the origins after a parameter: one that is not secure exposes its value in the deployment."""
    if found is None:
        return frozenset({value_origins.SECURE if secure else value_origins.PARAMETER})
    if not secure and found & _LEAKS:
        # What is only declared as secret may be a user name; a key is a secret under any name.
        word = value_origins.PARAMETER if found & _LEAKS == {value_origins.SECURE} else value_origins.EXPOSED
        return found - _LEAKS | {word}
    return found


def origins_of_parameter(found: Origins | None, secure: bool, name: str, rest: Path, called: bool = False) -> Origins:
    """Return the origins of the value at ``rest`` in a parameter; ``found`` are the origins of its argument.

    ``called``: a module call passes the argument. A module declares a parameter such as ``value`` as secure for all
    callers, so the declaration does not show that a value from code or from a resource property is a secret.
    """
    given = origins_of_passed(found, secure)
    if secure and not (called and value_origins.is_plain(given, (name, *rest))):
        return value_origins.secure_parameter_origins(given, name, rest)
    return value_origins.with_name_kind(given, (name, *rest))


def as_resource(
    address: str,
    name: str,
    secure: bool,
    found: Origins,
    at: Location,
    deployment: Text,
    callers: tuple[Location, ...],
    sources: list[ValueOrigin],
) -> Resource:
    """Return an output as a resource.

    ``deployment``: the names of the nested deployments that lead to it, and ``callers`` their places.
    """
    fields: dict[str, Value] = {"name": Scalar(at=at, value=name), "sensitive": Scalar(at=at, value=secure)}
    fields["deployment"] = text(deployment, at, "the name of the deployment is unknown")
    attributes = with_origins_of_shown(MapValue(at=at, fields=fields), found, sources)
    return Resource(
        address=address, type=OUTPUT_TYPE, name=name, attributes=attributes, at=at, declared_as="output",
        callers=callers,
    )  # fmt: skip


def returns_keys(function: str) -> bool:
    """Return whether a function returns keys of a resource: ``listKeys()``."""
    return function.lower().startswith("list")

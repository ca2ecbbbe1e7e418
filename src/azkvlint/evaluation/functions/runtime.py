"""Functions that only Azure, or whoever deploys, can answer."""

from __future__ import annotations

from collections.abc import Callable

from azkvlint.evaluation.apply_time import BY_DEPLOYMENT
from azkvlint.evaluation.functions.table import ANY, Context, Function, Lazy, Unknowable, call_pattern
from azkvlint.evaluation.values import Result
from azkvlint.model.value import Unknown


def _because(why: str) -> Callable[[], str]:
    return lambda: why


def _after(name: str, least: int, most: int, only: str = "") -> Function:
    return Unknowable(name, least, most, _because(f"{name}() is known only after deployment"), only)


def _by_azure(name: str, least: int, most: int) -> Function:
    return Unknowable(name, least, most, _because(f"{name}() is computed by Azure"), given=True)


def _by_caller(name: str, least: int, most: int, what: str, only: str = "") -> Function:
    return Unknowable(name, least, most, _because(f"{name}() is {what}"), only)


def _fail(context: Context) -> Result:
    return Unknown(at=context.at, why="the template calls fail() here, so the deployment fails")


# How the reason of a value ends that is a key, a connection string or a token of a resource.
GIVES_SECRET = "gives a secret, which is known only in Azure"


def secret(name: str, context: Context) -> Unknown:
    """The result of a function that gives keys or secrets."""
    return Unknown(at=context.at, why=f"{name}() {GIVES_SECRET}", sensitive=True)


def list_secrets(context: Context) -> Result:
    """``listKeys`` and all others whose names begin so: the kinds of resources have dozens of them."""
    return secret(context.name, context)


def _environment(context: Context) -> Result:
    """An environment variable: its default, if it has one, as the environment plays no part in a result."""
    arguments = context.arguments()
    if len(arguments) > 1:
        return arguments[1]
    pattern = call_pattern(context.name, arguments)
    return Unknown(at=context.at, why=f"{context.name}() is {_ENVIRONMENT}", pattern=pattern)


_MOMENT = "differs with every deployment"
_ENVIRONMENT = "read from the environment of whoever deploys"

FUNCTIONS: tuple[Function, ...] = (
    _after("reference", 1, 3),
    _after("references", 1, 2),
    _after("pickZones", 3, 5),
    _after("toLogicalZone", 3, 3),
    _after("toLogicalZones", 3, 3),
    _after("toPhysicalZone", 3, 3),
    _after("toPhysicalZones", 3, 3),
    _after("providers", 1, 2),
    _after("deployer", 0, 0),
    _after("stacktrace", 0, ANY),
    _by_azure("uniqueString", 1, ANY),
    _by_azure("guid", 1, ANY),
    _by_caller("externalInput", 1, 2, "given by the tool that deploys"),
    _by_caller("externalInputs", 1, 1, "given by the tool that deploys", "arm"),
    Lazy("readEnvironmentVariable", 1, 2, _environment, "bicep"),
    _by_caller("readCliArgument", 1, 2, "given by whoever deploys", "bicep"),
    Unknowable("newGuid", 0, 0, _because(f"newGuid() {_MOMENT}"), steady=False, given=True),
    Unknowable("utcNow", 0, 1, _because(BY_DEPLOYMENT), steady=False, given=True),
    Lazy("fail", 0, 1, _fail),
    Lazy("getSecret", 1, 5, list_secrets),
)

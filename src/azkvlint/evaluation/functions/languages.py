"""The functions of ARM template expressions and of Bicep by name, and those that only a deployment can evaluate."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from azkvlint.evaluation.functions import arrays, numbers, objects, strings
from azkvlint.evaluation.functions.table import ANY, CallContext, DeferredFunction, Function, Lazy, answer, call_pattern
from azkvlint.evaluation.known import of_length
from azkvlint.evaluation.operators import Local, Operations
from azkvlint.evaluation.values import BY_DEPLOYMENT, RETURNS_SECRET, Result
from azkvlint.model.value import Unknown
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex


def _because(why: str) -> Callable[[], str]:
    return lambda: why


def _after(name: str, least: int, most: int, only: str = "") -> Function:
    return DeferredFunction(name, least, most, _because(f"`{name}()` is known after deployment"), only)


def _by_azure(name: str, length: int) -> Function:
    why = _because(f"`{name}()` is computed by Azure")
    return DeferredFunction(name, 1, ANY, why, given=True, known=of_length(length))


def _by_caller(name: str, least: int, most: int, what: str, only: str = "") -> Function:
    return DeferredFunction(name, least, most, _because(f"`{name}()` is {what}"), only)


def _fail(context: CallContext) -> Result:
    return Unknown(at=context.at, why="the template calls `fail()`, so the deployment fails")


def secret(name: str, context: CallContext) -> Unknown:
    """Return the result of a function that returns keys or secrets."""
    return Unknown(at=context.at, why=f"`{name}()` {RETURNS_SECRET}", sensitive=True)


def list_secrets(context: CallContext) -> Result:
    """Return the result of ``listKeys`` or another function whose name begins with ``list``: there are dozens."""
    return secret(context.name, context)


def _environment(context: CallContext) -> Result:
    """Return the default of an environment variable, if it has one: the environment is never read."""
    arguments = context.arguments()
    if len(arguments) > 1:
        return arguments[1]
    pattern = call_pattern(context.name, arguments)
    return Unknown(at=context.at, why=f"`{context.name}()` is {_ENVIRONMENT}", pattern=pattern)


_MOMENT = "returns a new value for each deployment"
_ENVIRONMENT = "read from the environment of the deployment"

_RUNTIME: tuple[Function, ...] = (
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
    # learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-string: 13 characters, and the
    # format of a globally unique identifier.
    _by_azure("uniqueString", 13),
    _by_azure("guid", 36),
    _by_caller("externalInput", 1, 2, "provided by the deployment tool"),
    _by_caller("externalInputs", 1, 1, "provided by the deployment tool", "arm"),
    Lazy("readEnvironmentVariable", 1, 2, _environment, "bicep"),
    _by_caller("readCliArgument", 1, 2, "provided by the deployment command", "bicep"),
    DeferredFunction(
        "newGuid", 0, 0, _because(f"`newGuid()` {_MOMENT}"), steady=False, given=True, known=of_length(36)
    ),
    DeferredFunction("utcNow", 0, 1, _because(BY_DEPLOYMENT), steady=False, given=True),
    Lazy("fail", 0, 1, _fail),
    Lazy("getSecret", 1, 5, list_secrets),
)


_ALL: tuple[Function, ...] = (
    *numbers.FUNCTIONS,
    *strings.FUNCTIONS,
    *arrays.FUNCTIONS,
    *objects.FUNCTIONS,
    *strings.DATES,
    *strings.NETWORK,
    *_RUNTIME,
)
_LIST = Lazy("list*", 0, ANY, list_secrets)
_LIST_NAME = regex(r"list[A-Za-z0-9]*+", re.IGNORECASE)
_NAMESPACES = frozenset({"sys", "az"})
_METHODS = regex(r"getSecret|list[A-Z]\w*+")


class _Table:
    """The functions of one language: see the Protocol ``Functions`` of the evaluator."""

    def __init__(self, functions: Mapping[str, Function], any_case: bool) -> None:
        self.functions = functions
        self.any_case = any_case

    def call(self, node: ast.Call, local: Local, evaluator: Operations) -> Result:
        """Return the result of a call; Unknown for a function that is not known, or known only after deployment."""
        name = node.name
        if node.of is not None and not (isinstance(node.of, ast.Name) and node.of.name in _NAMESPACES):
            return self._method(node, local, evaluator)
        function = self.functions.get(name.lower() if self.any_case else name)
        if function is not None:
            return answer(function, CallContext(function.name, node, local, evaluator))
        context = CallContext(name, node, local, evaluator)
        if _LIST_NAME.fullmatch(name):
            return answer(_LIST, context)
        # A name that is none of the language may be a word of a secret that is not in quotation marks.
        return Unknown(at=context.at, why="the function is not supported")

    def _method(self, node: ast.Call, local: Local, evaluator: Operations) -> Result:
        """Evaluate a function of a resource: ``vault.getSecret('name')``, ``account.listKeys()``."""
        context = CallContext(node.name, node, local, evaluator)
        if _METHODS.fullmatch(node.name):
            return secret(node.name, context)
        return Unknown(at=context.at, why="the function is not supported")


ARM = _Table({function.name.lower(): function for function in _ALL if function.only != "bicep"}, any_case=True)
BICEP = _Table({function.name: function for function in _ALL if function.only != "arm"}, any_case=False)

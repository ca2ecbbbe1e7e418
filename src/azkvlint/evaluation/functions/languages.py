"""The functions of ARM template expressions, and those of Bicep."""

from __future__ import annotations

import re
from collections.abc import Mapping

from azkvlint.evaluation.functions import (
    arrays,
    dates,
    encoding,
    lambdas,
    logic,
    merging,
    network,
    numbers,
    objects,
    runtime,
    text,
)
from azkvlint.evaluation.functions.table import ANY, Context, Function, Lazy, answer
from azkvlint.evaluation.operations import Local, Operations
from azkvlint.evaluation.values import Result
from azkvlint.model.value import Unknown
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex

_ALL: tuple[Function, ...] = (
    *logic.FUNCTIONS,
    *numbers.FUNCTIONS,
    *text.FUNCTIONS,
    *arrays.FUNCTIONS,
    *merging.FUNCTIONS,
    *objects.FUNCTIONS,
    *lambdas.FUNCTIONS,
    *dates.FUNCTIONS,
    *network.FUNCTIONS,
    *encoding.FUNCTIONS,
    *runtime.FUNCTIONS,
)
_LIST = Lazy("list*", 0, ANY, runtime.list_secrets)
_LIST_NAME = regex(r"list[A-Za-z0-9]*+", re.IGNORECASE)
_NAMESPACES = frozenset({"sys", "az"})
_METHODS = regex(r"getSecret|list[A-Z]\w*+")


class _Table:
    """The functions of one language: see the Protocol ``Functions`` of the evaluator."""

    def __init__(self, functions: Mapping[str, Function], any_case: bool) -> None:
        self.functions = functions
        self.any_case = any_case

    def call(self, node: ast.Call, local: Local, evaluator: Operations) -> Result:
        """The result of a call; Unknown for a function that is not known, or known only after deployment."""
        name = node.name
        if node.of is not None and not (isinstance(node.of, ast.Name) and node.of.name in _NAMESPACES):
            return self._method(node, local, evaluator)
        function = self.functions.get(name.lower() if self.any_case else name)
        if function is not None:
            return answer(function, Context(function.name, node, local, evaluator))
        context = Context(name, node, local, evaluator)
        if _LIST_NAME.fullmatch(name):
            return answer(_LIST, context)
        return Unknown(at=context.at, why=f"the function '{name}' is not known")

    def _method(self, node: ast.Call, local: Local, evaluator: Operations) -> Result:
        """A function of a resource: ``vault.getSecret('name')``, ``account.listKeys()``."""
        context = Context(node.name, node, local, evaluator)
        if _METHODS.fullmatch(node.name):
            return runtime.secret(node.name, context)
        return Unknown(at=context.at, why=f"the function '{node.name}' is not known")


ARM = _Table({function.name.lower(): function for function in _ALL if function.only != "bicep"}, any_case=True)
BICEP = _Table({function.name: function for function in _ALL if function.only != "arm"}, any_case=False)

"""All functions of Terraform by name."""

from __future__ import annotations

from azkvlint.evaluation.functions.table import call_pattern
from azkvlint.evaluation.operations import Local, Operations
from azkvlint.evaluation.terraform.functions.collections import FUNCTIONS as COLLECTIONS
from azkvlint.evaluation.terraform.functions.encoding import FUNCTIONS as ENCODING
from azkvlint.evaluation.terraform.functions.files import FUNCTIONS as FILES
from azkvlint.evaluation.terraform.functions.logic import FUNCTIONS as LOGIC
from azkvlint.evaluation.terraform.functions.network import FUNCTIONS as NETWORK
from azkvlint.evaluation.terraform.functions.numbers import FUNCTIONS as NUMBERS
from azkvlint.evaluation.terraform.functions.strings import FUNCTIONS as STRINGS
from azkvlint.evaluation.terraform.functions.table import Call, Function, ModuleEvaluator, answer
from azkvlint.evaluation.terraform.functions.times import FUNCTIONS as TIMES
from azkvlint.evaluation.values import Result
from azkvlint.model.value import Unknown
from azkvlint.syntax import ast

_ALL = (
    *COLLECTIONS,
    *ENCODING,
    *FILES,
    *LOGIC,
    *NETWORK,
    *NUMBERS,
    *STRINGS,
    *TIMES,
)
_TABLE: dict[str, Function] = {function.name: function for function in _ALL}
FUNCTION_NAMES: tuple[str, ...] = tuple(sorted(_TABLE))


class TerraformFunctions:
    """The functions of Terraform and OpenTofu, for the evaluator of their expressions."""

    def call(self, node: ast.Call, local: Local, evaluator: Operations) -> Result:
        """Return the result of a call. Raise FailedError where Terraform rejects it."""
        name = node.name.removeprefix("core::")
        terraform: ModuleEvaluator = evaluator  # type: ignore[assignment]  # no other evaluator has these functions
        function = _TABLE.get(name)
        call = Call(name, node, local, terraform)
        if function is not None:
            return answer(function, call)
        arguments = call.arguments()
        terraform.watch.risks += 1
        pattern = call_pattern(name, arguments) if call.spread is None else ""
        return Unknown(at=call.at, why=f"`{name}()` is not supported", pattern=pattern)


FUNCTIONS = TerraformFunctions()

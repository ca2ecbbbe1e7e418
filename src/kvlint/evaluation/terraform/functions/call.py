"""All functions of Terraform by name, and how a call finds its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvlint.evaluation.functions.table import call_pattern
from kvlint.evaluation.operations import Local, Operations
from kvlint.evaluation.terraform.functions.collections import FUNCTIONS as COLLECTIONS
from kvlint.evaluation.terraform.functions.conversions import FUNCTIONS as CONVERSIONS
from kvlint.evaluation.terraform.functions.encoding import FUNCTIONS as ENCODING
from kvlint.evaluation.terraform.functions.files import FUNCTIONS as FILES
from kvlint.evaluation.terraform.functions.hashes import FUNCTIONS as HASHES
from kvlint.evaluation.terraform.functions.lists import FUNCTIONS as LISTS
from kvlint.evaluation.terraform.functions.logic import FUNCTIONS as LOGIC
from kvlint.evaluation.terraform.functions.maps import FUNCTIONS as MAPS
from kvlint.evaluation.terraform.functions.network import FUNCTIONS as NETWORK
from kvlint.evaluation.terraform.functions.numbers import FUNCTIONS as NUMBERS
from kvlint.evaluation.terraform.functions.patterns import FUNCTIONS as PATTERNS
from kvlint.evaluation.terraform.functions.sets import FUNCTIONS as SETS
from kvlint.evaluation.terraform.functions.strings import FUNCTIONS as STRINGS
from kvlint.evaluation.terraform.functions.table import Call, Function, answer
from kvlint.evaluation.terraform.functions.tfvars import FUNCTIONS as TFVARS
from kvlint.evaluation.terraform.functions.times import FUNCTIONS as TIMES
from kvlint.evaluation.values import Result
from kvlint.model.value import Unknown
from kvlint.syntax import ast

if TYPE_CHECKING:
    from kvlint.evaluation.terraform.evaluate import TerraformEvaluator

_ALL = (
    *COLLECTIONS,
    *CONVERSIONS,
    *ENCODING,
    *FILES,
    *HASHES,
    *LISTS,
    *LOGIC,
    *MAPS,
    *NETWORK,
    *NUMBERS,
    *PATTERNS,
    *SETS,
    *STRINGS,
    *TFVARS,
    *TIMES,
)
_TABLE: dict[str, Function] = {function.name: function for function in _ALL}
FUNCTION_NAMES: tuple[str, ...] = tuple(sorted(_TABLE))


class TerraformFunctions:
    """The functions of Terraform and OpenTofu, for the evaluator of their expressions."""

    def call(self, node: ast.Call, local: Local, evaluator: Operations) -> Result:
        """The result of a call. Raises FailedError where Terraform refuses it."""
        name = node.name.removeprefix("core::")
        terraform: TerraformEvaluator = evaluator  # type: ignore[assignment]  # no other evaluator has these functions
        function = _TABLE.get(name)
        call = Call(name, node, local, terraform)
        if function is not None:
            return answer(function, call)
        arguments = call.arguments()
        terraform.watch.risks += 1
        what = "a function of a provider" if name.startswith("provider::") else "no function that kvlint knows"
        pattern = call_pattern(name, arguments) if call.spread is None else ""
        return Unknown(at=call.at, why=f"{name}() is {what}", pattern=pattern)


FUNCTIONS = TerraformFunctions()

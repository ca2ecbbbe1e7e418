"""What looks at one part of an expression to see whether another one counts: ``? :``, ``&&`` and ``||``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.apply_time import BY_RUN
from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.terraform.alternatives import uncertain
from azkvlint.evaluation.terraform.failure import FailedError
from azkvlint.evaluation.terraform.primitive_types import primitive
from azkvlint.evaluation.terraform.set_order import unified
from azkvlint.evaluation.values import Fields, Items, Result, doubt_in, hidden, hole, is_sensitive, unknown_in
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator

# What certainly goes with a text.
_PLAIN = frozenset((ast.Literal, ast.Template))


def chosen(
    evaluator: TerraformEvaluator, condition: Result, yes: ast.Expression, no: ast.Expression, local: Local
) -> Result:
    """One of two branches; what they share where the condition is not known."""
    at = condition.at
    if isinstance(condition, Absent):
        raise FailedError("a condition is null", at)
    found = primitive(condition, "bool", at)
    if isinstance(found, Scalar):
        taken, other = (yes, no) if found.value else (no, yes)
        result = _converted(evaluator, evaluator.evaluate(taken, local), other, local)
        return hidden(result) if found.sensitive else result
    if not isinstance(found, Unknown) or not found.is_set:
        evaluator.watch.risks += 1
    results: list[Result] = []
    failed: FailedError | None = None
    for node in (yes, no):
        try:
            results.append(evaluator.evaluate(node, local))
        except FailedError as error:
            # Whoever applies this gets the other branch, or nothing.
            failed = error.with_traceback(None)  # with it, this frame would hold itself
            evaluator.watch.risks += 1
    if failed is not None and not results:
        raise failed
    evaluator.watch.weigh(results)
    if len(results) == 2 and all(isinstance(result, Scalar | Items | Fields) for result in results):
        results = _of_one_type(evaluator, results, at)
    doubt = doubt_in("a condition is not known", at, found)
    if doubt.why == BY_RUN:
        # What is chosen by the clock does not move with it, as what is reckoned from it does.
        doubt = msgspec.structs.replace(doubt, why="a condition hangs on the moment of the run")
    return uncertain(results, doubt, evaluator.watch)


def _of_one_type(evaluator: TerraformEvaluator, results: list[Result], at: Location) -> list[Result]:
    """Both branches as the type that they have in common. Raises FailedError if it is certain that they have none."""
    doubtful = any(not isinstance(result, Scalar) and unknown_in(result) is not None for result in results)
    evaluator.watch.risks += doubtful
    try:
        return unified(results, at)
    except UnknownResult:
        return results
    except FailedError:
        if doubtful:
            return results
        raise


def _converted(evaluator: TerraformEvaluator, result: Result, other: ast.Expression, local: Local) -> Result:
    """A branch as the type that both have: a number or boolean becomes a text where the other one is a text."""
    kind = type(result)
    if kind is Absent or (kind is Scalar and type(result.value) is str and type(other) in _PLAIN):  # type: ignore[union-attr]  # mypy does not narrow by type()
        return result
    if kind not in (Scalar, Items, Fields):
        return result
    risks = evaluator.watch.risks
    try:
        found = evaluator.evaluate(other, local)
    except FailedError:
        return result
    finally:
        evaluator.watch.risks = risks
    if not isinstance(found, Scalar | Items | Fields):
        # A list or object may be of a type that does not go with what is not known.
        evaluator.watch.risks += kind is not Scalar and isinstance(found, Unknown)
        return result
    evaluator.watch.weigh((result, found))
    return _of_one_type(evaluator, [result, found], result.at)[0]


def connected(evaluator: TerraformEvaluator, node: ast.Binary, neutral: bool, at: Location, local: Local) -> Result:
    """And (``neutral`` true) or or (false): the second operand is not looked at once the first decides."""
    one = primitive(evaluator.operand(node.left, local), "bool", at)
    if isinstance(one, Scalar) and one.value is not neutral:
        return Scalar(at=at, value=not neutral, sensitive=one.sensitive)
    try:
        other = primitive(evaluator.operand(node.right, local), "bool", at)
    except FailedError as error:
        if isinstance(one, Scalar | Absent):
            raise
        # Perhaps nobody gets as far as that.
        evaluator.watch.risks += 1
        other = Unknown(at=at, why=f"an operand fails, for {error.why}")
    sensitive = is_sensitive(one) or is_sensitive(other)
    if isinstance(other, Scalar) and other.value is not neutral:
        return Scalar(at=at, value=not neutral, sensitive=sensitive)
    if isinstance(one, Absent) or isinstance(other, Absent):
        # Terraform takes null for false with one operator, and refuses it with the other.
        if neutral:
            return Scalar(at=at, value=False, sensitive=sensitive)
        if isinstance(one, Absent | Scalar) and isinstance(other, Absent | Scalar):
            raise FailedError("an operand of '||' is null", at)
        evaluator.watch.risks += 1
    doubts = [doubt_in("it is not known", at, each) for each in (one, other) if not isinstance(each, Scalar | Absent)]
    if not doubts:
        return Scalar(at=at, value=neutral, sensitive=sensitive)
    patterns = [doubt.pattern for doubt in doubts]
    # The pattern of one operand alone would make the whole the same as that.
    pattern = patterns[0] if len(doubts) == 1 else hole(("&&" if neutral else "||").join(patterns))
    return Unknown(at=at, why=doubts[0].why, pattern=pattern if all(patterns) else "", given=True, sensitive=sensitive)

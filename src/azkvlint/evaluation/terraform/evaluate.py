"""The evaluator of Terraform's expressions: what they amount to before apply, with Unknown for what nobody can know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.evaluate import Document, Evaluator
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.terraform import operators
from azkvlint.evaluation.terraform.alternatives import Watch, gathered, marked, uncertain
from azkvlint.evaluation.terraform.conditionals import chosen, connected
from azkvlint.evaluation.terraform.equality import may_be
from azkvlint.evaluation.terraform.failure import FailedError
from azkvlint.evaluation.terraform.functions.call import FUNCTION_NAMES, FUNCTIONS
from azkvlint.evaluation.terraform.indexing import data_of, item_of, member_of
from azkvlint.evaluation.terraform.iteration import comprehended, splatted
from azkvlint.evaluation.terraform.primitive_types import primitive
from azkvlint.evaluation.terraform.templates import joined
from azkvlint.evaluation.values import Fields, Items, Result, name_of
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast

__all__ = ["FUNCTION_NAMES", "TerraformDocument", "TerraformEvaluator"]

_WRITTEN_OUT = frozenset((ast.Object, ast.Array))
_LEAVES = (Scalar, Unknown, Absent)
_ARITHMETIC = frozenset("+-*/%")


class TerraformDocument(Document, Protocol):
    """What an evaluator asks of the module that its expressions stand in."""

    def text_file(self, name: str, at: Location) -> str | None:
        """The text of a file, as ``file()`` takes its name; None if it may not, or cannot, be read."""

    def rendered(self, name: str, found: Result) -> None:
        """Take note of what a template makes that is in a file."""

    def settled(self, found: Result, at: Location) -> Result:
        """What an expression at ``at`` amounts to, told where its owner edits it."""


class TerraformEvaluator(Evaluator):
    """Evaluates the expressions of one module.

    Raises FailedError where Terraform would refuse an expression, and InputError once they ask for more work than any
    input needs.
    """

    document: TerraformDocument

    def __init__(self, document: TerraformDocument, budget: Budget) -> None:
        super().__init__(document, FUNCTIONS, budget)
        self.watch = Watch(budget)

    def member(self, of: Result, name: str, safe: bool, at: Location) -> Result:  # noqa: ARG002  # HCL has no ?.
        """``of.name``. Raises FailedError where there is none."""
        return member_of(of, name, at, self.watch)

    def item(self, of: Result, index: Result, safe: bool, from_end: bool, at: Location) -> Result:  # noqa: ARG002  # nor [^i]
        """``of[index]``. Raises FailedError where there is none."""
        return item_of(of, index, at, self.watch)

    def text_file(self, name: str, at: Location) -> str | None:
        """The text of a file; None if it may not, or cannot, be read."""
        return self.document.text_file(name, at)

    def rendered(self, name: str, found: Result) -> None:
        """Take note of what a template makes that is in a file."""
        self.document.rendered(name, found)

    def joined(self, parts: list[Result], at: Location) -> Result:  # type: ignore[override]  # a list will do
        """The text that parts make together; its pattern where not all of them are known."""
        return joined(parts, at, self.watch)

    def choose(self, condition: Result, yes: ast.Expression, no: ast.Expression, local: Local) -> Result:
        """One of two branches; what they share where the condition is not known."""
        return chosen(self, condition, yes, no, local)

    def _template(self, node: ast.Template, local: Local) -> Result:
        return self.joined([self.evaluate(part, local) for part in node.parts], self.document.place(node))

    def _member(self, node: ast.Member, local: Local) -> Result:
        """A chain of members at once: most of what modules say is one."""
        steps = [node]
        of = node.of
        while type(of) is ast.Member:
            steps.append(of)
            of = of.of
        self.watch.spend(len(steps) - 1)
        found = self.evaluate(of, local)
        while steps:
            step = steps.pop()
            inner = found.fields.get(step.name) if type(found) is Fields else None
            if inner is None or type(inner) is Unknown:
                inner = member_of(found, step.name, self.document.place(step), self.watch)
            found = inner
        return found

    def _item(self, node: ast.Item, local: Local) -> Result:
        of, index = self.evaluate(node.of, local), self.evaluate(node.index, local)
        return item_of(of, index, self.document.place(node), self.watch)

    def _name(self, node: ast.Name, local: Local) -> Result:
        found = local.get(node.name)
        if found is not None:
            return found
        # What fails in a symbol's own expression is not this one's risk.
        risks = self.watch.risks
        try:
            return self.document.symbol(node)
        finally:
            self.watch.risks = risks

    def _unary(self, node: ast.Unary, local: Local) -> Result:
        at, found = self.document.place(node), self.operand(node.operand, local)
        return operators.negated(found, at) if node.operator == "!" else operators.minus(found, at)

    def operand(self, node: ast.Expression, local: Local) -> Result:
        """An operand, which may be one that its operator refuses if it is not known."""
        found = self.evaluate(node, local)
        if isinstance(found, Unknown) and not found.is_set:
            self.watch.risks += 1
        return found

    def _binary(self, node: ast.Binary, local: Local) -> Result:
        at, name = self.document.place(node), node.operator
        if name in ("&&", "||"):
            return connected(self, node, name == "&&", at, local)
        if name in ("==", "!="):
            left, right = self.evaluate(node.left, local), self.evaluate(node.right, local)
            self.weigh(left, right)
            return operators.equal(_whole(left, right), _whole(right, left), name == "==", at)
        left, right = self.operand(node.left, local), self.operand(node.right, local)
        return (operators.reckoned if name in _ARITHMETIC else operators.compared)(name, left, right, at)

    def _array(self, node: ast.Array, local: Local) -> Result:
        return Items(at=self.document.place(node), items=[self._at_item(item, local) for item in node.items])  # type: ignore[arg-type]  # HCL spreads nothing into a tuple

    def _object(self, node: ast.Object, local: Local) -> Result:
        fields: dict[str, Result] = {}
        rest: Unknown | None = None
        at = self.document.place(node)
        for member in node.members:
            if not isinstance(member, ast.Property):
                continue
            key = member.key
            if isinstance(key, str):
                fields[key] = self.property(member, local)
                continue
            name = primitive(self.evaluate(key, local), "string", at)
            if isinstance(name, Absent):
                raise FailedError("the key of an object is null", at)
            value = self.property(member, local)
            known_name = name_of(name, name.at)
            if isinstance(known_name, str):
                fields[known_name] = value
                continue
            # It may be the name of any that stands before it, or null.
            self.watch.risks += 1
            doubt = known_name
            for known, before in fields.items():
                if may_be(doubt, known):
                    self.watch.weigh((before, value))
                    fields[known] = uncertain([before, value], marked(doubt, f"{known!r}="), self.watch)
            rest = gathered([value] if rest is None else [rest, value], doubt)
        return Fields(at=at, fields=fields, rest=rest)

    def property(self, node: ast.Property, local: Local) -> Result:
        """The value of a property, placed where its author edits it: at the property, unless it came from elsewhere."""
        value = node.value
        kind = type(value)
        at = self.document.place(node)
        if kind is ast.Literal:
            plain = value.value  # type: ignore[union-attr]  # mypy does not narrow by type()
            return Absent(at=at) if plain is None else Scalar(at=at, value=plain)
        found = self.evaluate(value, local)
        if isinstance(found, _LEAVES):
            return self.document.settled(found, at)
        if kind in _WRITTEN_OUT:
            if type(found) is Fields:
                return Fields(at=at, fields=found.fields, rest=found.rest, kind=found.kind)
            if type(found) is Items:
                return Items(at=at, items=found.items, kind=found.kind)
        return found

    def _comprehension(self, node: ast.Comprehension, local: Local) -> Result:
        return comprehended(self, node, self.evaluate(node.over, local), local)

    def _splat(self, node: ast.Splat, local: Local) -> Result:
        return splatted(self, node, self.evaluate(node.of, local), local)

    HANDLERS: ClassVar[dict[type, Callable[[Any, Any, Local], Result]]] = {
        **Evaluator.HANDLERS,
        ast.Template: _template,
        ast.Name: _name,
        ast.Member: _member,
        ast.Item: _item,
        ast.Unary: _unary,
        ast.Binary: _binary,
        ast.Array: _array,
        ast.Object: _object,
        ast.Comprehension: _comprehension,
        ast.Splat: _splat,
    }


def _whole(result: Result, other: Result) -> Result:
    """A resource as what is written in it, where it is held against data that is not null."""
    if isinstance(result, (*_LEAVES, Items, Fields)):
        return result
    if isinstance(other, Absent):
        return Fields(at=result.at, fields={}) if not hasattr(result, "results") else data_of(result, result.at)
    return data_of(result, result.at)

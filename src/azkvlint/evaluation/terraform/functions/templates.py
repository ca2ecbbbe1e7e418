"""``templatefile`` and ``templatestring``: a template, evaluated with values of its own."""

from __future__ import annotations

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.terraform.failure import FailedError
from azkvlint.evaluation.terraform.functions.shapes import mapped
from azkvlint.evaluation.terraform.functions.table import Call, InvalidCall
from azkvlint.evaluation.terraform.primitive_types import primitive
from azkvlint.evaluation.values import CHARACTERS_A_STEP, Result, hidden
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Unknown
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

# A template may use others in turn, and one that uses itself never ends.
_DEEPEST = 10


class _TemplateDocument:
    """A template: what is in it stands where it is used, and it has no names but those of its values."""

    def __init__(self, call: Call, depth: int) -> None:
        self.call_at = call.at
        self.outer = call.terraform
        self.depth = depth

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # an evaluator asks so
        """Where the template is used."""
        return self.call_at

    def symbol(self, node: ast.Name) -> Result:
        """Raises FailedError: a template sees its own values only."""
        raise FailedError(f"a template has no value '{node.name}'", self.call_at)

    def call(self, node: ast.Call, local: Local) -> Result | None:  # noqa: ARG002  # the same
        """None: a template has no functions of its own."""
        return None

    def text_file(self, name: str, at: Location) -> str | None:
        """The text of a file, named as in the module that uses the template."""
        return self.outer.text_file(name, at)

    def rendered(self, name: str, found: Result) -> None:
        """Take note of what a template makes that is in a file."""
        self.outer.rendered(name, found)

    def settled(self, found: Result, at: Location) -> Result:  # noqa: ARG002  # a template is one text
        """The value where it stands."""
        return found


def rendered(call: Call, text: str, values: Result, sensitive: bool = False) -> Result:
    """The text that a template makes of values. Raises FailedError for a template that is none."""
    from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator
    from azkvlint.syntax.hcl.template import parse_template

    found = mapped(call, values)
    if isinstance(found, Unknown) or found.rest is not None:
        return call.doubt("the values of a template are not known", found)
    outer = call.terraform.document
    depth = outer.depth + 1 if isinstance(outer, _TemplateDocument) else 1
    if depth > _DEEPEST:
        raise InvalidCall("is used by a template that it uses")
    call.evaluator.spend(1 + len(text) // CHARACTERS_A_STEP)
    try:
        node = parse_template(text)
    except InputError as error:
        raise InvalidCall("is given something that is no template") from error
    evaluator = TerraformEvaluator(_TemplateDocument(call, depth), call.terraform.budget)
    result = primitive(evaluator.evaluate(node, found.fields), "string", call.at)
    call.terraform.watch.risks += evaluator.watch.risks
    if isinstance(result, Absent):
        raise InvalidCall("makes null of a template")
    return hidden(result) if sensitive else result

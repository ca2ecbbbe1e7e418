"""One template, while it is evaluated: its parameters, variables and functions, and what Azure knows of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.functions.languages import ARM
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.arm import calls
from azkvlint.readers.arm.run import Pointer, Run, key_of, member
from azkvlint.readers.arm.scope import Scope
from azkvlint.readers.arm.values import Values, converted, is_copies, steady
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.arm.deployment_resources import Level
    from azkvlint.readers.arm.nested_deployments import Arguments
    from azkvlint.readers.arm.scenarios import Scenario

Given: TypeAlias = Callable[[str], Result | None]
_MAX_REFERENCES = 20


class Sections:
    """What a template declares for its expressions, by names in lower case, and where. All its uses share it."""

    def __init__(self, plain: Mapping[str, Any], pointer: Pointer) -> None:
        self.plain = plain
        self._pointer = pointer
        self.parameters = self._members("parameters")
        self.variables = self._members("variables")

    def _members(self, name: str) -> dict[str, tuple[Any, Pointer]]:
        key = key_of(self.plain, name)
        section = None if key is None else self.plain[key]
        if not isinstance(section, dict):
            return {}
        return {below.lower(): (value, (*self._pointer, str(key), below)) for below, value in section.items()}

    @cached_property
    def loops(self) -> dict[str, tuple[Mapping[str, Any], Pointer]]:
        """The variables that loops make."""
        loops, pointer = self.variables.get("copy", (None, ()))
        one = isinstance(loops, list) and is_copies(loops)
        return {
            str(member(loop, "name")).lower(): (loop, (*pointer, number))
            for number, loop in enumerate(loops if one else ())
        }

    @cached_property
    def functions(self) -> dict[str, tuple[Mapping[str, Any], Pointer]]:
        """The functions, by their namespaces and names."""
        found: dict[str, tuple[Mapping[str, Any], Pointer]] = {}
        key = key_of(self.plain, "functions")
        spaces = self.plain[key] if key is not None else None
        for number, space in enumerate(spaces if isinstance(spaces, list) else ()):
            members = member(space, "members")
            for below, function in members.items() if isinstance(members, dict) else ():
                if isinstance(function, dict):
                    pointer = (*self._pointer, str(key), number, str(key_of(space, "members")), below)
                    found[f"{member(space, 'namespace')}.{below}".lower()] = (function, pointer)
        return found


class Template(Values):
    """The scope of expressions: what ``parameters('x')`` and the like mean there.

    ``given`` answers with the value that a parameter (in lower case) is given, or None. ``address`` names the
    deployment, with what joins it to a name in it; that of the root is empty. ``scope`` is what it goes to.
    """

    def __init__(
        self, run: Run, path: str, plain: Mapping[str, Any], pointer: Pointer, given: Given, scope: Scope,
        address: str = "",
    ) -> None:  # fmt: skip
        super().__init__(run, path)
        self.plain = plain
        self.pointer = pointer
        self.given = given
        self.scope = scope
        self.address = address
        self.is_nested = bool(address)
        self.evaluator = Evaluator(self, ARM, run.budget)
        self.level: Level
        self.arguments: Arguments | None = None
        self.scenario: Scenario | None = None
        self.known: dict[str, Result] = {}
        self.calling: set[Pointer] = set()
        self._parameters: dict[str, Result | None] = {}
        self._variables: dict[str, Result | None] = {}
        known = run.sections.get((path, pointer))
        self._sections = known if known is not None and known.plain is plain else Sections(plain, pointer)
        run.sections[path, pointer] = self._sections
        self._declared = self._sections.parameters
        self._written = self._sections.variables

    def close(self) -> None:
        """Let go of everything."""
        vars(self).pop("level", None)
        vars(self).pop("evaluator", None)

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # the interface of all documents
        """Where a node stands: at the member whose expression it is in."""
        return self.at

    def symbol(self, node: ast.Name) -> Result:
        """Expressions of templates have no names."""
        return Unknown(at=self.at, why=f"'{node.name}' is not known")

    def call(self, node: ast.Call, local: Local) -> Result | None:
        """See the evaluator's Document."""
        function = calls.CALLS.get(node.name)
        if function is None:
            lower = node.name.lower()
            function = calls.CALLS.get(lower)
            if function is None:
                return calls.user_function(self, node, local) if "." in lower else None
        return function(self, node, local)

    def parameter(self, name: str) -> Result:
        """The value of a parameter."""
        key = name.lower()
        found = self._parameters.get(key)
        if found is None:
            if key in self._parameters:
                return Unknown(at=self.at, why=f"the parameter '{name}' refers to itself")
            self._parameters[key] = None
            found = self._parameters[key] = self._parameter(name, key)
            self.run.budget.secrets.note(name, found)
        return found

    def _parameter(self, name: str, key: str) -> Result:
        declared, pointer = self._declared.get(key, (None, self.pointer))
        found = self.given(key)
        kind, nullable = self._type(declared)
        scenario = None if self.address else self.scenario
        if found is not None and scenario is not None:
            scenario.given.add(key)
        found = None if found is None else converted(found, kind)
        if found is None or isinstance(found, Absent):
            default = key_of(declared, "defaultValue") if isinstance(declared, dict) else None
            has_default = found is None and (default is not None or nullable)
            if has_default and scenario is not None and scenario.opens(key):
                why = f"the parameter '{name}' has no value but its default"
                written = self.value(declared[default], (*pointer, default)) if default is not None else None
                found = scenario.instead(written, Unknown(at=self.where(pointer), why=why, given=not nullable))
            elif default is not None:
                found = self.value(declared[default], (*pointer, default))
            elif found is None:
                at = self.where(pointer)
                why = f"the parameter '{name}' has no value"
                found = Absent(at=at) if nullable else Unknown(at=at, why=why, given=True)
        if kind.startswith("secure"):
            # Whatever is said of it is said at its declaration, not where its value could be read.
            key_type = key_of(declared, "type")
            return secret(found, self.where((*pointer, key_type) if key_type is not None else pointer))
        return steady(found, f"{self.address}{name}")

    @property
    def parameters(self) -> Collection[str]:
        """The names of all parameters, in lower case."""
        return self._declared.keys()

    def declaration(self, name: str) -> tuple[str, Pointer]:
        """Return how a parameter (in lower case) is spelled, and where it is declared."""
        _, pointer = self._declared[name]
        return str(pointer[-1]), pointer

    def _type(self, declared: Any) -> tuple[str, bool]:
        """The type of a parameter in lower case, and whether it may be null; both may stand in a definition."""
        kind, nullable = member(declared, "type"), member(declared, "nullable") is True
        for _ in range(_MAX_REFERENCES):
            reference = member(declared, "$ref")
            if not isinstance(reference, str):
                break
            declared = member(self.plain, "definitions", reference.rpartition("/")[2])
            kind = kind if isinstance(kind, str) else member(declared, "type")
            nullable = nullable or member(declared, "nullable") is True
        return kind.lower() if isinstance(kind, str) else "", nullable

    def declared(self, name: str) -> tuple[bool, Any]:
        """Whether a parameter (in lower case) is declared as secret, and its default as it is written."""
        declared, _ = self._declared.get(name, (None, ()))
        return self.is_secure(declared), member(declared, "defaultValue")

    def is_secure(self, declared: Any) -> bool:
        """Whether a parameter or an output is declared as secret."""
        return self._type(declared)[0].startswith("secure")

    def written(self, name: str) -> Any:
        """A variable (in lower case) as it is written."""
        found, _ = self._written.get(name, (None, ()))
        loops, _ = self._written.get("copy", (None, ()))
        if found is None and isinstance(loops, list):
            return next((loop for loop in loops if str(member(loop, "name")).lower() == name), None)
        return found

    def variable(self, name: str) -> Result:
        """The value of a variable."""
        key = name.lower()
        found = self._variables.get(key)
        if found is None:
            if key in self._variables:
                return Unknown(at=self.at, why=f"the variable '{name}' refers to itself")
            self._variables[key] = None
            found = self._variables[key] = steady(self._variable(name, key), f"{self.address}variables.{name}")
            self.run.budget.secrets.note(name, found)
        return found

    def _variable(self, name: str, key: str) -> Result:
        written = self._written.get(key)
        if written is not None and (key != "copy" or not isinstance(written[0], list)):
            return self.value(*written)
        if key in self._sections.loops:
            loop, pointer = self._sections.loops[key]
            return self.loop(loop, name, "input", pointer, {})
        return Unknown(at=self.at, why=f"there is no variable '{name}', so the deployment fails")

    def function(self, name: str) -> tuple[Mapping[str, Any], Pointer] | None:
        """A function of the template by its namespace and name."""
        return self._sections.functions.get(name.lower())


def secret(found: Result, at: Location | None = None) -> Result:
    """``found`` with every part of it secret, and without a pattern, which may hold a part of the secret.

    ``at``: where all of it is said to stand.
    """
    where = found.at if at is None else at
    match found:
        case Fields():
            fields = {key: secret(item, at) for key, item in found.fields.items()}
            return Fields(at=where, fields=fields, rest=found.rest)
        case Items():
            return Items(at=where, items=[secret(item, at) for item in found.items])
        case Scalar():
            return Scalar(at=where, value=found.value, sensitive=True)
        case Unknown():
            return Unknown(at=where, why=found.why, given=found.given, sensitive=True)
        case _:
            return found

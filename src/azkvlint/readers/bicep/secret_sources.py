"""Where the secrets of a Bicep file and of the modules that it calls are written: see ``values.secret_sources``."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

from azkvlint.azure.secret_properties import secret_properties
from azkvlint.model.value import Path
from azkvlint.readers.bicep.document import BicepDocument
from azkvlint.readers.deployment.declarations import is_decorated, output_in
from azkvlint.readers.deployment.origins import returns_keys
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError
from azkvlint.values.name_kinds import NameKind, kind_of_name
from azkvlint.values.parts import ValuePart
from azkvlint.values.paths import ANY, path_of
from azkvlint.values.secrecy import Span, names_value
from azkvlint.values.secret_sources import HiddenPart, hide_sources, secrets_in, secure_paths

# Steps for each character of the code, and for each run.
_STEPS, _MIN_STEPS = 2, 10_000
_MOST_FILES = 1_000
# Stands for a type whose declaration is marked.
_SECURE = ast.Type(0, 0, "name", decorators=(ast.Call(0, 0, "secure", ()),))
_Load = Callable[[str, str], BicepDocument]


class _Files:
    """The files of one root, with the calls of each. ``load`` returns the file at a path beside another one."""

    def __init__(self, files: Iterable[BicepDocument], load: _Load) -> None:
        self.all = list(files)
        self.spans: dict[str, set[Span]] = {}
        self._load = load
        self._known: dict[tuple[str, str], BicepDocument | None] = {}
        self.callers: dict[str, list[tuple[BicepDocument, ast.ModuleDeclaration]]] = {}
        # The parameter files that a file is used with, and the reverse.
        self.values: dict[str, list[BicepDocument]] = {}
        names = {file.path for file in self.all}
        for file in self.all:
            for node in file.parsed.declarations:
                if isinstance(node, ast.ModuleDeclaration):
                    used = self.beside(file, node.path)
                    if used is not None:
                        self.callers.setdefault(used.path, []).append((file, node))
                elif isinstance(node, (ast.Using, ast.Import, ast.Extends)):
                    used = self.beside(file, node.path)
                    if used is not None and not isinstance(node, ast.Import):
                        self.values.setdefault(used.path, []).append(file)
                else:
                    continue
                if used is not None and used.path not in names and len(names) < _MOST_FILES:
                    names.add(used.path)
                    self.all.append(used)

    def beside(self, file: BicepDocument, path: ast.Expression | None) -> BicepDocument | None:
        """Return the Bicep file that another one names; None if there is none."""
        name = path.value if isinstance(path, ast.Literal) else None
        if not isinstance(name, str) or not name.lower().endswith((".bicep", ".bicepparam")) or ":" in name:
            return None
        key = file.file, name
        if key not in self._known:
            try:
                self._known[key] = self._load(*key)
            except InputError:
                self._known[key] = None
        return self._known[key]

    def imported(self, file: BicepDocument, name: str) -> tuple[BicepDocument, str] | None:
        """Return the file from which a name is imported, and its name there."""
        node, exported = file.imported.get(name, (None, ""))
        found = None if node is None else self.beside(file, node.path)
        return None if found is None else (found, exported)

    def namespace(self, file: BicepDocument, name: str) -> BicepDocument | None:
        """Return the file all of whose exports have one name."""
        node = file.namespaces.get(name)
        return None if node is None else self.beside(file, node.path)


def secret_sources(files: Iterable[BicepDocument], load: _Load) -> dict[str, set[Span]]:
    """Return the spans from which secrets are made, by the reported path of their file."""
    known = _Files(files, load)
    size = sum(len(file.text) for file in known.all)
    secrets = (part for file in known.all for part in _secrets_of(known, file))
    if not hide_sources(secrets, _MIN_STEPS + _STEPS * size):
        return {file.path: {(0, len(file.text))} for file in known.all}
    return known.spans


class _BicepSecretScope:
    """The scope of a file. ``locals`` are the parameters of a function, whose arguments are followed by themselves."""

    def __init__(self, files: _Files, file: BicepDocument, names: tuple[str, ...] = ()) -> None:
        self.files, self.file, self.names = files, file, names
        self.key: Hashable = (file.path, names)

    def hide(self, node: ast.Node) -> None:
        """See ``Scope``."""
        self.files.spans.setdefault(self.file.path, set()).add((node.start, node.end))

    def hide_key(self, node: ast.Property) -> None:
        """See ``Scope``."""
        self.files.spans.setdefault(self.file.path, set()).add((node.start, node.value.start))

    def written(self, node: ast.Node, rest: Path) -> Iterable[HiddenPart] | None:
        """See ``Scope``."""
        if isinstance(node, ast.Call):
            found = self._of_function(node)
            # What `listKeys()` returns is not in the code.
            return () if found is None and returns_keys(node.name) else found
        steps: Path = path_of(node)
        if not steps:
            return None
        if steps[0] in self.names:
            return ()
        return list(self._named(self.file, (*steps, *rest)))

    def _of_function(self, node: ast.Call) -> Iterable[HiddenPart] | None:
        file, name = self.file, node.name
        if isinstance(node.of, ast.Name):
            found = self.files.namespace(self.file, node.of.name)
            if found is None:
                return None
            file = found
        elif node.of is not None:
            return None
        for _ in range(_MOST_FILES):
            symbol = file.symbols.get(name)
            if isinstance(symbol, ast.FunctionDeclaration):
                scope = _BicepSecretScope(self.files, file, symbol.parameters)
                arguments: list[HiddenPart] = [ValuePart(one, self) for one in node.arguments]
                return [ValuePart(symbol.body, scope), *arguments]
            further = self.files.imported(file, name)
            if further is None:
                return None
            file, name = further
        return None

    def _named(self, file: BicepDocument, steps: Path, hops: int = 0) -> Iterator[HiddenPart]:
        name = str(steps[0])
        symbol, scope = file.symbols.get(name), _BicepSecretScope(self.files, file)
        match symbol:
            case ast.ParameterDeclaration():
                yield from self.parameter(file, symbol, steps[1:])
            case ast.Variable(value=value):
                yield ValuePart(value, scope, steps[1:])
            case ast.ModuleDeclaration():
                yield from self._output(file, symbol, steps[1:])
            case ast.ResourceDeclaration(body=body) if (
                len(steps) > 1 and kind_of_name(str(steps[-1])) is not NameKind.PLAIN
            ):
                yield ValuePart(body, scope, steps[1:])
            case None if hops < _MOST_FILES:
                found = self.files.imported(file, name)
                there = self.files.namespace(file, name)
                if found is not None:
                    yield from self._named(found[0], (found[1], *steps[1:]), hops + 1)
                elif there is not None and len(steps) > 1:
                    yield from self._named(there, steps[1:], hops + 1)

    def parameter(self, file: BicepDocument, node: ast.ParameterDeclaration, rest: Path) -> Iterator[HiddenPart]:
        """Yield the value at a path in a parameter: its default, what is allowed, and what calls and files set."""
        for decorator in node.decorators:
            is_list = isinstance(decorator, ast.Call) and decorator.name == "allowed"
            for one in ast.children(decorator) if is_list else ():
                yield ValuePart(one, _BicepSecretScope(self.files, file), (ANY, *rest))
        if node.default is not None:
            yield ValuePart(node.default, _BicepSecretScope(self.files, file), rest)
        for caller, call in self.files.callers.get(file.path, ()):
            yield ValuePart(
                call.body, _BicepSecretScope(self.files, caller), (*_of_loop(call.body), "params", node.name, *rest)
            )
        waiting, seen = [*self.files.values.get(file.path, ())], set[str]()
        while waiting:
            values = waiting.pop()
            if values.path in seen:
                continue
            seen.add(values.path)
            given = values.symbols.get(node.name)
            if isinstance(given, ast.ParameterDeclaration) and given.default is not None:
                yield ValuePart(given.default, _BicepSecretScope(self.files, values), rest)
            bases = (self.files.beside(values, one.path) for one in values.declarations(ast.Extends))
            waiting += [one for one in bases if one is not None]

    def _output(self, file: BicepDocument, node: ast.ModuleDeclaration, steps: Path) -> Iterator[HiddenPart]:
        called, path = self.files.beside(file, node.path), output_in(steps)
        if called is None or path is None:
            return
        name, rest = path
        for output in called.outputs.values():
            if name.lower() in ("", output.name.lower()):
                yield ValuePart(output.value, _BicepSecretScope(self.files, called), rest)


def _of_loop(body: ast.Expression) -> Path:
    """Return the step from a declaration to any of its instances."""
    return (ANY,) if isinstance(body, ast.For) else ()


def _secrets_of(files: _Files, file: BicepDocument) -> Iterator[HiddenPart]:
    """Yield the expressions of a file whose values are secret."""
    scope = _BicepSecretScope(files, file)
    for node in file.parsed.declarations:
        match node:
            case ast.ParameterDeclaration():
                for path in [()] if is_decorated(node.decorators, "secure") else _secure_paths(files, file, node.type):
                    yield from scope.parameter(file, node, path)
            case ast.OutputDeclaration():
                for path in _secure_paths(files, file, node.type):
                    yield ValuePart(node.value, scope, path)
        match node:
            case (
                ast.ParameterDeclaration(default=value) | ast.Variable(value=value) | ast.OutputDeclaration(value=value)
            ):
                if value is None:
                    continue
                if is_decorated(node.decorators, "secure") or names_value(node.name):
                    yield ValuePart(value, scope)
                else:
                    yield from secrets_in(ValuePart(value, scope), secret_properties)
            case ast.ResourceDeclaration(body=body):
                for path in _properties_of(node):
                    yield ValuePart(body, scope, (*_of_loop(body), *path))
                yield from secrets_in(ValuePart(body, scope), secret_properties)
                yield from _nested(body, scope)
            case ast.ModuleDeclaration():
                yield from _of_module(files, file, node)


def _of_module(files: _Files, file: BicepDocument, node: ast.ModuleDeclaration) -> Iterator[HiddenPart]:
    scope, given = _BicepSecretScope(files, file), (*_of_loop(node.body), "params")
    called = files.beside(file, node.path)
    for one in () if called is None else called.declarations(ast.ParameterDeclaration):
        if is_decorated(one.decorators, "secure"):
            yield ValuePart(node.body, scope, (*given, one.name))
    if isinstance(node.path, ast.Literal) and str(node.path.value).lower().endswith(".json"):
        # Which parameters of a template are secret depends on what it does with them.
        yield ValuePart(node.body, scope, (*given, ANY))
    yield from secrets_in(ValuePart(node.body, scope), secret_properties)


def _secure_paths(files: _Files, file: BicepDocument, type_: ast.Type | None) -> Iterator[Path]:
    """Yield the paths of the parts of a type that are secure; that of all of it if it has too many parts."""
    if type_ is None:
        return

    def parts(at: tuple[BicepDocument, ast.Type]) -> Iterator[tuple[Path, tuple[BicepDocument, ast.Type]]]:
        there, one = at
        if one.kind == "object":
            yield from (((ANY if name == "*" else name,), (there, inner)) for name, inner in one.fields)
        elif one.kind in ("array", "tuple", "nullable", "union"):
            path: Path = (ANY,) if one.kind in ("array", "tuple") else ()
            yield from ((path, (there, part)) for part in one.of)
        elif one.kind == "name":
            space, _, name = one.name.rpartition(".")
            found = files.imported(there, name) if not space else None
            outer = files.namespace(there, space) if space else there
            there, name = found or (outer or there, name)
            declared = there.types.get(name)
            if declared is not None:
                is_marked = is_decorated(declared.decorators, "secure")
                yield (), (there, declared.type if not is_marked else _SECURE)

    yield from secure_paths((file, type_), parts, lambda at: is_decorated(at[1].decorators, "secure"))


def _properties_of(node: ast.ResourceDeclaration) -> tuple[Path, ...]:
    """Return the paths of the secrets in a resource, by its type as written."""
    return secret_properties(node.type.value) if isinstance(node.type, ast.Literal) else ()


def _nested(body: ast.Node, scope: _BicepSecretScope) -> Iterator[HiddenPart]:
    """Yield the secrets of the resources that are declared in another one."""
    waiting = [body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Object):
            for one in node.resources:
                for path in _properties_of(one):
                    yield ValuePart(one.body, scope, (*_of_loop(one.body), *path))
                waiting.append(one.body)
        elif isinstance(node, (ast.For, ast.If)):
            waiting.append(node.body)

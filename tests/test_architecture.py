"""ARCHITECTURE.md names what exists: every room, and no path or module that is not there."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "src" / "azkvlint"
TEXT = (TOP / "ARCHITECTURE.md").read_text(encoding="utf-8")
LAYERS = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
ROOMS = [room for layer in LAYERS for room in layer.split(" | ") if room not in {"__main__", "api"}]


def test_architecture_shows_the_layers_of_the_import_contract() -> None:
    table = TEXT.partition("```\n__main__")[2].partition("```")[0]
    names = [re.split(r" {2,}", line)[0] for line in f"__main__{table}".splitlines()]
    assert names == LAYERS


def test_each_room_has_a_paragraph_with_an_invariant() -> None:
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL))
    assert list(sections) == ROOMS
    assert sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py")) == sorted(ROOMS)
    assert [room for room, section in sections.items() if "\n**Invariant:** " not in section] == []


def test_every_path_in_the_architecture_exists() -> None:
    paths = set(re.findall(r"(?<![\w/])[\w.-]+(?:/[\w.-]*)*(?:\.py|\.md|\.toml|/)(?![\w/])", TEXT))
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not ((TOP / path).exists() or (PACKAGE / path).exists())] == []


def test_architecture_has_a_limited_length() -> None:
    assert len(TEXT.splitlines()) <= 280


MODULES = {file.relative_to(PACKAGE): file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py")}


def test_modules_and_rooms_have_a_limited_length() -> None:
    lines = {path: len(text.splitlines()) for path, text in MODULES.items()}
    assert {path: count for path, count in lines.items() if count > 700} == {}
    for room in ROOMS:
        assert sum(count for path, count in lines.items() if path.parts[0] == room) <= 0.3 * sum(lines.values())


def test_functions_are_short() -> None:
    functions = (
        (path, node)
        for path, text in MODULES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert [(path, node.name) for path, node in functions if (node.end_lineno or 0) - node.lineno >= 60] == []


# State of a run is in objects that are passed, or a part of `util/run_state.py`. What stays in a module has a reason.
STATE_OF_THE_PROCESS = {
    "util/signals.py": "the signals that the process has received",
    "util/run_state.py": "the run of each thread",
    "evaluation/budget.py": "the limit of recursion, which Python has for all threads",
    "fleet/checker.py": "the idle child processes of a worker",
    "derived/registry.py": "filled while the modules of attributes are imported",
    "readers/terraform/templates.py": "what is computed of all attributes, which depends on no run",
    "readers/deployment/resource_symbols.py": "the empty ID of no resource, computed once",
}
CHANGING = {
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "move_to_end", "pop", "popitem", "popleft",
    "remove", "setdefault", "update",
}  # fmt: skip


def changed_names(tree: ast.Module) -> set[str]:
    """Return the names of a module whose values its functions change. Caches of pure functions have no name."""
    names: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    changed: set[str] = set()
    waiting: list[tuple[ast.AST, bool]] = [(node, False) for node in tree.body if names]
    while waiting:
        node, is_in_function = waiting.pop()
        is_in_function = is_in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_in_function:
            changed.update(changed_by(node))
        waiting += [(child, is_in_function) for child in ast.iter_child_nodes(node)]
    return changed & names


def changed_by(node: ast.AST) -> list[str]:
    """Return the names that a statement changes the values of, or binds anew."""
    if isinstance(node, ast.Global):
        return node.names
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
        return name_below(node.func.value)
    if isinstance(node, ast.Assign | ast.Delete):
        return [name for target in node.targets if not isinstance(target, ast.Name) for name in name_below(target)]
    if isinstance(node, ast.AugAssign | ast.AnnAssign) and not isinstance(node.target, ast.Name):
        return name_below(node.target)
    return []


def name_below(node: ast.expr) -> list[str]:
    """Return the name at the start of ``name.member[item]``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return [node.id] if isinstance(node, ast.Name) else []


def changing_classes(trees: Iterable[ast.Module]) -> set[str]:
    """Return the names of the classes whose methods change their objects, other than when they are created."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    methods = (
        (one.name, method)
        for one in classes
        for method in one.body
        if isinstance(method, ast.FunctionDef) and method.name != "__init__"
    )
    changing = {
        name for name, method in methods if "self" in {n for node in ast.walk(method) for n in changed_by(node)}
    }
    while True:
        bases = {one.name: {name for base in one.bases for name in name_below(base)} for one in classes}
        found = changing | {name for name, above in bases.items() if above & changing}
        if found == changing:
            return changing
        changing = found


def changing_objects(tree: ast.AST, classes: Collection[str]) -> set[str]:
    """Return the names of the classes of which a module creates an object when it is imported."""
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
            found.add(node.func.id)
        is_later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        waiting += [] if is_later else list(ast.iter_child_nodes(node))
    return found


def test_no_module_changes_during_a_run() -> None:
    trees = {path.as_posix(): ast.parse(text) for path, text in MODULES.items()}
    classes = changing_classes(trees.values())
    changed = {path: changed_names(tree) | changing_objects(tree, classes) for path, tree in trees.items()}
    assert {path: names for path, names in changed.items() if names and path not in STATE_OF_THE_PROCESS} == {}
    assert [path for path in STATE_OF_THE_PROCESS if not changed[path]] == []


def test_a_change_of_a_module_is_noticed() -> None:
    changes = ["_x[1] = 2", "_x.append(1)", "del _x[1]", "_x.y = 1", "_x.y[1].clear()", "_x[1] += 1", "global _x"]
    for change in changes:
        assert changed_names(ast.parse(f"_x: list = []\ndef f():\n    {change}\n")) == {"_x"}, change
    assert (
        changed_names(ast.parse("_x = []\n_x.append(1)\ndef f(y):\n    y.append(1)\n    return _x.copy()\n")) == set()
    )
    tree = ast.parse("class A:\n    def put(self, x): self._y.append(x)\nclass B(A): ...\nX: B = B()\ndef f(): A()\n")
    assert changing_objects(tree, changing_classes([tree])) == {"B"}

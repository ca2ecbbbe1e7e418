"""Only the modules of the package that are made for it open, list, resolve and write files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import azkvlint

PACKAGE = Path(azkvlint.__file__).parent
# Each with its reason. An entry for a module that is gone does no harm.
OWNERS = {
    "util/project_boundary.py": "resolves and opens",
    "util/project_files.py": "lists and reads",
    "util/output_files.py": "writes",
    "util/file_tracker.py": "lists folders again, to compare their states",
    "util/cache_files.py": "reads and writes the cache, and reads files again for digests",
    "linter/state_files.py": "a member of an archive in memory",
    "util/result_folder.py": "reads and writes the folder of a long run, below a folder that it opens once",
    "fleet/remote.py": "reads remote files, through fsspec",
    "cli/pipelines.py": "the record of its own installation",
    "util/compiled_files.py": "reads and writes the compiled rules of its own checkout",
    "readers/terraform/second_opinions.py": "the grammar that python-hcl2 is installed with",
}
OF_OS = frozenset(
    {
        "open", "fdopen", "popen", "listdir", "scandir", "walk", "fwalk", "readlink", "getcwd", "chdir", "replace",
        "rename", "renames", "remove", "unlink", "mkdir", "makedirs", "rmdir", "removedirs", "link", "symlink",
        "truncate", "chmod", "utime", "mkfifo", "mknod", "sendfile", "dup2",
    }
)  # fmt: skip
OF_OS_PATH = frozenset({"realpath", "abspath", "expanduser"})
# Methods of pathlib, and functions of other modules that open files.
METHODS = frozenset(
    {
        "read_bytes", "read_text", "write_bytes", "write_text", "iterdir", "rglob", "glob", "touch", "open_code",
        "mkstemp", "mkdtemp", "TemporaryFile", "NamedTemporaryFile", "TemporaryDirectory", "open", "readlink",
    }
)  # fmt: skip
MODULES = frozenset(
    {"shutil", "tempfile", "glob", "fileinput", "linecache", "mmap", "zipfile", "tarfile", "importlib.resources"}
)


def _accesses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what opens, lists, resolves or writes, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "open":
            yield node.lineno, "open"
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            names = {"os": OF_OS, "os.path": OF_OS_PATH}.get(owner, METHODS)
            if node.attr in names:
                yield node.lineno, f"{owner}.{node.attr}"
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None)
            for alias in node.names:
                full = f"{module}.{alias.name}" if module else alias.name
                is_import = bool({full, module} & MODULES) or (module == "os" and alias.name in OF_OS)
                if is_import and full != "shutil.get_terminal_size":  # which reads no file
                    yield node.lineno, full
                if module == "os.path" and alias.name in OF_OS_PATH:
                    yield node.lineno, full


@pytest.mark.parametrize(
    "code",
    [
        "open('x')",
        "import os\nos.open('x', 0)",
        "import os\nfor x in os.walk('.'): pass",
        "from os import scandir",
        "import os\nos.path.realpath('.')",
        "Path('x').read_bytes()",
        "Path('x').open()",
        "with tempfile.NamedTemporaryFile() as x: pass",
        "import shutil",
        "map(open, names)",
    ],
)
def test_each_kind_of_file_access_is_detected(code: str) -> None:
    assert list(_accesses(ast.parse(code)))


def test_files_are_accessed_in_known_modules_only() -> None:
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).as_posix()
        if name not in OWNERS:
            accesses = list(_accesses(ast.parse(file.read_text(encoding="utf-8"))))
            if accesses:
                found[name] = accesses
    assert found == {}


def test_programs_are_started_in_two_modules() -> None:
    """Those are Python itself, and git for the base of a pull request, by absolute paths and without a shell."""
    starting = re.compile(r"\b(?:subprocess|pty|os\.(?:system|popen|exec\w*|spawn\w*|posix_spawn\w*|startfile))\b")
    files = {file.relative_to(PACKAGE).as_posix(): file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py")}
    assert [name for name, text in sorted(files.items()) if starting.search(text)] == [
        "util/child_process.py",
        "util/programs.py",
    ]
    assert [name for name, text in sorted(files.items()) if "running_program" in text] == [
        "util/git.py",
        "util/programs.py",
    ]

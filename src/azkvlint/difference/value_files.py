"""Variable files that differ, and that neither Terraform reads by itself nor an option names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from azkvlint.difference.sides import Side
from azkvlint.model.finding import INPUT_INCOMPLETE, STACK_FILE, TERRAFORM_MODULE, TERRAGRUNT_UNIT, Problem
from azkvlint.readers.discover import SKIPPED
from azkvlint.readers.terraform.values import automatic_names
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.project_boundary import real_path
from azkvlint.util.project_files import MAX_INPUT, read_bytes, walk
from azkvlint.util.text import visible

_ENDINGS = (".tfvars", ".tfvars.json")
# A repository that has more is compared without this note.
_MOST_FILES = 200
_NAMED = 5


def other_value_files(base: Side, head: Side, words: Sequence[str]) -> Iterator[Problem]:
    """Yield a note on the variable files whose values are not compared, if any of them differs.

    Terragrunt names the files that it reads itself.
    """
    kinds = {kind for side in (base, head) for kind in side.report.unit_counts}
    if TERRAFORM_MODULE not in kinds or kinds & {TERRAGRUNT_UNIT, STACK_FILE} or not all(map(os.path.isdir, words)):
        return
    files = [dict(_files(side, real_path(word))) for side, word in zip((base, head), words, strict=True)]
    names = sorted(files[0].keys() | files[1].keys())
    if len(names) > _MOST_FILES:
        return
    found = [f"`{visible(name)}`" for name in names if _content(files[0].get(name)) != _content(files[1].get(name))]
    if found:
        shown = ", ".join(found[:_NAMED]) + (f" and {len(found) - _NAMED} more" if len(found) > _NAMED else "")
        rest = (
            "differs, and Terraform does not read it by itself: what it changes is not compared"
            if len(found) == 1
            else "differ, and Terraform does not read them by itself: what they change is not compared"
        )
        hint = "compare with --var-file, once for each environment"
        yield Problem(code=INPUT_INCOMPLETE, level="note", message=f"{shown} {rest}", hint=hint)


def _files(side: Side, folder: str) -> Iterator[tuple[str, str]]:
    """Yield the relative and real paths of variable files that were not read."""
    config = side.config
    named = set() if config is None else {*map(real_path, config.variable_files)}
    roots = {real_path(os.path.join(side.report.root, root.path)) for root in side.roots}
    for here, below, names in walk(folder):
        below[:] = [name for name in below if name not in SKIPPED]
        found = [name for name in names if name.endswith(_ENDINGS)]
        read = set(automatic_names(found)) if here in roots else set()
        for name in found:
            file = os.path.join(here, name)
            if name not in read and file not in named:
                yield os.path.relpath(file, folder).replace(os.sep, "/"), file


def _content(file: str | None) -> bytes | None:
    """Return the content of a file; None if it is not there or cannot be read."""
    try:
        return None if file is None else read_bytes(file, MAX_INPUT)
    except (InputError, UsageError):
        return None

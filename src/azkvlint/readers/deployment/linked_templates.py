"""Linked templates: the files that nested deployments refer to instead of a template of their own."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, NamedTuple

from azkvlint.evaluation.values import Fields, Result
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar
from azkvlint.readers.deployment.documents import problems_of_keys, result_member
from azkvlint.readers.modules.run import Run
from azkvlint.util.errors import InputError


class LinkedTemplate(NamedTuple):
    """A template by its path from the top folder, and its JSON."""

    path: str
    plain: Mapping[str, Any]


def linked_template(run: Run, here: str, link: Result, chain: tuple[str, ...], at: Location) -> LinkedTemplate | None:
    """Return the template that a deployment in the file ``here`` links to; None, with a problem, if it is missing.

    ``chain`` are the paths of the linked templates that lead to the deployment.
    """
    found = result_member(link, "relativePath")
    if found is None and isinstance(link, Fields):
        what = "a linked template" if result_member(link, "id") is None else "a template spec"
        run.not_whole("note", f"{what} is not available, so its resources were not evaluated", at)
        return None
    if not isinstance(found, Scalar) or not isinstance(found.value, str):
        run.not_whole("error", "the path of a linked template is unknown, so its resources were not evaluated", at)
        return None
    if here not in run.files:  # the template is inside another resource, which has no folder
        run.not_whole("note", "a linked template is not available, so its resources were not evaluated", at)
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(here), found.value.replace("\\", "/")))
    if path.startswith(("/", "../")) or ":" in path or "\0" in path:
        run.not_whole("note", "a linked template is outside the project, so its resources were not evaluated", at)
        return None
    if path in (run.path, *chain):
        run.not_whole("warning", f"linked template `{path}` links to itself", at)
        return None
    return _load_template(run, path, at)


def _load_template(run: Run, path: str, at: Location) -> LinkedTemplate | None:
    try:
        start = posixpath.dirname(run.path) or "."
        document = run.load(posixpath.relpath(path, start)) if run.load is not None else None
    except InputError as error:
        run.not_whole("error", f"linked template `{path}` cannot be read: {error.message}", at)
        return None
    if document is None:
        run.not_whole("note", f"linked template `{path}` is not available, so its resources were not evaluated", at)
        return None
    if not isinstance(document.value, dict):
        run.not_whole("error", f"linked template `{path}` is not an ARM template", at)
        return None
    if path not in run.files:
        run.problems += problems_of_keys(path, document)
    run.add_text(path, document.text)
    return LinkedTemplate(path, document.value)

"""The command ``git-base``, with which pipelines write the base of a pull request to a folder, see ``docs/diff.md``."""

from __future__ import annotations

from typing import NamedTuple

from azkvlint.cli.output import write
from azkvlint.linter.git_checkout import remote
from azkvlint.util.commit_files import write_commit
from azkvlint.util.errors import EXIT_CLEAN, UsageError
from azkvlint.util.git import NO_CHECKOUT_HINT, find_checkout, require_no_links
from azkvlint.util.project_boundary import absolute_path
from azkvlint.util.text import visible


class GitBaseRequest(NamedTuple):
    """The arguments of the command."""

    path: str
    workspace: str
    checkout: str
    revision: str
    output: str
    head: str = ""


def run_git_base(request: GitBaseRequest) -> int:
    """Print the checkout of a path, and the path inside it; write a commit of the checkout. Return the exit code.

    Without a checkout, print the workspace.
    """
    if bool(request.revision) is not bool(request.output):
        raise UsageError("`--revision` and `--output` belong together")
    found = find_checkout(request.workspace, request.path, request.checkout)
    lines = (absolute_path(request.workspace), ".") if found is None else (found.top, found.inside)
    if not all(line.isprintable() for line in lines):
        raise UsageError("the path of the checkout has control characters")
    if request.revision:
        if found is None:
            raise UsageError(f"`{visible(request.path)}` is not in a git checkout of the workspace", NO_CHECKOUT_HINT)
        require_no_links(found, request.workspace, request.path)
        address, _ = remote(found.top)
        write_commit(found, request.revision, request.output, address, request.head)
    write("".join(f"{line}\n" for line in lines))
    return EXIT_CLEAN

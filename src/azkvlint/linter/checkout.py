"""The folders of a scan: the git checkout around an input, and folders of tests and examples.

The checkout is read from its files without running git. Nothing here raises: missing, malformed or hostile files result
in None.

Findings in test and example folders are reported but do not count for the exit code. Folders are recognized by name,
below the paths on the command line. ``test``, ``demo`` and ``e2e`` may also be environments: next to a folder such as
``prod``, or in one such as ``environments``, they are not test folders. A finding in a module counts, unless it exists
only through the call of a test although the module is also evaluated on its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.model.finding import FROM_PLAN, Finding, Repository
from azkvlint.model.rule import Severity
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import checkout_of, git_folder, read_git_metadata, real_path

if TYPE_CHECKING:
    from azkvlint.util.globs import PathGlob

_COMMIT = regex(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = regex(r"refs/[^\x00-\x20\x7f~^:?*\[\\]+")
_SECTION = regex(r'\s*\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_URL_LINE = regex(r"\s*url\s*=\s*(.*)", re.IGNORECASE)
_URL = regex(r"(?:https?|ssh|git|git\+ssh|ssh\+git)://([^/?#]*)/+([^?#]*)", re.IGNORECASE)
_SCP = regex(r"(?:[^/:@]*@)?([^/:@]{2,}):/*(.*)")
_HOST = regex(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*(?::[0-9]+)?")
_PATH = regex(r"[\w.~%!$&'()*+,;=-]+(?:/[\w.~%!$&'()*+,;=-]+)*", re.ASCII)
_URL_LENGTH = 2048
_SSH_ONLY = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com", "altssh.bitbucket.org": "bitbucket.org"}
_AZURE = frozenset({"ssh.dev.azure.com", "vs-ssh.visualstudio.com"})
NAMES = regex(
    r"tests?|testing|testdata|test[-_]?(?:cases?|data|fixtures?|resources?)|__tests__|fixtures?|e2e|terratest"
    r"|examples?|samples?|demos?|vendor|third[-_]party|node_modules|\.terraform"
    # azurerm.tests, integration-tests, app.test; not app-test, which is often an environment.
    r"|.*[._-](?:tests|examples|samples|fixtures)|.*\.test"
)
"""The lower-case names of folders with tests, examples or third-party code."""
_SECRETS = "secrets"
_ENVIRONMENTS = regex(r"env|envs|environments?|stages?|landing[-_]?zones?|live|subscriptions?")
_AMBIGUOUS = frozenset({"test", "demo", "e2e"})
_STAGES = regex(
    r"acc|acceptance|dev|develop|development|int|integration|live|nonprod|pre-?prod|prd|prod|production|qa|sit|stage"
    r"|staging|stg|uat"
)


def repository(folder: str) -> Repository | None:
    """Return the checkout around ``folder``; None without a checkout, a commit or a remote on a server."""
    checkout = checkout_of(real_path(folder))
    if checkout is None:
        return None
    git_dir = git_folder(checkout)
    common_dir = os.path.join(git_dir, read_git_metadata(git_dir, "commondir").strip())
    uri = _uri(_remote(read_git_metadata(common_dir, "config")))
    revision, branch = _head(git_dir, common_dir)
    if uri is None or revision is None:
        return None
    return Repository(uri=uri, revision=revision, branch=branch)


def remote(folder: str) -> tuple[str, str]:
    """Return the web address of the remote, and its default branch; each empty if it is not known.

    Only a clone records the default branch. Without it, ``main`` or ``master`` is preferred to the current branch.
    """
    checkout = checkout_of(real_path(folder))
    if checkout is None:
        return "", ""
    git_dir = git_folder(checkout)
    common_dir = os.path.join(git_dir, read_git_metadata(git_dir, "commondir").strip())
    default = read_git_metadata(common_dir, "refs/remotes/origin/HEAD").strip()
    head = read_git_metadata(git_dir, "HEAD").strip()
    branch = default.removeprefix("ref: refs/remotes/origin/") if default else head.removeprefix("ref: refs/heads/")
    for name in ("main", "master") if not default else ():
        if any(_reference(f"refs/{kind}/{name}", git_dir, common_dir) for kind in ("remotes/origin", "heads")):
            branch = name
            break
    address = _uri(_remote(read_git_metadata(common_dir, "config"))) or ""
    return address, "" if _COMMIT.fullmatch(branch) else branch


def _head(git_dir: str, common_dir: str) -> tuple[str | None, str]:
    """Return the commit of HEAD and the branch ("" if HEAD is detached)."""
    text = read_git_metadata(git_dir, "HEAD").strip()
    branch = text.removeprefix("ref:").strip() if text.startswith("ref:") else ""
    for _ in range(5):  # git follows as many levels of symbolic references
        if _COMMIT.fullmatch(text):
            return text, branch.removeprefix("refs/heads/") if branch.startswith("refs/heads/") else ""
        name = text.removeprefix("ref:").strip()
        if not text.startswith("ref:") or not _REF.fullmatch(name) or ".." in name:
            break
        text = _reference(name, git_dir, common_dir)
    return None, ""


def _reference(name: str, git_dir: str, common_dir: str) -> str:
    for folder in (git_dir, common_dir):
        text = read_git_metadata(folder, name).strip()
        if text:
            return text
    for line in read_git_metadata(common_dir, "packed-refs").splitlines():
        commit, _, packed = line.partition(" ")
        if packed == name:
            return commit
    return ""


def _remote(config: str) -> str:
    """Return the URL of ``origin``, or of the first remote."""
    remotes: dict[str, str] = {}
    section = None
    for line in config.splitlines():
        header = _SECTION.match(line)
        if header is not None:
            section = header[2] if header[1].lower() == "remote" else None
        setting = _URL_LINE.fullmatch(line, header.end() if header else 0)
        if setting is not None and section is not None:
            remotes.setdefault(section, _unquote(setting[1]))
    return remotes.get("origin") or next(iter(remotes.values()), "")


def _unquote(value: str) -> str:
    """Return a configuration value without quotes and trailing comment."""
    match = re.match(r'"((?:[^"\\]|\\.)*)"', value)
    return match[1] if match else re.split(r"\s+[#;]", value)[0].strip()


def _uri(remote: str) -> str | None:
    """Return the web address of a remote: https, without credentials, query and ``.git``; None if it is not on a
    server.

    Anything but a plain host and path is rejected: if a password contains ``/``, a part of it looks like a path.
    """
    url, scp = _URL.match(remote), _SCP.fullmatch(remote)
    if len(remote) > _URL_LENGTH:
        return None
    if url is not None:
        host, path = url[1].rpartition("@")[2], url[2]
        if remote[:4].lower() != "http":
            host = host.partition(":")[0]  # the port of ssh or git serves no web pages
    elif scp is not None and "://" not in remote:
        host, path = scp[1], scp[2]
    else:
        return None
    host, path = host.lower().removesuffix(":443"), path.replace(" ", "%20").strip("/").removesuffix(".git")
    if host in _AZURE:
        host, path = "dev.azure.com", re.sub(r"^v3/([^/]+)/([^/]+)/([^/]+)$", r"\1/\2/_git/\3", path)
    host = _SSH_ONLY.get(host, host)
    if not _HOST.fullmatch(host) or not _PATH.fullmatch(path) or ".." in path.split("/"):
        return None
    return f"https://{host}/{path}"


class FoldersOfTests:
    """Determines whether paths of a run are in test or example folders.

    ``root`` is the base of paths, ``source_root`` that of paths in the source of a plan; ``read`` are the paths that
    the run has read.
    """

    def __init__(self, config: Config, root: str, source_root: str, read: Iterable[str]) -> None:
        inputs = (*config.paths, *((config.source_root,) if config.source_root else ()))
        self._are_counted, self._has_overrides = config.include_tests, bool(config.overrides)
        self._inputs = sorted({real_path(path).rstrip(os.sep) for path in inputs if path != "-"})
        self._globs: list[tuple[str, PathGlob]] | None = None
        if config.test_folders is not None:
            from azkvlint.util.globs import PathGlob

            folders = ((real_path(folder).rstrip(os.sep), glob) for folder, glob in config.test_folders)
            self._globs = [(f"{folder}{os.sep}", PathGlob(glob)) for folder, glob in folders]
        self._roots = {"": real_path(root), FROM_PLAN: real_path(source_root)}
        self._read = frozenset(read)
        self._environments: frozenset[str] | None = None
        self._known: dict[tuple[str, str], bool] = {}

    def mark(self, finding: Finding) -> Finding:
        """Return a finding, marked if it is in a test folder or only arguments from one cause it."""
        if self._is_in_tests(finding.source, finding.at.path) or self._is_caused_by_tests(finding):
            return msgspec.structs.replace(finding, in_tests=True)
        return finding

    def limit_severity(self, finding: Finding) -> Finding:
        """Return a finding, one in tests with medium severity at most, unless findings in tests count.

        No vault there protects production, but a secret in code is one. An override may have set the severity.
        """
        if not finding.in_tests or self._are_counted or finding.rule.category == _SECRETS:
            return finding
        if finding.severity <= Severity.MEDIUM or (self._has_overrides and finding.regraded is not None):
            return finding
        return msgspec.structs.replace(finding, regraded=Severity.MEDIUM)

    def _is_caused_by_tests(self, finding: Finding) -> bool:
        """Return whether a test or example calls a module that is also evaluated on its own, outside test folders.

        Findings that do not depend on arguments are reported there too.
        """
        if finding.source or not finding.callers or not self._is_in_tests("", finding.root):
            return False
        places = (finding.at, *finding.callers)
        return any(self._is_evaluated(at.path) and not self._is_in_tests("", at.path) for at in places)

    def _is_evaluated(self, path: str) -> bool:
        """Return whether a template, or the Terraform module of a file, is evaluated on its own."""
        return path in self._read or (os.path.dirname(path) or ".") in self._read

    def _is_in_tests(self, source: str, path: str) -> bool:
        key = source, path
        if key not in self._known:
            root = self._roots.get(source, self._roots[""])
            self._known[key] = self._is_test(os.path.normpath(os.path.join(root, path)))
        return self._known[key]

    def _is_test(self, file: str) -> bool:
        """Return whether a file is in a test folder below the innermost input that contains it."""
        inputs = [input_ for input_ in self._inputs if file.startswith(f"{input_}{os.sep}")]
        if file in self._inputs or not inputs:
            return False
        # The innermost input leaves the fewest folders to check.
        paths = list(_below(max(inputs, key=len), file))
        if self._globs is not None:
            return any(self._is_globbed(path, is_folder=path != file) for path in paths)
        return any(self._is_test_folder(path) for path in paths[:-1])

    def _is_globbed(self, path: str, is_folder: bool) -> bool:
        return any(
            path.startswith(base) and glob.matches_itself(path[len(base) :].replace(os.sep, "/"), is_folder)
            for base, glob in self._globs or ()
        )

    def _is_test_folder(self, folder: str) -> bool:
        parent, name = os.path.split(folder.lower())
        if NAMES.fullmatch(name) is None:
            return False
        return not (name in _AMBIGUOUS and self._holds_environments(parent))

    def _holds_environments(self, folder: str) -> bool:
        """Return whether a folder (lower case) contains one folder for each environment."""
        if _ENVIRONMENTS.fullmatch(os.path.basename(folder)) is not None:
            return True
        if self._environments is None:
            self._environments = frozenset(self._parents_of_stages())
        return folder in self._environments

    def _parents_of_stages(self) -> Iterator[str]:
        root = self._roots[""].lower()
        for path in self._read:
            names = os.path.normpath(path.lower()).split(os.sep)
            for depth, name in enumerate(names):
                if _STAGES.fullmatch(name) is not None:
                    yield os.path.normpath(os.path.join(root, *names[:depth]))


def _below(base: str, file: str) -> Iterator[str]:
    """Yield the folders from ``base`` (exclusive) down to a file, and the file."""
    current = base
    for name in file[len(base) :].strip(os.sep).split(os.sep):
        current = f"{current}{os.sep}{name}"
        yield current

# pathlib would be imported for this alone on the way to every report.
"""The git checkout around an input, read from its files: no git is needed and no process is started.

Nothing here fails: what is missing, odd or hostile only leaves the answer None.
"""

from __future__ import annotations

import os
import re

from kvlint.model.report import Repository
from kvlint.readers.files import lies_in
from kvlint.regex import regex

_LIMIT = 16 * 1024 * 1024  # packed-refs of the largest repositories stay below; more is no file of git's
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


def root_of(path: str) -> str:
    """The folder that paths below ``path`` are told from: absolute, symbolic links resolved.

    It is the checkout that holds ``path`` (a file or a folder); without one the current folder if that holds it;
    else ``path`` itself if it is a folder, or the folder it lies in.
    """
    real, here = real_path(path), real_path(os.curdir)
    folder = real if os.path.isdir(real) else os.path.dirname(real)
    checkout = checkout_of(folder)
    if checkout is not None:
        return checkout
    return here if lies_in(folder, here) else folder


def repository(folder: str) -> Repository | None:
    """The checkout that holds ``folder``, or None without one, without a remote on a server, or without a commit."""
    checkout = checkout_of(real_path(folder))
    if checkout is None:
        return None
    own = _git_folder(checkout)
    common = os.path.join(own, _read(os.path.join(own, "commondir")).strip())
    uri = _uri(_remote(_read(os.path.join(common, "config"))))
    revision, branch = _head(own, common)
    if uri is None or revision is None:
        return None
    return Repository(uri=uri, revision=revision, branch=branch)


def real_path(path: str) -> str:
    """A path, absolute and links resolved, as far as that can be found out."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # the current folder is gone, or the path holds what no file system takes
        return os.path.normpath(path)


def checkout_of(folder: str) -> str | None:
    """The checkout that holds a folder (absolute, links resolved), or None."""
    while not os.path.exists(os.path.join(folder, ".git")):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return folder


def _git_folder(checkout: str) -> str:
    """Where HEAD lies. In a worktree or a submodule ``.git`` is a file that names the folder."""
    dotgit = os.path.join(checkout, ".git")
    if os.path.isdir(dotgit):
        return dotgit
    return os.path.join(checkout, _read(dotgit).removeprefix("gitdir:").strip())


def _read(path: str) -> str:
    """The text of a regular file, and nothing of anything else: a pipe would block for ever."""
    if not os.path.isfile(path):
        return ""
    try:
        with open(path, "rb") as file:
            return file.read(_LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""


def _head(own: str, common: str) -> tuple[str | None, str]:
    """The commit that HEAD stands for, and the branch: empty where HEAD is detached."""
    text = _read(os.path.join(own, "HEAD")).strip()
    branch = text.removeprefix("ref:").strip() if text.startswith("ref:") else ""
    for _ in range(5):  # as deep as git itself follows symbolic references
        if _COMMIT.fullmatch(text):
            return text, branch.removeprefix("refs/heads/") if branch.startswith("refs/heads/") else ""
        name = text.removeprefix("ref:").strip()
        if not text.startswith("ref:") or not _REF.fullmatch(name) or ".." in name:
            break
        text = _reference(name, own, common)
    return None, ""


def _reference(name: str, own: str, common: str) -> str:
    for folder in (own, common):
        text = _read(os.path.join(folder, *name.split("/"))).strip()
        if text:
            return text
    for line in _read(os.path.join(common, "packed-refs")).splitlines():
        commit, _, packed = line.partition(" ")
        if packed == name:
            return commit
    return ""


def _remote(config: str) -> str:
    """The address of ``origin``, or of the first remote where none is called so."""
    remotes: dict[str, str] = {}
    section = None
    for line in config.splitlines():
        header = _SECTION.match(line)
        if header is not None:
            section = header[2] if header[1].lower() == "remote" else None
        setting = _URL_LINE.fullmatch(line, header.end() if header else 0)
        if setting is not None and section is not None:
            remotes.setdefault(section, _plain(setting[1]))
    return remotes.get("origin") or next(iter(remotes.values()), "")


def _plain(value: str) -> str:
    """A value of git's configuration without its quotes and the comment after it."""
    quoted = re.match(r'"((?:[^"\\]|\\.)*)"', value)
    return quoted[1] if quoted else re.split(r"\s+[#;]", value)[0].strip()


def _uri(remote: str) -> str | None:
    """A remote's address as people open it: https, without user, password, query and ``.git``; None if it is no server.

    What does not look exactly like a host and a path is not passed on: where a password holds ``/``, a part of it looks
    like one of them.
    """
    url, scp = _URL.match(remote), _SCP.fullmatch(remote)
    if len(remote) > _URL_LENGTH:
        return None
    if url is not None:
        host, path = url[1].rpartition("@")[2], url[2]
        if remote[:4].lower() != "http":
            host = host.partition(":")[0]  # the port of ssh or git serves no pages
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

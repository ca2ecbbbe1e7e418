"""The git checkout around an input, read from its files without running git.

Nothing here raises: missing, malformed or hostile files result in None.
"""

from __future__ import annotations

import os
import re

from azkvlint.model.finding import Repository
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_boundary import checkout_of, git_folder, read_git_metadata, real_path

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

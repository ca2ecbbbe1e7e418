"""Convert between the URIs of documents and paths."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from azkvlint.util.project_boundary import real_path

_LOCAL = ("", "localhost")


def uri_of(path: str) -> str:
    """Return the URI of an absolute path. A file name that is not UTF-8 keeps its bytes."""
    return Path(path).as_uri()


def path_of(uri: str) -> str:
    """Return the real path of a document or folder; empty if it is not in a file system."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    path = os.fsdecode(unquote_to_bytes(parts.path.encode("utf-8", "replace")))
    if parts.scheme != "file" or "\0" in path or not path.startswith("/"):
        return ""
    if os.name == "nt":
        has_drive = path[2:3] == ":"
        return real_path(path[1:] if has_drive else f"//{parts.netloc}{path}")
    return real_path(path) if parts.netloc in _LOCAL else ""

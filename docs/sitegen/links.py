"""Titles of links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azkvlint.syntax.yaml_nodes import compose, data

_TITLES = Path(__file__).resolve().parents[1] / "links.yaml"
_TERRAFORM = re.compile(r"/providers/\w+/(?P<provider>\w+)/latest/docs/(?P<kind>[\w-]+)/(?P<name>[\w.-]+)")
_KINDS = {
    "resources": "{provider}_{name}",
    "data-sources": "{provider}_{name} (data source)",
    "ephemeral-resources": "{provider}_{name} (ephemeral resource)",
}
_TEMPLATE = re.compile(r"/templates/(?P<type>microsoft\.\w+/\w+)")


def link_title(url: str) -> str:
    """Return the title of a page: from docs/links.yaml, or from the address."""
    parts = urlsplit(url)
    title = _titles().get(url.removeprefix("https://"))
    if title is not None:
        return title
    terraform, template = _TERRAFORM.search(parts.path), _TEMPLATE.search(parts.path)
    if terraform is not None and terraform["kind"] in _KINDS:
        return f"Terraform Registry: {_KINDS[terraform['kind']].format(**terraform.groupdict())}"
    if template is not None:
        return f"Template reference: {template['type']}"
    last = parts.path.strip("/").rpartition("/")[2]
    return f"{parts.netloc}: {last}" if last else parts.netloc


@cache
def _titles() -> Mapping[str, str]:
    root = compose(_TITLES.read_text(encoding="utf-8")).root
    titles: Any = {} if root is None else data(root)
    return dict(titles)

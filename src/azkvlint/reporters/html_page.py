"""Write HTML pages from the templates in ``templates``: each string is escaped, and a missing value is an error.

A page loads nothing, and runs no script but its own.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from azkvlint.util.sha256 import sha256_hex
from azkvlint.util.text import encode, pluralize, visible


class _TemplateLoader(PackageLoader):
    """The templates of the package. The indentation of their lines is for those who read them, and not in a page."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool] | None]:
        """Return a template without indentation."""
        source, name, is_current = super().get_source(environment, template)
        return "\n".join(map(str.lstrip, source.split("\n"))), name, is_current

    def asset(self, name: str) -> Markup:
        """Return a style or a script as it is."""
        return Markup("\n") + Markup(super().get_source(templates(), name)[0])  # noqa: S704 - a file of the package


def page(template: str, **values: Any) -> str:
    """Return the page of a template with these values. It ends with a line break."""
    return f"{templates().get_template(template).render(values)}\n"


@cache
def templates() -> Environment:
    """Return what renders templates. It makes strings visible, then escapes them."""
    loader = _TemplateLoader("azkvlint.reporters")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, finalize=_finalize, trim_blocks=True,
        auto_reload=False,
    )  # fmt: skip
    environment.policies["json.dumps_function"] = _json
    environment.filters.update(prose=prose, digest=_digest)
    environment.globals.update(asset=loader.asset, pluralize=pluralize)
    return environment


def _finalize(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _json(value: object, **_settings: object) -> str:
    return encode(value, 0).decode().strip()


def _digest(script: str) -> str:
    """Return the digest by which the content policy of a page allows its script."""
    return b2a_base64(bytes.fromhex(sha256_hex(script.encode())), newline=False).decode()


def element(tag: str, text: str, style: str = "") -> Markup:
    """Return a string, escaped, in an element with a style class. Without a tag, it is in none."""
    shown = Markup.escape(visible(text))
    styled = Markup(' class="{}"').format(style) if style else ""
    return Markup("<{0}{1}>{2}</{0}>").format(tag, styled, shown) if tag else shown


def prose(text: str) -> Markup:
    """Return a string for an element, with its code in backquotes as elements."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return element("", text)
    return Markup().join(element("code" if index % 2 else "", part) for index, part in enumerate(parts))

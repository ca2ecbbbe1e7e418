"""``--show-settings``: every setting of a command, its value, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from azkvlint.config.options import OPTIONS, Option
from azkvlint.config.settings import Settings
from azkvlint.util.safe_text import visible

_DEFAULT = "default"
_HIDDEN = "(not shown)"


def shown_settings(said: Settings, command: str) -> str:
    """Settings as TOML, each with the place that sets it behind it.

    What a variable of Terraform is given is left out, because it may be a secret.
    """
    return "".join(f"{visible(line)}\n" for line in _lines(said, command))


def _lines(said: Settings, command: str) -> Iterator[str]:
    yield f"# {said.file.shown}" if said.file is not None else "# no configuration file"
    options = {option.field: option for option in OPTIONS if option.is_configured(command)}
    settings = options.pop("settings", None)
    for option in sorted(options.values(), key=lambda option: option.key):
        value = getattr(said.arguments, option.field)
        yield _line(option, _masked(option, value), said.places.get(option.field, _DEFAULT))
    if settings is not None and said.arguments.settings:
        yield ""
        yield f"[set] # {said.places['settings']}"
        for word in said.arguments.settings:
            name, _, value = word.partition("=")
            yield f"{name} = {_quoted(value)}"
    for override in said.file.overrides if said.file is not None else ():
        yield ""
        yield f"[[override]] # {override.place}"
        for key in ("paths", "resources", "rules"):
            words = getattr(override, key)
            if words:
                yield f"{key} = {_list(words)}"
        yield "ignore = true" if override.severity is None else f'severity = "{override.severity.label}"'
        yield from (
            f"{key} = {_quoted(getattr(override, key))}"
            for key in ("reason", "owner", "until")
            if getattr(override, key)
        )
        if override.fault:
            yield f"# it does nothing: {override.fault}"


def _line(option: Option, value: Any, place: str) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif option.kind == "number" and value.isdecimal():
        text = value
    elif isinstance(value, tuple):
        text = _list(value)
    else:
        text = _quoted(str(value))
    return f"{option.key} = {text} # {place}"


def _masked(option: Option, value: Any) -> Any:
    if option.field == "variables":
        # What is no name may be a value.
        return tuple(f"{word.partition('=')[0]}={_HIDDEN}" if "=" in word else _HIDDEN for word in value)
    return value


def _list(words: Sequence[str]) -> str:
    return f"[{', '.join(_quoted(word) for word in words)}]"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

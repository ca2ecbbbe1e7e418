"""The option ``--show-settings``: every setting of a command, its value and its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from azkvlint.config.options import OPTIONS, Option
from azkvlint.config.settings import Settings
from azkvlint.util.safe_text import visible

_DEFAULT = "default"
_HIDDEN = "(not shown)"


def settings_as_toml(settings: Settings, command: str) -> str:
    """Return the settings as TOML, each with its source as a comment. Those that no file can set are comments.

    Values of Terraform variables are hidden, because they may be secrets.
    """
    return "".join(f"{visible(line)}\n" for line in _lines(settings, command))


def _lines(settings: Settings, command: str) -> Iterator[str]:
    yield f"# {settings.file.display_path}" if settings.file is not None else "# no configuration file"
    options = {option.field: option for option in OPTIONS if option.is_configured(command)}
    assignments = options.pop("settings", None)
    for option in sorted(options.values(), key=lambda option: option.key):
        value = getattr(settings.arguments, option.field)
        if not option.in_files:
            yield f"# {option.variable}: {value} ({settings.places.get(option.field, _DEFAULT)})"
            continue
        yield _line(option, _mask(option, value), settings.places.get(option.field, _DEFAULT))
    if assignments is not None and settings.arguments.settings:
        yield ""
        yield f"[set] # {settings.places['settings']}"
        for word in settings.arguments.settings:
            name, _, value = word.partition("=")
            yield f"{name} = {_quote(value)}"
    for override in settings.file.overrides if settings.file is not None else ():
        yield ""
        yield f"[[override]] # {override.place}"
        for key in ("paths", "resources", "rules"):
            words = getattr(override, key)
            if words:
                yield f"{key} = {_list(words)}"
        yield "ignore = true" if override.severity is None else f'severity = "{override.severity.label}"'
        yield from (
            f"{key} = {_quote(getattr(override, key))}"
            for key in ("reason", "owner", "until")
            if getattr(override, key)
        )
        if override.fault:
            yield f"# invalid: {override.fault}"


def _line(option: Option, value: Any, place: str) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif option.kind == "number" and value.isdecimal():
        text = value
    elif isinstance(value, tuple):
        text = _list(value)
    else:
        text = _quote(str(value))
    return f"{option.key} = {text} # {place}"


def _mask(option: Option, value: Any) -> Any:
    if option.field == "variables":
        # Without a name, the word may be a value.
        return tuple(f"{word.partition('=')[0]}={_HIDDEN}" if "=" in word else _HIDDEN for word in value)
    return value


def _list(words: Sequence[str]) -> str:
    return f"[{', '.join(_quote(word) for word in words)}]"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

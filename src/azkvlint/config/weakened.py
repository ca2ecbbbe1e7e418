"""Compare two configuration files: which settings of the second one can lower a result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from azkvlint.config.arguments import Arguments
from azkvlint.config.config_file import KEYS, ConfigFile
from azkvlint.config.influences import BY_FIELD, CONFIGURATION, OVERRIDE, Influence, ValueChange
from azkvlint.config.option import Option
from azkvlint.model.rule import SEVERITIES, Severity
from azkvlint.model.suppression import Override
from azkvlint.util.project_boundary import real_path
from azkvlint.util.text import visible

_NO_SEVERITY = "none"
_RULES = ("select", "profiles", "ignore")
_NAMED = 5
_DEFAULTS = Arguments()

Twin: TypeAlias = Callable[[str], str]
"""A function that returns the path of HEAD for a path of BASE."""


class Weakening(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of ``file`` that can lower a result. ``line`` is 0 if it is not known.

    ``words`` are its words for rules, and ``resources`` its globs of addresses.
    """

    kind: str
    text: str
    file: str
    line: int = 0
    words: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    is_in_base: bool = False


def weakenings(base: ConfigFile | None, head: ConfigFile | None, twin: Twin) -> Iterator[Weakening]:
    """Yield the settings of HEAD's file that can lower a result of BASE's. None stands for no file."""
    options: dict[str, Option] = {option.field: option for option in KEYS.values()}
    for field, option in options.items():
        influence = BY_FIELD.get(field)
        if influence is None:
            continue
        old, new = _value(base, option, twin), _value(head, option, None)
        text = _lowered(influence, old, new) if old != new else ""
        if text:
            yield _weakening(influence, option.key, text, base, head, words=_words(field, old, new))
    yield from _overrides(base, head)


def unreadable(file: str, message: str) -> Weakening:
    """Return the configuration file of HEAD that cannot be used."""
    return Weakening(kind=CONFIGURATION.kind, text=f"the configuration cannot be used: {message}", file=file)


def _value(file: ConfigFile | None, option: Option, twin: Twin | None) -> Any:
    """Return the value of a setting, with paths of HEAD; None if the file has none."""
    value = None if file is None else file.values.get(option.field)
    if option.kind != "path" or value is None:
        return value
    paths = [real_path(path) for path in (value if isinstance(value, tuple) else (value,))]
    found = tuple(path if twin is None else twin(path) for path in paths)
    return found if isinstance(value, tuple) else found[0]


def _lowered(influence: Influence, old: Any, new: Any) -> str:
    """Return how a value that has changed can lower a result; "" if it cannot."""
    change = influence.change
    if change is ValueChange.MORE:
        return _added(new or (), old or ())
    if change is ValueChange.FEWER:
        return _fewer(influence, old or (), new or ())
    if change is ValueChange.HIGHER:
        return f"is {new}, and was {old or 'info'}" if _rank(new) > _rank(old) else ""
    if change in (ValueChange.ON, ValueChange.OFF):
        is_on = change is ValueChange.ON
        return f"is turned {'on' if is_on else 'off'}" if bool(new) is is_on and bool(old) is not is_on else ""
    if influence.field == "test_folders" and new == ():
        return ""  # every folder counts
    if new is None:
        return "is removed"
    if influence.field == "variables":  # a value may be a secret
        return "is changed: " + _listed(sorted({str(word).partition("=")[0] for word in set(new) ^ set(old or ())}))
    if isinstance(new, tuple):
        changed = [word for word in new if word not in (old or ())] or [word for word in old or () if word not in new]
        return f"is changed: {_listed([_short(word) for word in changed])}" if changed else "has another order"
    return f"is {_short(new)}" if old is None else f"is {_short(new)}, and was {_short(old)}"


def _added(new: Sequence[str], old: Sequence[str]) -> str:
    added = [word for word in new if word not in old]
    return f"has more items: {_listed(added)}" if added else ""


def _fewer(influence: Influence, old: Sequence[str], new: Sequence[str]) -> str:
    if influence.field == "select" and not new:
        return ""  # every rule of the profile
    if new and not old:
        return f"is new: {_listed(new)}"
    removed = [word for word in old if word not in new]
    return f"has fewer items, without {_listed(removed)}" if removed and (new or old) else ""


def _short(word: object) -> str:
    text = str(word)
    return os.path.basename(text) if os.path.isabs(text) else text


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return visible(", ".join(f"`{word}`" for word in words[:_NAMED]) + more)


def _rank(word: str | None) -> int:
    """Return the rank of a severity; ``none`` is above all of them."""
    name = (word or Severity.INFO.label).lower()
    return max(SEVERITIES.values()) + 1 if name == _NO_SEVERITY else SEVERITIES.get(name, Severity.INFO)


def _words(field: str, old: Any, new: Any) -> tuple[str, ...]:
    """Return the words for rules in a change, "" being no word for a rule."""
    if field == "ignore":
        return tuple(word for word in new or () if word not in (old or ()))
    if field == "settings":
        changed = set(new or ()) ^ set(old or ())
        return tuple(sorted({word.partition("=")[0].rpartition(".")[0] for word in changed}))
    if field == "select":
        return tuple(word for word in old or () if word not in (new or ()))
    return ()


def _weakening(
    influence: Influence,
    key: str,
    text: str,
    base: ConfigFile | None,
    head: ConfigFile | None,
    words: tuple[str, ...] = (),
) -> Weakening:
    if head is not None:
        file, line = head.file, head.positions.get(key, (0, 0))[0]
    else:
        file, line = "" if base is None else base.file, 0
    return Weakening(
        kind=influence.kind, text=f"`{key}` {text}", file=file, line=line, words=words, is_in_base=head is None
    )


_Content: TypeAlias = tuple[object, ...]


def _content(override: Override) -> _Content:
    """Return what an override does, without its reason, its owner and its place."""
    return (
        override.paths, override.resources, override.rules, override.severity, override.until, bool(override.fault)
    )  # fmt: skip


def _overrides(base: ConfigFile | None, head: ConfigFile | None) -> Iterator[Weakening]:
    """Yield the overrides that HEAD adds, changes, removes or puts in another order, if that can lower a result."""
    old = () if base is None else base.overrides
    new = () if head is None else head.overrides
    known = {_content(one) for one in old}
    kept = {_content(one) for one in new}
    for override in new:
        if head is not None and _content(override) not in known and override.severity is not Severity.CRITICAL:
            until = f" until {override.until}" if override.until else ""
            what = "ignores" if override.severity is None else f"sets severity {override.severity.label} for"
            yield _override(override, head, f"an override {what} {_subject(override)}{until}")
    for override in old:
        if override.severity not in (None, Severity.INFO) and _content(override) not in kept:
            text = f"the override with severity {override.severity.label} for {_subject(override)} is removed"
            found = _override(override, (head or base), text)
            yield msgspec.structs.replace(found, line=0, is_in_base=head is None)
    if head is not None and [one for one in map(_content, old) if one in kept] != [
        one for one in map(_content, new) if one in known
    ]:
        # Of several severities, the last one counts.
        yield Weakening(kind=OVERRIDE.kind, text="the overrides have another order", file=head.file)


def _override(override: Override, file: ConfigFile | None, text: str) -> Weakening:
    return Weakening(
        kind=OVERRIDE.kind, text=text, file="" if file is None else file.file, line=override.line, words=override.rules,
        resources=override.resources,
    )  # fmt: skip


def _subject(override: Override) -> str:
    parts = []
    if override.rules:
        parts.append(_listed(override.rules))
    if override.resources:
        parts.append(f"on {_listed(override.resources)}")
    if override.paths:
        parts.append(f"at {_listed(override.paths)}")
    return " ".join(parts)


def pairs_of_files(
    base: Mapping[str, ConfigFile], head: Mapping[str, ConfigFile]
) -> Iterator[tuple[ConfigFile | None, ConfigFile | None]]:
    """Yield the configuration files that apply to a folder on each side, for each folder in which one side has one.

    Both are by the folder of HEAD, relative to what is compared; "" is the outermost folder.
    """
    seen: set[tuple[str, str]] = set()
    for folder in sorted({*base, *head}):
        old, new = _nearest(base, folder), _nearest(head, folder)
        key = "" if old is None else old.file, "" if new is None else new.file
        if key not in seen:
            seen.add(key)
            yield old, new


def _nearest(files: Mapping[str, ConfigFile], folder: str) -> ConfigFile | None:
    while folder not in files:
        if not folder:
            return None
        folder = os.path.dirname(folder)
    return files[folder]

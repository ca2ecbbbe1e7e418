"""The settings of an editor: read from a value of the client, each by itself, and what is wrong with them.

A wrong setting is ignored, and nothing else. It stays visible as a diagnostic: in the settings of the workspace if they
have it, else in the open documents, or else for the workspace folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from lsprotocol.types import Diagnostic, DiagnosticSeverity, Position, Range

from azkvlint.config.run_config import Config
from azkvlint.editor.diagnostics import SOURCE, CausedDiagnostic
from azkvlint.editor.protocol import START, Positions
from azkvlint.linter.linter import rules_of
from azkvlint.model.finding import INPUT_UNREADABLE, SETTING_WITHOUT_EFFECT, Problem
from azkvlint.syntax.json_faults import shape_fault
from azkvlint.syntax.texts import source_text
from azkvlint.util.errors import InputError, KvlintError, did_you_mean
from azkvlint.util.project_files import is_file, read_bytes
from azkvlint.util.text import visible

Inputs: TypeAlias = tuple[str, ...]
"""The paths that one check has as its inputs: a workspace folder, or the open documents of a folder."""
_SECTION = "kvlint"
# The settings that the extension for Visual Studio Code reads itself.
OF_CLIENT = ("enable", "path", "trace")
_PLACE = re.compile(r"([^\s:`']+)(?::([0-9]{1,6}):[0-9]+)?: ")
_FILE = ".vscode/settings.json"
_MOST_BYTES = 1_000_000
_MOST_UNKNOWN, _LONGEST_NAME = 20, 60


class EditorSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The settings of an editor, which take precedence over configuration files.

    ``configuration`` is the path of a configuration file, absolute or relative to the workspace folder.
    """

    profile: tuple[str, ...] | str = ()
    select: tuple[str, ...] | str = ()
    ignore: tuple[str, ...] | str = ()
    min_severity: str = ""
    configuration: str = ""
    include_tests: bool | None = None
    code_lens: bool = True


Configure: TypeAlias = Callable[[Inputs, EditorSettings], Config]
_NAMES: Mapping[str, str] = {field.name: field.encode_name for field in msgspec.structs.fields(EditorSettings)}


class SettingFault(msgspec.Struct, frozen=True):
    """What is wrong with a setting of the editor, by ``name``, or in a ``file`` of the configuration, on a ``line``.

    Without both, all settings are wrong.
    """

    name: str
    text: str
    file: str = ""
    line: int = 0


def settings_of(value: object, *, may_be_others: bool = False) -> tuple[EditorSettings, tuple[SettingFault, ...]]:
    """Return the settings in a value of a client, and what is wrong with it.

    The settings are in the section ``kvlint``, or are the value itself. If that value ``may_be_others``, those of
    programs besides kvlint, unknown names are ignored.
    """
    is_section = isinstance(value, Mapping) and isinstance(value.get(_SECTION), Mapping)
    if isinstance(value, Mapping) and is_section:
        value = value[_SECTION]
    if value is None:
        return EditorSettings(), ()
    if not isinstance(value, Mapping):
        return EditorSettings(), (SettingFault("", "the settings are not an object"),)
    found: dict[str, Any] = {}
    faults: list[SettingFault] = []
    for field in msgspec.structs.fields(EditorSettings):
        given = value.get(field.encode_name)
        if given is None:
            continue
        try:
            found[field.name] = msgspec.convert(given, field.type)
        except msgspec.ValidationError as error:
            faults.append(_ignored(field.encode_name, shape_fault(error)))
    if is_section or not may_be_others:
        faults += list(_unknown(value))[:_MOST_UNKNOWN]
    return EditorSettings(**found), tuple(faults)


def _unknown(value: Mapping[Any, Any]) -> Iterator[SettingFault]:
    known = [*_NAMES.values(), *OF_CLIENT]
    for key in value:
        name = str(key)
        if name.partition(".")[0] not in known:
            shown = visible(name[:_LONGEST_NAME])
            hint = did_you_mean(shown, known)
            yield SettingFault(name, f"unknown setting `{_SECTION}.{shown}`{f' ({hint})' if hint else ''}")


def _ignored(name: str, why: str) -> SettingFault:
    return SettingFault(name, f"the setting `{_SECTION}.{name}` is ignored: {why}")


def without_faults(
    configure: Configure, inputs: Inputs, settings: EditorSettings
) -> tuple[EditorSettings, tuple[SettingFault, ...]]:
    """Return the settings without those with which a check cannot run, and what is wrong with each.

    Raise KvlintError if a check cannot run without any setting either, because of a configuration file or custom rules.
    """
    kept = EditorSettings(code_lens=settings.code_lens)
    faults: list[SettingFault] = []
    # A configuration file can define the rules that other settings name, and replaces one that has an error.
    for name in ("configuration", *(name for name in _NAMES if name not in ("configuration", "code_lens"))):
        value = getattr(settings, name)
        if value == getattr(EditorSettings(), name):
            continue
        trial = msgspec.structs.replace(kept, **{name: value})
        try:
            rules_of(configure(inputs, trial))
        except KvlintError as error:
            rules_of(configure(inputs, kept))
            why = sentence_of(error).removeprefix(f"{_SECTION}.{_NAMES[name]}").removeprefix(":").lstrip()
            faults.append(_ignored(_NAMES[name], why))
        else:
            kept = trial
    return kept, tuple(faults)


def fault_of_configuration(text: str, folder: str) -> SettingFault:
    """Return what is wrong with a configuration file or custom rules, because of which no check can run."""
    found = _PLACE.match(text)
    file = os.path.join(folder, found[1]) if found is not None else ""
    if found is None or not is_file(file):
        return SettingFault("", text)
    return SettingFault("", text, file, int(found[2] or 0))


def sentence_of(error: KvlintError) -> str:
    """Return an error with its hint on one line."""
    lines = "; ".join(map(visible, error.message.splitlines()))
    return f"{lines} ({visible(error.hint)})" if error.hint else lines


def fault_items(
    faults: Sequence[SettingFault], folders: Sequence[str], documents: Sequence[str], encoding: str
) -> dict[str, list[CausedDiagnostic]]:
    """Return the diagnostics of wrong settings by real path. ``documents`` are the open ones."""
    items: dict[str, list[CausedDiagnostic]] = {}
    for fault in dict.fromkeys(faults):
        found = [place for folder in folders if (place := _in_settings(folder, fault.name, encoding)) is not None]
        if fault.file:
            line = max(fault.line - 1, 0)
            found = [(fault.file, Range(Position(line, 0), Position(line + 1, 0)))]
        severity = DiagnosticSeverity.Warning if fault.name else DiagnosticSeverity.Error
        for file, range_ in found or [(file, START) for file in documents or folders]:
            code = SETTING_WITHOUT_EFFECT if fault.name else INPUT_UNREADABLE
            problem = Problem(code=code, level="warning" if fault.name else "error", message=fault.text)
            diagnostic = Diagnostic(
                range=range_, message=fault.text, severity=severity, code=problem.code, source=SOURCE
            )
            items.setdefault(file, []).append(CausedDiagnostic(diagnostic, problem))
    return items


def _in_settings(folder: str, name: str, encoding: str) -> tuple[str, Any] | None:
    """Return the place of a setting in the settings of a workspace folder, if they have it."""
    file = os.path.join(folder, *_FILE.split("/"))
    if not name or not is_file(file):
        return None
    try:
        text = source_text(read_bytes(file, _MOST_BYTES))
    except InputError:
        return None
    key = f'"{_SECTION}.{name}"'
    start = text.find(key)
    return None if start < 0 else (file, Positions(text, encoding).range_of(start, start + len(key)))

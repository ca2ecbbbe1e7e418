"""The command ``kvlint lsp``: check while a text is edited, for editors with a client of the protocol."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.cli.resolve import cache_folder_of, config_of
from azkvlint.config.arguments import Arguments
from azkvlint.config.run_config import Config
from azkvlint.config.settings import resolve_settings
from azkvlint.util.errors import UsageError
from azkvlint.util.project_boundary import checkout_of, is_within, real_path
from azkvlint.util.text import visible

if TYPE_CHECKING:
    from azkvlint.editor.settings import EditorSettings
    from azkvlint.linter.result_cache import CacheFolderSettings

MISSING = "kvlint lsp requires the package pygls"
"""The error without pygls, by which the extension for Visual Studio Code recognizes that."""
_FIELDS = {
    "profile": "profiles",
    "select": "select",
    "ignore": "ignore",
    "min_severity": "min_severity",
    "configuration": "config",
    "include_tests": "include_tests",
}


def run_lsp() -> int:
    """Serve the client on standard input and output, and return the exit code. Raise UsageError without pygls."""
    try:
        from azkvlint.editor.server import serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol", "cattrs", "attrs", "attr"):
            raise
        raise UsageError(MISSING, "install the extra `lsp` of azkvlint") from error
    from azkvlint.util.output_files import take_stdout
    from azkvlint.util.project_files import stdin_stream

    return serve(configure, stdin_stream(), take_stdout(), stored_results())


def stored_results() -> CacheFolderSettings | None:
    """Return where an editor finds and keeps the results of files, as the command line does; None for nowhere."""
    try:
        folder = cache_folder_of(resolve_settings(Arguments(paths=()), "check"))
    except UsageError:
        return None
    return None if folder is None else msgspec.structs.replace(folder, of_editor=True)


def configure(paths: tuple[str, ...], chosen: EditorSettings) -> Config:
    """Return the configuration of a check of ``paths``, as on the command line. Raise UsageError."""
    values: dict[str, Any] = {}
    for name, field in _FIELDS.items():
        value = getattr(chosen, name)
        if value not in ((), "", None):
            is_many = field in ("profiles", "select", "ignore")
            values[field] = (value,) if is_many and isinstance(value, str) else value
    if "config" in values:
        values["config"] = _configuration(paths[0], values["config"])
    arguments = Arguments(paths=paths, explicit_fields=frozenset(values), **values)
    settings = resolve_settings(arguments, "check")
    fields = msgspec.structs.fields(type(chosen))
    names = {_FIELDS[field.name]: f"kvlint.{field.encode_name}" for field in fields if field.name in _FIELDS}
    places = {**settings.places, **{field: names[field] for field in values}}
    config = config_of(msgspec.structs.replace(settings, places=places), [("concise", "")])
    # While a text is typed, syntax errors are common, and a second parser takes longer than all else. A process with
    # threads must not fork.
    return msgspec.structs.replace(config, second_opinions=False, jobs=1)


def _configuration(path: str, name: str) -> str:
    """Return the configuration file that an editor names, relative to the workspace folder. Raise UsageError.

    The settings of an editor can be those of a workspace that is not trusted, so the file must be in the checkout.
    """
    folder = real_path(path if os.path.isdir(path) else os.path.dirname(path))
    file = real_path(os.path.join(folder, name))
    if not is_within(file, checkout_of(folder) or folder):
        text = f"kvlint.configuration: '{visible(name)}' is outside the checkout"
        raise UsageError(text, "name it in the environment variable KVLINT_CONFIG of the server")
    return file

"""Settings that take more than a look: globs, and rules that a file or an environment variable names."""

from __future__ import annotations

import msgspec

from kvlint.check import known_rules
from kvlint.config import Config
from kvlint.engine.select import chosen
from kvlint.errors import UsageError
from kvlint.globs import PathGlob
from kvlint.settings import ABOUT_RULES, Settled


def globs_of(said: Settled) -> tuple[tuple[str, str], ...]:
    """What is excluded: globs, each with the folder that it starts from. Raises UsageError for what is none."""
    found = []
    for field, patterns in (("exclude", said.arguments.exclude), ("extend_exclude", said.arguments.extend_exclude)):
        folder = said.folder(field) if patterns else ""
        for pattern in patterns:
            try:
                PathGlob(pattern)
            except ValueError as error:
                raise UsageError(f"{said.label(field)}: '{pattern}' is no glob: {error}") from error
            found.append((folder, pattern))
    return tuple(found)


def refuse_unknown_rules(said: Settled, config: Config) -> None:
    """Raise UsageError for what a file or a variable calls a rule and is none, with its place."""
    plain = msgspec.structs.replace(config, select=(), ignore=(), profiles=(), settings=())
    rules = known_rules(plain)
    for field in sorted(said.elsewhere & ABOUT_RULES):
        try:
            if field == "settings":
                known_rules(msgspec.structs.replace(plain, settings=config.settings))
            elif field == "ignore":
                chosen(rules, config.select, config.ignore, ("all",))
            elif field == "select":
                chosen(rules, config.select, (), ("all",))
            else:
                chosen(rules, (), (), config.profiles)
        except UsageError as error:
            words = error.message.removeprefix("--set").lstrip(": ")
            raise UsageError(f"{said.label(field)}: {words}", error.hint) from error

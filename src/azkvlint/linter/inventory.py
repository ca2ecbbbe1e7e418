"""The files of a run, before any is evaluated: its sources, and what else is in their folders."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from azkvlint.config.run_config import Config
from azkvlint.readers.discover import OtherFiles, Source, discover
from azkvlint.readers.units import DeploymentCommands, Unit, templates_of_commands, units_of


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """The ``sources`` of a run, whose paths start from ``root``, the files of ``parameters``, and ``others``.

    ``commands`` are those in scripts. ``matched`` are the indexes of the globs that exclude any file.
    """

    sources: Sequence[Source]
    root: str
    parameters: Sequence[Source]
    others: OtherFiles
    commands: DeploymentCommands
    matched: frozenset[int]

    @property
    def read_for_units(self) -> list[Source]:
        """Return the files besides the sources that are read to find the units: parameter files and scripts."""
        scripts = [Source(file=script, path="", is_explicit=False) for script in self.others.scripts]
        return [*self.parameters, *scripts]

    def units(self, types: Collection[str], defaults: Collection[str]) -> list[Unit]:
        """Return the units to evaluate; see ``units_of``."""
        return units_of(self.sources, self.parameters, types, defaults, self.commands)


def inventory_of(config: Config) -> Inventory:
    """Return the files of a run. Raise UsageError for a path that does not exist."""
    matched: set[int] = set()
    others = OtherFiles()
    sources, root = discover(config.paths, config.exclude, matched, others)
    commands = DeploymentCommands(others.scripts)
    sources += templates_of_commands(commands, others, root, sources)
    parameters, _ = discover(config.parameters)
    return Inventory(
        sources=sources,
        root=root,
        parameters=parameters,
        others=others,
        commands=commands,
        matched=frozenset(matched),
    )

"""Collect what a root file or template deploys in each of its worlds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from azkvlint.evaluation.reads import ReadRecorder
from azkvlint.readers.deployment.collect import Collector
from azkvlint.readers.deployment.instance import DeploymentInstance
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.graph.worlds import Variant


def collect_worlds(
    root: DeploymentInstance, again: Callable[[], DeploymentInstance], make: Callable[..., Collector]
) -> list[Variant]:
    """Collect what a root deploys in its base world, and return its variants. ``again`` returns the same root."""
    gathered = make()
    has_parameters = any(isinstance(node, ast.ParameterDeclaration) for node in root.file.symbols.values())
    if has_parameters and not root.run.recorder.is_recording:
        has_absence = gathered.has_absence(root)
        if has_absence is not False:
            # Other worlds share what does not read the inputs that differ. What exceeds a limit is counted again, so
            # that what is declared before it is evaluated.
            root.run.record(ReadRecorder() if has_absence else root.run.recorder)
            root = again()
    gathered.collect(root, frozenset())
    if not gathered.absent:
        return []
    from azkvlint.readers.deployment.worlds import DeploymentWorlds  # most inputs deploy all that they declare

    return DeploymentWorlds(root, gathered, make).variants(gathered)

"""The code lens on a vault: from where it can be reached, and who can read its secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import msgspec

from azkvlint.access.permissions import CAPABILITIES
from azkvlint.config.run_config import Config
from azkvlint.derived.vaults import MANAGED_HSMS, VAULTS
from azkvlint.linter.access import Cleaner, Filters, access
from azkvlint.model.access import AccessReport
from azkvlint.model.finding import Declaration, Report
from azkvlint.model.location import static_address
from azkvlint.model.resource import ResourceGraph
from azkvlint.model.value import Path
from azkvlint.readers.read_result import ReadResult
from azkvlint.util.text import pluralize, visible

# Access of secrets in vaults, and of keys in managed HSMs.
_CAPABILITIES = {VAULTS: ("secrets/get", "read secrets"), MANAGED_HSMS: ("keys/use", "use keys")}


class Lens(msgspec.Struct, frozen=True):
    """A vault or managed HSM in a document."""

    declaration: Declaration
    root: str

    @property
    def exposure(self) -> str:
        """Return its network exposure in words; that of instances can differ."""
        words = " or ".join(visible(word) for word in self.declaration.exposures)
        return f"reachable from: {words}" if words else ""


def lenses(report: Report, file: str) -> Iterator[Lens]:
    """Yield the vaults and managed HSMs that a file declares."""
    for one in report.evaluated:
        is_vault = one.type.lower() in _CAPABILITIES and one.at.region is not None
        if is_vault and os.path.normpath(os.path.join(report.root, one.at.path)) == file:
            yield Lens(one, report.root)


def access_of(config: Config, stop: Callable[[], object]) -> AccessReport:
    """Return who can read secrets or use keys in the inputs of a check. ``stop`` is called for each root, and raises to
    end it.
    """
    names = {name for name, _ in _CAPABILITIES.values()}
    columns = tuple(one for one in CAPABILITIES if one.name in names)
    return access(config, Filters(capabilities=columns), (), _Stopping(stop))


def title(lens: Lens, found: AccessReport | None) -> str:
    """Return the text of a lens: ``reachable from: private access only · 3 principals can read secrets``."""
    parts = [lens.exposure] if lens.exposure else []
    declaration = lens.declaration
    name, verb = _CAPABILITIES[declaration.type.lower()]
    if found is not None:
        own = {
            number
            for number, vault in enumerate(found.vaults)
            if static_address(vault.address) == declaration.address and vault.at.path == declaration.at.path
        }
        rows = [row for row in found.rows if row.capability == name and not own.isdisjoint(row.vaults)]
        certain = {row.principal.key for row in rows if row.path.is_certain}
        possible = {row.principal.key for row in rows} - certain
        text = f"{pluralize(len(certain), 'principal')} can {verb}"
        parts.append(f"{text}, {len(possible)} more possibly" if possible else text)
    return " · ".join(parts)


class _Stopping:
    """Observes nothing, but ends the computation of access when something more important waits."""

    paths: Mapping[str, frozenset[Path]] = {}

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop

    def observe(self, read: ReadResult, graph: ResourceGraph, clean: Cleaner) -> None:
        """Look whether to go on."""
        del read, graph, clean
        self._stop()

    def keep(self, path: str, source: str, found: object) -> None:
        """Keep nothing."""

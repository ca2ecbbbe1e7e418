"""Built-in support for the public Key Vault module of the Bicep registry where it is not restored.

``data/modules`` holds the module as a Bicep file, reduced to what rules evaluate.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.value import Origin, Scalar, Unknown, display
from azkvlint.readers.bicep.document import File, read_file
from azkvlint.readers.bicep.evaluator import InPlace
from azkvlint.readers.bicep.identity import module_scope
from azkvlint.readers.bicep.module_evaluation import Instance, Use
from azkvlint.readers.bicep.run import BicepRun
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import read_data

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module import ModuleEntity
    from azkvlint.readers.bicep.sources import Content, Source

_VAULT = regex(r"br:mcr\.microsoft\.com/bicep/(avm/res/key-vault/vault):0\.(\d{1,3})\.\d{1,5}")
_FIRST, _LAST = 6, 14
# From here on, a diagnostic setting that names metrics alone sends no logs; whether it does before is not certain.
_METRICS_ALONE = 13
# It says `enablePurgeProtection ? enablePurgeProtection : null`. Here the value stays, and with it the place to edit.
_NEVER_FALSE = "enablePurgeProtection"


def well_known(reference: str) -> Source | None:
    """Return the built-in description of the module of a full reference; None if there is none."""
    match = _VAULT.fullmatch(reference)
    if match is None or not _FIRST <= int(match[2]) <= _LAST:
        return None
    return _Known(_table(int(match[2]) >= _METRICS_ALONE), match[1])


@cache
def _table(metrics_alone: bool) -> File:
    """Return the parsed module of the older or newer releases."""
    text = read_data("modules/avm-res-key-vault-vault/main.bicep").decode()
    if metrics_alone:
        text = text.replace("reference(vault.id).logs", "[]")
    else:
        text = text.replace("vaults@2024-11-01", "vaults@2022-07-01")
    return read_file("", "", text)


class _Known:
    """A well-known module."""

    def __init__(self, file: File, name: str) -> None:
        self.file = file
        self.name = name

    def use(self, module: ModuleEntity) -> Content:
        """The module with what it is given; all it says stands at the module statement."""
        from azkvlint.readers.bicep.sources import Lowered

        instance = module.instance
        instance.run.count_deployment()
        use = Use(
            given=module.given(),
            scope=module_scope(module.body.get("scope"), instance.scope, "", module.address),
            prefix=f"{module.address}.",
            callers=instance.use.callers,
            module=module,
            scenario=instance.use.scenario,
        )
        return Lowered(_Table(self.file, instance.run, use, instance.shown(module.at), self.name))


class _Table(Instance):
    """A module that is not read from a file: whatever it says has the place of the statement that uses it."""

    is_foreign = True

    def __init__(self, file: File, run: BicepRun, use: Use, at: Location, name: str) -> None:
        self.whole = at
        self.name = name
        super().__init__(file, run, use)
        self.evaluator: Evaluator = InPlace(self)

    def register(self) -> None:
        """There is no file to show."""

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # wherever a node stands, the place is the same
        """The module statement."""
        return self.whole

    def head(self, node: ast.Resource | ast.Module) -> Location:  # noqa: ARG002  # the same
        """The module statement."""
        return self.whole

    def parameter(self, node: ast.Parameter) -> Result:
        """What a parameter is given. The module turns a false for purge protection into null, which Azure takes."""
        found = super().parameter(node)
        if node.name != _NEVER_FALSE or not isinstance(found, Scalar | Unknown) or found.origin == Origin.DEFAULT:
            return found
        return msgspec.structs.replace(found, origin=Origin.DEFAULT, note=f"the module {self.name} sends no false")

    def default(self, node: ast.Parameter, given: Result | None) -> Result:
        """A default is said to be the module's."""
        found = super().default(node, given)
        if not isinstance(found, Scalar):
            return found
        note = f"'{node.name}' is not set, and the default of the module {self.name} is {display(found)}"
        return msgspec.structs.replace(found, origin=Origin.DEFAULT, note=note)

"""``removed`` blocks: what a module no longer declares, and what becomes of it.

Terraform destroys it unless the block says otherwise, OpenTofu only forgets it unless the block says otherwise.
Sources: developer.hashicorp.com/terraform/language/block/removed, and the default of ``Destroy`` in
internal/configs/removed.go of hashicorp/terraform and of opentofu/opentofu.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.model.location import Location
from azkvlint.model.problem_codes import TYPE_UNKNOWN
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Origin, Scalar, Unknown, Value
from azkvlint.readers.terraform.folder import Folder, Part, Piece
from azkvlint.readers.terraform.lifecycle import BOOLEANS, steps_of

if TYPE_CHECKING:
    from azkvlint.readers.terraform.module_evaluation import ModuleInstance

_OPENTOFU = (".tofu", ".tofu.json")
_EITHER = "the removed block does not say whether to destroy: Terraform does if nothing is said, and OpenTofu does not"


def removed_types(folder: Folder) -> set[str]:
    """The types of the resources that a module says are removed."""
    return {steps[-2] for part in folder.removed if (steps := _address(part))}


def removed_resources(instance: ModuleInstance) -> Iterator[Resource]:
    """The resources of azurerm that a module says are removed."""
    for part in instance.folder.removed:
        steps = _address(part)
        if not steps or steps[-2].startswith("azapi_"):
            _tell(instance, part, "note" if steps else "warning")
            continue
        mapped = RESOURCES.get(steps[-2])
        if mapped is None or instance.run.required.paths_of(mapped.type) is None:
            continue
        at = instance.place(part.path, part.block.start, part.block.head)
        action = _action(instance, part, at)
        is_destroyed = isinstance(action, Scalar) and action.value == "delete"
        derived = MapValue(at=at, fields={"plannedAction": action}, origin=Origin.DERIVED)
        yield Resource(
            address=instance.prefix + ".".join(steps),
            type=mapped.type,
            name=steps[-1],
            attributes=MapValue(at=at, fields={"derived": derived}),
            at=at,
            declared_as=steps[-2],
            # Whichever it is, it is no longer part of what is deployed.
            action="delete" if is_destroyed else "forget",
            callers=instance.use.callers,
        )


def _tell(instance: ModuleInstance, part: Part, level: str) -> None:
    """Report what may be destroyed, and nothing says whether a vault is: a whole module, or a resource of azapi's."""
    at = instance.place(part.path, part.block.start, part.block.head)
    action = _action(instance, part, at)
    if not (isinstance(action, Scalar) and action.value == "forget"):
        text = "what a removed block destroys was not judged, as nothing says of which type it is"
        instance.run.problem(TYPE_UNKNOWN, level, text, at)


def _address(part: Part) -> list[str]:
    """What ``from`` names, if it is one managed resource, in this module or in one that it called."""
    written = part.block.body.attributes.get("from")
    steps = list(steps_of(written.expression())) if written is not None else []
    own = steps
    while len(own) > 2 and own[0] == "module":
        own = own[2:]
    return steps if len(own) == 2 and own[0] != "module" else []


def _action(instance: ModuleInstance, part: Part, at: Location) -> Value:
    """What happens to it when the module is applied."""
    lifecycles = [block for block in part.block.body.blocks if block.type == "lifecycle"]
    written = [block.body.attributes["destroy"] for block in lifecycles if "destroy" in block.body.attributes]
    if part.block.body.faults or any(block.body.faults for block in lifecycles):
        return Unknown(at=at, why="the removed block cannot be read")
    if not written:
        if part.path.endswith(_OPENTOFU):
            return Scalar(
                at=at, value="forget", origin=Origin.DEFAULT, note="OpenTofu only forgets it if nothing is said"
            )
        return Unknown(at=at, why=_EITHER)
    found = instance.run.frozen(instance.evaluate(Piece(part.path, written[0]), {}))
    plain = BOOLEANS.get(str(found.value).lower()) if isinstance(found, Scalar) else None
    if found is None or plain is None:
        return found if isinstance(found, Unknown) else Unknown(at=at, why="destroy is no boolean")
    word = "true" if plain else "false"
    return Scalar(
        at=found.at,
        value="delete" if plain else "forget",
        origin=Origin.DERIVED,
        note=f"a removed block says destroy = {word}",
    )

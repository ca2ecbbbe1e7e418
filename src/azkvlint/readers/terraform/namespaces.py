"""What the first name of a reference stands for: ``var``, ``local``, ``module``, ``data``, a resource type ..."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from azkvlint.azure.azurerm.resources import is_azure, is_own_id, linked_type
from azkvlint.evaluation.values import Result, hole
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown

if TYPE_CHECKING:
    from azkvlint.readers.terraform.module_evaluation import ModuleInstance

_Member: TypeAlias = Callable[[str, Location], Result]


class Space:
    """A name whose members mean something, and which is no value itself."""

    def __init__(self, name: str, member: _Member, at: Location) -> None:
        self.name = name
        self.member = member
        self.at = at

    def item(self, index: Result, at: Location) -> Result:
        """A member by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why=f"which member of '{self.name}' is meant is not known")


def space(instance: ModuleInstance, name: str, at: Location) -> Result:
    """What a name stands for in a module."""
    match name:
        case "var":
            return Space(name, instance.variable, at)
        case "local":
            return Space(name, instance.local, at)
        case "module":
            return Space(name, lambda call, at: _module(instance, call, at), at)
        case "data" | "ephemeral":
            return Space(name, lambda type_, at: _type(instance, f"{name}.{type_}", at), at)
        case "path":
            return Space(name, lambda member, at: _path(instance, member, at), at)
        case "terraform" | "tofu":
            return Space(name, _setting, at)
        case "each" | "count" | "self":
            return Unknown(at=at, why=f"'{name}' means nothing here")
        case _:
            return _type(instance, name, at)


def _type(instance: ModuleInstance, type_: str, at: Location) -> Result:
    return Space(type_, lambda name, at: _resource(instance, f"{type_}.{name}", at), at)


def _resource(instance: ModuleInstance, local: str, at: Location) -> Result:
    symbol = instance.resource(local)
    return symbol.result() if symbol is not None else Undeclared(instance, local, at)


def _module(instance: ModuleInstance, name: str, at: Location) -> Result:
    symbol = instance.module(name)
    return symbol.result() if symbol is not None else Unknown(at=at, why=f"there is no module '{name}'")


def _path(instance: ModuleInstance, member: str, at: Location) -> Result:
    """``path.module``, ``path.root`` or ``path.cwd``, as Terraform gives them when it runs in the root module."""
    if member in ("root", "cwd"):
        return Scalar(at=at, value=".")
    if member == "module":
        relative = os.path.relpath(instance.folder.directory, instance.run.directory)
        return Scalar(at=at, value=relative.replace(os.sep, "/"))
    return Unknown(at=at, why=f"'path.{member}' means nothing")


def _setting(member: str, at: Location) -> Result:
    """``terraform.workspace`` and what else is known when Terraform runs."""
    return Unknown(at=at, why=f"'terraform.{member}' is known only when Terraform runs", pattern=hole(member))


class Undeclared:
    """A resource that is named but not declared: Terraform refuses it, and its id still names something."""

    def __init__(self, instance: ModuleInstance, local: str, at: Location) -> None:
        self.instance = instance
        self.address = instance.prefix + local
        self.type = local.rpartition(".")[0].removeprefix("data.")
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """Unknown; the id of something that is not here."""
        pattern, why = hole(f"{self.address}.{name}"), f"'{self.address}' is not declared here"
        if is_azure(self.type) and is_own_id(self.type, name):
            self.instance.run.types[self.address] = linked_type(self.type)
            return Unknown(at=at, why=why, pattern=pattern, candidates=(self.address,), closed=True, given=True)
        return Unknown(at=at, why=why, pattern=pattern)

    def item(self, index: Result, at: Location) -> Result:  # noqa: ARG002  # whichever instance, it is not here
        """Any instance of it."""
        return self

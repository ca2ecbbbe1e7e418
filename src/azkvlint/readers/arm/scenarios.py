"""A template with other values than the defaults of its parameters: what may exist there, and what never does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import STEPS_OF_A_SCENARIO
from azkvlint.graph import existence
from azkvlint.graph.existence import ACCOUNTED, assumption, skipped_declaration
from azkvlint.model.resource import Assumption
from azkvlint.model.value import MapValue
from azkvlint.readers.arm.deployment_resources import Level
from azkvlint.readers.arm.run import Pointer, Run, key_of, member
from azkvlint.readers.arm.template import Template

if TYPE_CHECKING:
    from azkvlint.readers.arm.evaluated_resource import Instance

_OPTION = "--parameters FILE"
_MOST_NAMED = 3


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """The declaration of a resource: its JSON at ``pointer`` in a level, and the resource that it is declared in."""

    level: Level
    symbol: str
    plain: Mapping[str, Any]
    pointer: Pointer
    above: Instance | None

    def instances(self) -> list[Instance]:
        """Return what it declares."""
        return self.level.instances(self.symbol, self.plain, self.pointer, self.above)

    def existing(self) -> list[Instance]:
        """Return what it declares as far as it may exist."""
        return [one for one in self.instances() if one.conditions() is not None]


class Scenario(existence.Scenario):
    """A template in which nothing is known of some parameters."""

    def __init__(self, base: Level, run: Run, opened: frozenset[str] | None) -> None:
        super().__init__(opened)
        template = base.template
        made = Template(run, template.path, template.plain, template.pointer, template.given, template.scope)
        made.scenario = self
        self.root = made.level = Level(made, base.plain, base.pointer, base.scope)

    @property
    def why(self) -> Assumption:
        """The assumption that this scenario makes."""
        names = sorted(self.opened or ())
        spelled = [self.root.template.declaration(name) for name in names]
        return assumption([name for name, _ in spelled], _OPTION, self.root.template.where(spelled[0][1]))

    def level(self, level: Level) -> Level | None:
        """Return the same level in this scenario; None if it is not deployed."""
        if level.deployed_by is None:
            return self.root
        same = self.instance(level.deployed_by)
        return same.nested.level if same is not None and same.nested is not None else None

    def instance(self, instance: Instance) -> Instance | None:
        """Return the same resource in this scenario; None if there is none."""
        same = self.declared(
            Declared(
                level=instance.level, symbol=instance.symbol, plain=instance.plain, pointer=instance.pointer,
                above=instance.above,
            )
        )  # fmt: skip
        for found in same.instances() if same is not None else ():
            if found.suffix in (instance.suffix, "[*]"):
                return found
        return None

    def declared(self, declared: Declared) -> Declared | None:
        """Return the same declaration in this scenario; None if what it is in does not exist there."""
        level = self.level(declared.level)
        above = self.instance(declared.above) if declared.above is not None else None
        if level is None or (above is None and declared.above is not None):
            return None
        return msgspec.structs.replace(declared, level=level, above=above)


class Scenarios(existence.Scenarios[Scenario, Declared]):
    """The scenarios of one template. Their work counts apart from that of the template itself."""

    def __init__(self, base: Level, is_given: bool) -> None:
        super().__init__()
        self.is_given = is_given
        self.base = base
        self._apart: Run | None = None
        base.run.opened.append(self.close)
        self.is_possible = bool(base.template.parameters)

    def made(self, opened: frozenset[str] | None) -> Scenario:
        """Return a new scenario."""
        if self._apart is None:
            self._apart = self.base.run.apart()
        self._apart.budget.spend(STEPS_OF_A_SCENARIO)
        return Scenario(self.base, self._apart, opened)

    def attributes_in(self, scenario: Scenario, vault: Instance) -> MapValue | None:
        """See the base class."""
        from azkvlint.readers.arm.read import resource_of

        same = scenario.instance(vault)
        asked = self.base.run.wanted.of(vault.head.type.lower())
        return resource_of(same, asked, frozenset()).attributes if same is not None and asked is not None else None

    def exists(self, scenario: Scenario, declaration: Declared) -> bool:
        """Return whether a declaration may deploy anything in a scenario."""
        same = scenario.declared(declaration)
        return same is not None and bool(same.existing())

    def existing(self, declared: Declared) -> tuple[Scenario, Declared] | None:
        """Return a declaration that deploys nothing as it is where it does, and where; None if it never does.

        Raises InputError if that takes more work than any input needs.
        """
        if not self.is_possible:
            return None
        scenario = self.enabling(declared, repr(declared.pointer), declared.level.template.scenario)
        same = scenario.declared(declared) if scenario is not None else None
        return (scenario, same) if scenario is not None and same is not None else None

    def reason(self, declared: Declared) -> str:
        """Return why a declaration never deploys anything."""
        said = "its condition is false" if declared.instances() else "its loop has no items"
        given = self.given(declared) if self.is_possible and self.is_given else ()
        if not given:
            return said
        names = [self.base.template.declaration(name)[0] for name in given[:_MOST_NAMED]]
        return f"{said} with the given value of {', '.join(f'`{name}`' for name in names)}"


def skip(declared: Declared, reason: str) -> None:
    """Account for a resource that is not evaluated, and for what a deployment would deploy."""
    _skip(declared.level, declared.plain, declared.pointer, reason, "")


def _skip(level: Level, plain: Mapping[str, Any], pointer: Pointer, reason: str, above: str) -> None:
    template, type_key, name = level.template, key_of(plain, "type"), member(plain, "name")
    written = str(plain[type_key]).strip("/") if type_key is not None else ""
    type_ = f"{above}/{written}" if above and "/" not in written else written
    if type_.lower() in ACCOUNTED and member(plain, "existing") is not True:
        at = template.where((*pointer, str(type_key)))
        known = canonical(type_) or type_
        level.run.skip(skipped_declaration(str(name) if isinstance(name, str) else known, known, known, at, reason))
    for holder, where in ((plain, pointer), *_inline(plain, pointer)):
        key = key_of(holder, "resources")
        section = holder[key] if key is not None else None
        pairs: Iterable[tuple[str | int, Any]] = ()
        if isinstance(section, dict | list):
            pairs = section.items() if isinstance(section, dict) else enumerate(section)
        for step, inner in pairs:
            if isinstance(inner, dict):
                _skip(level, inner, (*where, str(key), step), reason, type_ if holder is plain else "")


def _inline(plain: Mapping[str, Any], pointer: Pointer) -> list[tuple[Mapping[str, Any], Pointer]]:
    """The template of a deployment that stands in it."""
    key = key_of(plain, "properties")
    properties = plain[key] if key is not None else None
    inner = key_of(properties, "template") if isinstance(properties, dict) else None
    found = properties[inner] if isinstance(properties, dict) and inner is not None else None
    return [(found, (*pointer, str(key), str(inner)))] if isinstance(found, dict) else []

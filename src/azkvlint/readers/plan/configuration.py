"""The ``configuration`` of a plan: modules, resources, providers and instances by static address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import Field
from azkvlint.model.value import Path
from azkvlint.readers.plan.address import (
    Key,
    ModulePath,
    Names,
    instance_address,
    module_path,
    resource_of,
    split,
    steps,
)

Node: TypeAlias = Mapping[str, Any]

_NONE: Node = {}


class PlanConfiguration:
    """The ``configuration`` by static place: module names without instance keys, and module-local resource addresses.

    A document with an unexpected structure yields no entries instead of an error: references that cannot be followed
    are unknown.
    """

    def __init__(self, document: Node | None) -> None:
        self.given = document is not None
        self._document = document or _NONE
        self._modules: dict[Names, Node] = {(): _node(self._document.get("root_module"))}
        self._resources: dict[Names, dict[str, Node]] = {}

    def module(self, names: Names) -> Node:
        """Return the module called along ``names``, or nothing."""
        found = self._modules.get(names)
        if found is None:
            found = self._modules[names] = _node(self.call(names).get("module"))
        return found

    def call(self, names: Names) -> Node:
        """Return the ``module`` block that calls the module at ``names``: expressions, count or for_each."""
        return _node(_node(self.module(names[:-1]).get("module_calls")).get(names[-1]))

    def resource(self, names: Names, address: str) -> Node:
        """Return the block of a resource by its module-local address, or nothing."""
        index = self._resources.get(names)
        if index is None:
            blocks = self.module(names).get("resources")
            index = self._resources[names] = {
                str(block.get("address")): block
                for block in (blocks if isinstance(blocks, list) else ())
                if isinstance(block, dict)
            }
        return index.get(address, _NONE)

    def blocks(self, names: Names = ()) -> Iterator[tuple[Names, Node]]:
        """Yield all resource blocks of a module and of those that it calls, each with the names along its path."""
        module = self.module(names)
        found = module.get("resources")
        for block in found if isinstance(found, list) else ():
            yield names, _node(block)
        for name in _node(module.get("module_calls")):
            yield from self.blocks((*names, name))

    def writes(self, names: Names, address: str, argument: str) -> bool | None:
        """Return whether the author wrote ``argument``: None if the block is not known. Dynamic blocks do not show
        here.
        """
        block = self.resource(names, address)
        return argument in _node(block.get("expressions")) if block else None

    def constants(self) -> Iterator[tuple[str, Any]]:
        """Yield what is written for the variables of all modules, by their names."""
        waiting = [self.module(())]
        while waiting:
            module = waiting.pop()
            for name, variable in _node(module.get("variables")).items():
                yield name, _node(variable).get("default")
            for call in _node(module.get("module_calls")).values():
                for name, expression in _node(_node(call).get("expressions")).items():
                    yield name, _node(expression).get("constant_value")
                waiting.append(_node(_node(call).get("module")))

    def providers(self) -> Mapping[str, Node]:
        """Return the provider blocks by key: ``azurerm``, ``azurerm.alias``, ``module.x:azurerm``."""
        return {key: _node(block) for key, block in _node(self._document.get("provider_config")).items()}

    def provider_key(self, names: Names, address: str) -> str:
        """Return the key of the provider block that manages a resource: its own, or the one its module inherits."""
        key = str(self.resource(names, address).get("provider_config_key", ""))
        providers = _node(self._document.get("provider_config"))
        prefix, _, local = key.rpartition(":")
        while prefix and f"{prefix}:{local}" not in providers:
            prefix = prefix.rpartition(".module.")[0]
        return f"{prefix}:{local}" if prefix else local


def references(expression: Any) -> list[str]:
    """Return all references of an expression, of all blocks and fields below it too, in order."""
    if isinstance(expression, list):
        return [text for item in expression for text in references(item)]
    if not isinstance(expression, dict):
        return []
    found = expression.get("references")
    if isinstance(found, list):
        return [text for text in found if isinstance(text, str)]
    return [text for item in expression.values() for text in references(item)]


def expression_at(expressions: Any, path: tuple[str | int, ...]) -> Any:
    """Return the expression at ``path`` (names and indexes of blocks); the nearest one above where the path
    ends early.
    """
    here = expressions
    for step in path:
        if isinstance(here, dict) and ("references" in here or "constant_value" in here):
            return here
        if isinstance(step, int):
            below = here[step] if isinstance(here, list) and step < len(here) else None
        else:
            below = here.get(step) if isinstance(here, dict) else None
        if below is None:
            return None
        here = below
    return here


def _node(value: Any) -> Node:
    return value if isinstance(value, dict) else _NONE


def argument_of(configuration: PlanConfiguration, address: str, type_: str, attribute: Path, depth: int) -> str:
    """Return the argument of the ``depth``-th module call above a resource that sets ``attribute``.

    ``type_`` is the Terraform type. Empty if no argument sets it, if several do, or if the argument is unknown: a plan
    does not contain the expressions of local values.
    """
    names, _ = split(module_path(address))
    block = configuration.resource(names, resource_of(address))
    mapped = RESOURCES.get(type_)
    written = block.get("expressions")
    paths = _arguments(mapped.fields, attribute) if mapped is not None else ()
    here = next((found for path in paths if (found := expression_at(written, path)) is not None), None)
    while len(names) >= depth:
        name = _variable(here, block)
        if not name or len(names) == depth:
            return name
        block = configuration.call(names)
        given = block.get("expressions")
        here = given.get(name) if isinstance(given, dict) else None
        names = names[:-1]
    return ""


def _arguments(fields: Mapping[str, Field], attribute: Path) -> Iterator[Path]:
    """Yield the arguments that go to an attribute, the innermost first."""
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        if attribute[: len(arm)] != arm or not (arm or field.fields):
            continue
        rest = attribute[len(arm) :]
        index = rest[0] if field.kind == "blocks" and rest else 0
        inner = rest[1:] if field.kind == "blocks" else rest
        for path in _arguments(field.fields, inner) if isinstance(index, int) else ():
            yield (name, index, *path)
        if arm:
            yield (name,)


def _variable(expression: Any, block: Mapping[str, Any]) -> str:
    """Return the only variable in an expression; empty if it has none, or other references."""
    texts = references(expression)
    if any(text.startswith("each.") for text in texts):
        texts += references(block.get("for_each_expression"))
    names = {str(found[1]) for found in map(steps, texts) if found[0] == "var" and len(found) > 1}
    return names.pop() if len(names) == 1 else ""


_Keys = tuple[Key, ...]
# The separators between the parts of a combined key: ``kv-a/password``.
_BETWEEN = "/.:|~@ "
_BETWEEN_WORDS = _BETWEEN + "-_"


class Users(msgspec.Struct, frozen=True):
    """Who chooses: the instances of a resource, or (without ``resource``) of a module, below some module keys."""

    names: Names
    resource: str
    above: _Keys


class InstanceSelector(msgspec.Struct, frozen=True):
    """The known parts of the key that selects an instance.

    ``how`` is the source of the key: ``literal``: it is written out; ``own``: only the key of the referring instance;
    ``item``: the referring instance iterates over the resource that it refers to (for_each); ``same``: an item of the
    set, or a value of the map, that creates the instances; ``value``: any other value of the referring instance.
    ``users`` are all instances that choose in this way.
    """

    key: Key
    how: str
    users: Users | None = None


class _Options(msgspec.Struct, frozen=True):
    """All possible instances, and those that one key identifies: their own key, or that of their module."""

    all: tuple[str, ...]
    by_key: tuple[Mapping[Key, str], ...]


class Instances:
    """The resource instances of a plan, so that a reference finds them without a search."""

    def __init__(self) -> None:
        self._places: dict[tuple[Names, str], dict[tuple[_Keys, Key], str]] = {}
        self._options: dict[tuple[Names, str, _Keys, Key], _Options] = {}
        self._modules: Mapping[tuple[Names, _Keys], set[Key]] | None = None
        self._fits: dict[tuple[Users, str, int], bool] = {}

    def add(self, address: str, path: ModulePath, names: Names, resource: str, key: Key) -> None:
        """Add the instance ``address`` of ``resource`` (module-local) in the module instance ``path``."""
        places = self._places.get((names, resource))
        if places is None:
            places = self._places[(names, resource)] = {}
        places[(split(path)[1], key)] = address

    def has(self, names: Names, resource: str) -> bool:
        """Return whether there is any instance of ``resource``."""
        return (names, resource) in self._places

    def exact(self, names: Names, path: ModulePath, resource: str) -> str | None:
        """Return the only instance of ``resource`` in the module instance ``path``, if it has no key of its own."""
        places = self._places.get((names, resource))
        return places.get((split(path)[1], None)) if places is not None else None

    def find(
        self, path: ModulePath, resource: str, key: Key, choice: InstanceSelector | None
    ) -> tuple[tuple[str, ...], bool]:
        """Return the instances that ``resource`` may be, and whether ``choice`` was used.

        A module key or ``key`` of None is not in the reference; ``choice`` may then identify the instance.
        """
        names, keys = split(path)
        places = self._places.get((names, resource))
        if places is None:
            return (instance_address(path, resource, key),), False
        exact = places.get((keys, key))
        if exact is not None:
            return (exact,), False
        question = (names, resource, keys, key)
        options = self._options.get(question)
        if options is None:
            options = self._options[question] = _options(places, keys, key)
        if choice is None or len(options.all) <= 1:
            return options.all, False
        for by_key in options.by_key:
            found = self._chosen(choice, by_key)
            if found is not None:
                return (found,), True
        return options.all, True

    def _chosen(self, choice: InstanceSelector, by_key: Mapping[Key, str]) -> str | None:
        """Return the instance that a choice certainly identifies.

        A key that is not in the reference counts only if all instances that choose in the same way find one: a single
        match may be a coincidence.
        """
        if choice.how == "literal" or (choice.how == "own" and isinstance(choice.key, str) and choice.key in by_key):
            return by_key.get(choice.key)
        if choice.users is None:
            return None
        question = (choice.users, choice.how, id(by_key))  # kept alive by self._options
        fits = self._fits.get(question)
        if fits is None:
            users = frozenset(self._keys(choice.users))
            fits = self._fits[question] = _fit(users, choice.how, by_key)
        return by_key[_match(choice.key, choice.how, by_key)[0]] if fits else None

    def _keys(self, users: Users) -> Iterator[Key]:
        if users.resource:
            places = self._places.get((users.names, users.resource), {})
            yield from (own for have, own in places if have == users.above)
            return
        if self._modules is None:
            self._modules = _modules(self._places)
        yield from self._modules.get((users.names, users.above), ())


def _modules(
    every: Mapping[tuple[Names, str], Mapping[tuple[_Keys, Key], str]],
) -> Mapping[tuple[Names, _Keys], set[Key]]:
    """Return the keys of each module's instances, by its names and the keys above it."""
    found: dict[tuple[Names, _Keys], set[Key]] = {}
    for (names, _), places in every.items():
        for keys in {have for have, _ in places}:
            for depth in range(1, len(names) + 1):
                found.setdefault((names[:depth], keys[: depth - 1]), set()).add(keys[depth - 1])
    return found


def _options(places: Mapping[tuple[_Keys, Key], str], keys: _Keys, key: Key) -> _Options:
    found = [
        (have, own, address)
        for (have, own), address in places.items()
        if key in (None, own) and all(given in (None, actual) for given, actual in zip(keys, have, strict=True))
    ]
    by_key = []
    if key is None:
        by_key.append(_apart((own, address) for _, own, address in found))
    if keys and keys[-1] is None:
        by_key.append(_apart((have[-1], address) for have, _, address in found))
    return _Options(tuple(address for _, _, address in found), tuple(by_key))


def _apart(pairs: Iterable[tuple[Key, str]]) -> Mapping[Key, str]:
    """Return addresses by key; empty if the key does not identify each of them."""
    found: dict[Key, str] = {}
    for key, address in pairs:
        if key is None or key in found:
            return {}
        found[key] = address
    return found


def _fit(users: frozenset[Key], how: str, by_key: Mapping[Key, str]) -> bool:
    """Return whether the key of every user identifies one instance."""
    if how == "same" or any(not isinstance(key, str) for key in users):
        # A count's index is a number like any other (``count.index % 2``): it must be the same count.
        return how != "value" and users == frozenset(by_key)
    return all(len(_match(key, how, by_key)) == 1 for key in users)


def _match(key: Key, how: str, by_key: Mapping[Key, str]) -> list[Key]:
    """Return the instance keys that ``key`` equals or starts with: ``kv-a/password`` belongs to ``kv-a``.

    An equal key proves nothing if a value chooses, because the author would have written ``each.key``. In that case
    ``-`` and ``_`` do not separate a key from the rest of the string either.
    """
    if how != "value" and key in by_key:
        return [key]
    if not isinstance(key, str):
        return []
    between = _BETWEEN if how == "value" else _BETWEEN_WORDS
    return [key[:at] for at in range(1, len(key)) if key[at] in between and key[:at] in by_key]

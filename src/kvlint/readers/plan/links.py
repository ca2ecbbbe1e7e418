"""References that are unknown before apply, followed through ``configuration`` to the resources they name.

A plan leaves out ids that do not exist yet, and keeps only which references an expression makes: no operators, no
literals, no locals. So an answer is one of three: certainly this resource; one of these; or perhaps anything.
Source of the reference forms: Terraform's internal/command/jsonconfig/expression.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from kvlint.readers.plan.address import Key, ModulePath, Quoted, instance_address, key_of, steps
from kvlint.readers.plan.configuration import Configuration, Names, Node, expression_at, references

MAX_HOPS = 40
# How the name of an attribute or output ends that holds an id: among the parts of an object these are asked for.
_ID_ENDS = ("id", "ids")
# What a reference can begin with that no resource can be found behind.
_OPAQUE = ("local", "path", "terraform", "count", "self", "")
_PREFIX_ENDS = "/.:|_-~@ "


class Trace(NamedTuple):
    """Where a reference leads: addresses, and their Terraform types.

    ``anything``: it may also lead elsewhere. ``hops`` are the references followed.
    """

    addresses: tuple[str, ...]
    types: tuple[str, ...]
    anything: bool
    hops: tuple[str, ...]

    @property
    def certain(self) -> bool:
        """Whether there is exactly one resource that it can name."""
        return len(self.addresses) == 1 and not self.anything


class Instances:
    """The resource instances of a plan by static place, so that a reference finds them without a search."""

    def __init__(self) -> None:
        self._places: dict[tuple[Names, str], dict[tuple[tuple[Key, ...], Key], str]] = {}
        self._many: dict[tuple[Names, str, tuple[Key, ...], Key], tuple[str, ...]] = {}

    def add(self, address: str, path: ModulePath, names: Names, resource: str, key: Key) -> None:
        """Note the instance ``address`` of ``resource`` (module-local) in the module instance ``path``."""
        places = self._places.get((names, resource))
        if places is None:
            places = self._places[(names, resource)] = {}
        places[(split(path)[1], key)] = address

    def exact(self, names: Names, path: ModulePath, resource: str) -> str | None:
        """The only instance of ``resource`` in the module instance ``path``, if it has no key of its own."""
        places = self._places.get((names, resource))
        return places.get((split(path)[1], None)) if places is not None else None

    def find(self, path: ModulePath, resource: str, key: Key, hint: Key) -> tuple[str, ...]:
        """The instances that ``resource`` may be.

        A module key or ``key`` of None is one that the reference does not say. ``hint``, the key of the instance that
        refers, then decides: by being the same, or by beginning with it (``kv-a/password`` belongs to ``kv-a``).
        """
        names, keys = split(path)
        places = self._places.get((names, resource))
        if places is None:
            return (instance_address(path, resource, key),)
        exact = places.get((keys, key))
        if exact is not None:
            return (exact,)
        for guess in _beginnings(hint):
            found = places.get((keys, guess)) or places.get(((*keys[:-1], guess), key))
            if found is not None:
                return (found,)
        question = (names, resource, keys, key)
        many = self._many.get(question)
        if many is None:
            many = self._many[question] = tuple(
                address
                for (have, own), address in places.items()
                if key in (None, own) and all(want in (None, got) for want, got in zip(keys, have, strict=True))
            )
        return many


@cache
def split(path: ModulePath) -> tuple[Names, tuple[Key, ...]]:
    """The names and the keys along a module path."""
    return tuple(name for name, _ in path), tuple(key for _, key in path)


def _beginnings(hint: Key) -> Iterable[Key]:
    if hint is None:
        return
    yield hint
    if isinstance(hint, str):
        for at in range(len(hint) - 1, 0, -1):
            if hint[at] in _PREFIX_ENDS:
                yield hint[:at]


class _Written(NamedTuple):
    """The expression of one argument. ``keyed``: it uses the instance's own key. ``neighbour``: it is nothing but the
    id of this resource in the same module, the most frequent form of all.
    """

    block: Node
    refs: list[str]
    keyed: bool
    neighbour: str
    hops: tuple[str, ...]


def _written(block: Node, refs: list[str]) -> _Written:
    longest = _longest(refs)
    keyed = any(text.startswith(("each.", "count.")) for text in refs)
    parts = steps(longest[0]) if len(longest) == 1 else ()
    plain = len(parts) == 3 and _head(longest[0]) not in ("data", "module") and _is_azure(parts)
    neighbour = f"{parts[0]}.{parts[1]}" if plain and key_of(parts[2]) is None else ""
    return _Written(block, refs, keyed, neighbour, tuple(longest))


class Tracer:
    """Follows references of one plan. Answers that do not depend on the instance's own key are kept."""

    def __init__(self, configuration: Configuration, instances: Instances) -> None:
        self.configuration = configuration
        self.instances = instances
        self._kept: dict[tuple[ModulePath, str, tuple[str | int, ...]], Trace] = {}
        self._blocks: dict[tuple[Names, str, tuple[str | int, ...]], _Written | None] = {}

    def trace(
        self, path: ModulePath, names: Names, resource: str, key: Key, argument: tuple[str | int, ...]
    ) -> Trace | None:
        """Where ``argument`` of a resource leads; None if its block or the argument is not in the configuration."""
        written = self._written(names, resource, argument)
        if written is None:
            return None
        if written.neighbour:
            address = self.instances.exact(names, path, written.neighbour)
            if address is not None:
                return Trace((address,), (written.neighbour.partition(".")[0],), False, written.hops)
        question = (path, resource, argument)
        trace = self._kept.get(question)
        if trace is None:
            walk = _Walk(self)
            walk.follow(written.refs, _At(path, key, written.block, (), 0))
            trace = Trace(tuple(walk.addresses), tuple(walk.addresses.values()), walk.anything, tuple(walk.hops))
            if key is None or not written.keyed:
                self._kept[question] = trace
        return trace

    def _written(self, names: Names, resource: str, argument: tuple[str | int, ...]) -> _Written | None:
        """What the author wrote for an argument, looked up once for all instances of the block."""
        question = (names, resource, argument)
        if question not in self._blocks:
            block = self.configuration.resource(names, resource)
            expression = expression_at(block.get("expressions"), argument)
            self._blocks[question] = None if expression is None else _written(block, references(expression))
        return self._blocks[question]


class _At(NamedTuple):
    """Where an expression stands: its module instance, the key of the instance that refers, its block (for
    ``each.value``; none in an output), what is taken from its value (``.id``, ``["k"]``), and how deep the walk is.
    """

    path: ModulePath
    key: Key
    block: Node | None
    rest: tuple[str | int, ...]
    depth: int

    def hint(self, by_key: bool) -> Key:
        """The key that probably chooses among instances."""
        for step in self.rest:
            key = key_of(step)
            if key is not None:
                return key
        return self.key if by_key else None


class _Walk:
    """One walk along references, and what it has found."""

    def __init__(self, tracer: Tracer) -> None:
        self.configuration = tracer.configuration
        self.instances = tracer.instances
        self.addresses: dict[str, str] = {}
        self.hops: dict[str, None] = {}
        self.anything = False

    def follow(self, refs: list[str], at: _At) -> None:
        """Follow all references of one expression."""
        longest = _longest(refs)
        if not longest or at.depth > MAX_HOPS:
            self.anything = True
            return
        if _is_whole(longest[0]) and not any(_is_whole(text) for text in longest[1:]):
            # X[each.key].id: what stands after a whole reference only chooses the instance.
            by_key = at.block is None or any(text.startswith(("each.", "count.")) for text in longest)
            self.one(longest[0], at, at.hint(by_key))
            return
        chosen = [text for text in longest if at.rest and text.endswith(_ID_ENDS)] or longest
        for text in chosen:
            self.one(text, at, at.hint(True))
        if len(chosen) > 1 and (len(self.addresses) != 1 or any(_head(text) in ("var", "each") for text in chosen)):
            self.anything = True

    def one(self, text: str, at: _At, hint: Key) -> None:
        """Follow one reference."""
        parts = steps(text)
        self.hops[text] = None
        match _head(text):
            case "var":
                self.variable(parts, at)
            case "module":
                self.output(parts, at, hint)
            case "each":
                self.each(parts, at)
            case head if head in _OPAQUE or not _is_azure(parts):
                self.anything = True
            case head:
                length = _length(head)
                key = key_of(parts[length]) if len(parts) > length else None
                resource = ".".join(str(step) for step in parts[:length])
                for address in self.instances.find(at.path, resource, key, None if key is not None else hint):
                    self.addresses[address] = str(parts[length - 2])

    def variable(self, parts: tuple[str | int, ...], at: _At) -> None:
        """``var.V`` is what the caller passes; of the root module it would be known."""
        names, _ = split(at.path)
        call = self.configuration.call(names) if names else {}
        passed = call.get("expressions")
        refs = references(passed.get(parts[1])) if isinstance(passed, dict) and len(parts) > 1 else []
        if not refs:
            self.anything = True
            return
        self.follow(refs, _At(at.path[:-1], at.path[-1][1], call, parts[2:] + at.rest, at.depth + 1))

    def output(self, parts: tuple[str | int, ...], at: _At, hint: Key) -> None:
        """``module.M[k].out`` is that output's expression inside M; without an output, any output that is an id."""
        key = key_of(parts[2]) if len(parts) > 2 else None
        out = parts[2:] if key is None else parts[3:]
        name = str(parts[1]) if len(parts) > 1 else ""
        outputs = self.configuration.module((*split(at.path)[0], name)).get("outputs")
        outputs = outputs if isinstance(outputs, dict) else {}
        chosen = [outputs.get(out[0])] if out else list(outputs.values())
        lists = [refs for item in chosen if isinstance(item, dict) and (refs := references(item.get("expression")))]
        if not out:
            lists = [refs for refs in lists if any(text.endswith(_ID_ENDS) for text in refs)] or lists
        if not lists:
            self.anything = True
        rest = (*out[1:], *at.rest) if out else at.rest or ("id",)
        for refs in lists:
            path = (*at.path, (name, key))
            self.follow(refs, _At(path, hint if key is None else None, None, rest, at.depth + 1))

    def each(self, parts: tuple[str | int, ...], at: _At) -> None:
        """``each.value`` is an item of the collection that for_each walks."""
        refs = references((at.block or {}).get("for_each_expression"))
        if parts[1:2] != ("value",) or not refs:
            self.anything = True
            return
        item = () if at.key is None else (Quoted(at.key) if isinstance(at.key, str) else at.key,)
        self.follow(refs, _At(at.path, at.key, None, (*item, *parts[2:], *at.rest), at.depth + 1))


def _head(text: str) -> str:
    parts = steps(text)
    return str(parts[0]) if parts else ""


def _length(head: str) -> int:
    """How many steps name a resource: ``type.name``, or ``data.type.name``."""
    return 3 if head == "data" else 2


def _is_azure(parts: tuple[str | int, ...]) -> bool:
    """Whether a reference is the id of an Azure resource, or all of one: ``time_static.x.id`` names nothing."""
    head = str(parts[0])
    length = _length(head)
    if len(parts) < length or not str(parts[length - 2]).startswith(("azurerm_", "azapi_")):
        return False
    rest = [step for step in parts[length:] if key_of(step) is None]
    return not rest or (len(rest) == 1 and str(rest[0]).endswith("id"))


def _longest(refs: list[str]) -> list[str]:
    """The references without the prefixes that Terraform lists after each."""
    out: list[str] = []
    for text in refs:
        if not any(have == text or have.startswith((text + ".", text + "[")) for have in out):
            out.append(text)
    return out


def _is_whole(text: str) -> bool:
    """Whether a reference names a whole resource or module, with neither key nor attribute."""
    head = _head(text)
    return head not in ("var", "each", *_OPAQUE) and len(steps(text)) == _length(head)

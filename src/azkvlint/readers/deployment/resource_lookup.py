"""The resources of one template, as the functions of the template refer to them: by symbolic name, name or ID."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.evaluation.reads import Inputs
from azkvlint.evaluation.values import Result, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import DEPLOYMENT, Text, declared_hole, hole, join_texts, known_start, text_form
from azkvlint.model.value import Unknown
from azkvlint.readers.deployment.documents import member
from azkvlint.readers.deployment.resource import full_id, readable
from azkvlint.readers.deployment.resource_symbols import DeploymentResourceSymbol
from azkvlint.readers.deployment.scope import resource_id
from azkvlint.readers.deployment.template_file import TemplateFile
from azkvlint.readers.deployment.template_resources import DeployingInstance, Runtime, TemplateResource, target_scope


class ResourceLookup:
    """Finds the resources of a template. All of them are made on first use."""

    def __init__(self, instance: DeployingInstance, file: TemplateFile) -> None:
        self._instance = instance
        self._file = file
        self._symbols_read: Inputs | None = None
        self._ids_read: Inputs | None = None
        self._ids: dict[str, TemplateResource] | None = None
        self._names: dict[str, list[TemplateResource]] = {}
        self._symbols: dict[str, list[TemplateResource]] = {}
        self._loops: dict[str, list[TemplateResource]] = {}

    def clear(self) -> None:
        """Release all objects."""
        for held in (self._ids, self._names, self._symbols, self._loops):
            if held is not None:
                held.clear()

    def _index(self) -> dict[str, TemplateResource]:
        if self._ids is None:
            self._ids = {}
            recorder = self._instance.run.recorder
            listed, self._symbols_read = recorder.apart(lambda: list(self._all_resources()))
            _, self._ids_read = recorder.apart(lambda: self._fill(listed))
        return self._ids

    def _all_resources(self) -> Iterator[TemplateResource]:
        """Yield all resources, including those declared within others."""
        symbols: list[DeploymentResourceSymbol] = [self._instance.resource(node) for node in self._file.resources()]
        while symbols:
            inner: list[DeploymentResourceSymbol] = []
            for entity in symbols.pop(0).entities:
                if isinstance(entity, TemplateResource):
                    yield entity
                    inner += entity.inner.values()
            symbols[:0] = inner

    def _fill(self, listed: list[TemplateResource]) -> None:
        ids = self._index()
        for entity in listed:
            head = entity.identity
            if head.id:
                ids.setdefault(text_form(head.id).lower(), entity)
            if entity.is_deployment:
                # A nested deployment has an ID in the scope that it goes to, which may be another resource group.
                own = resource_id(target_scope(entity).id, head.type, head.names)
                ids.setdefault(text_form(own).lower(), entity)
            self._names.setdefault(text_form(join_texts(head.names, "/")).lower(), []).append(entity)
            if entity.name:
                self._symbols.setdefault(entity.name.lower(), []).append(entity)
            loop = member(entity.plain("copy"), "name")
            if isinstance(loop, str):
                self._loops.setdefault(loop.lower(), []).append(entity)

    def _record_search(self, by_symbol: bool) -> None:
        """Record that a resource is searched: by its symbol, or by its name or ID, where all others are compared."""
        recorder = self._instance.run.recorder
        if not recorder.is_recording:
            return
        if self._symbols_read is None or self._ids_read is None:
            recorder.read_all()
            return
        recorder.add_inputs(self._symbols_read)
        if not by_symbol:
            recorder.add_inputs(self._ids_read)

    def _find(self, named: Text) -> TemplateResource | None:
        """Return the resource of a symbol, a name or an ID (a pattern); None if it is not in this template."""
        if not named:
            return None
        ids, lower = self._index(), text_form(named).lower()
        symbol, bracket, index = lower.partition("[")
        self._record_search(by_symbol="/" not in lower and symbol in self._symbols)
        if "/" in lower:
            self._instance.record_scope()
            found = ids.get(text_form(full_id(named, self._instance.scope)).lower())
            if found is not None:
                return found
        same_symbol = self._symbols.get(symbol, ())
        if same_symbol:
            return next((entity for entity in same_symbol if entity.suffix in {f"{bracket}{index}", "[*]"}), None)
        same_name = self._names.get(lower, ())
        return same_name[0] if len(same_name) == 1 else None

    def reference(self, named: Result, whole: bool, at: Location) -> Result:
        """Return the result of ``reference(named)``: all of the resource, or only its properties."""
        pattern = pattern_of(named)
        entity = self._find(pattern)
        if entity is not None:
            return _runtime_of(entity, whole, at)
        if not pattern:
            return Unknown(at=at, why="`reference()` is known after deployment")
        is_id = known_start(pattern).startswith("/")
        self._instance.record_scope()
        id_ = pattern if is_id else hole(f"{self._instance.prefix}reference({readable(pattern)})")
        return Runtime(at, id_, None, whole)

    def references(self, symbol: Text, whole: bool, at: Location) -> list[Result] | None:
        """Return the resources that a loop declares; None if their number is not known."""
        self._index()
        self._record_search(by_symbol=True)
        entities = self._symbols.get(text_form(symbol).lower())
        if entities is None or any(entity.suffix == "[*]" for entity in entities):
            return None
        return [_runtime_of(entity, whole, at) for entity in entities]

    def resource_info(self, named: Text, at: Location) -> Result | None:
        """Return what is known of a resource before deployment; None if it is not in this template."""
        entity = self._find(named)
        return None if entity is None else _runtime_of(entity, True, at)

    def all_named(self, named: Text) -> list[TemplateResource]:
        """Return the resource of a symbol, a name or an ID, or those of a loop; none if they are not known."""
        entity = self._find(named)
        lower = text_form(named).lower()
        return [entity] if entity is not None else self._symbols.get(lower) or self._loops.get(lower) or []


def _runtime_of(entity: TemplateResource, whole: bool, at: Location) -> Runtime:
    return Runtime(at, entity.identity.id or declared_hole(DEPLOYMENT, entity.address), entity, whole)

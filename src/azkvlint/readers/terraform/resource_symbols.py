"""Resources as expressions refer to them: their arguments, their IDs, and attributes known after apply."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from azkvlint.azure.azurerm.azapi import AZAPI
from azkvlint.azure.azurerm.resources import ALWAYS_SET, ALWAYS_SET_OF, RESOURCES, is_azure, is_own_id, linked_type
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.reads import Inputs, inputs_of
from azkvlint.evaluation.traces import ATTRIBUTE, DECLARATION, Read
from azkvlint.evaluation.values import Fields, Items, Result, mark_sensitive, pattern_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import (
    TERRAFORM,
    DeclaredHole,
    Text,
    declared_hole,
    join_texts,
    pattern_from,
    split_text,
    text_form,
)
from azkvlint.model.value import NOTHING_KNOWN, Absent, Scalar, Unknown
from azkvlint.readers.deployment.resource import SECRETS
from azkvlint.readers.terraform.blocks import BodyContent, other_arguments
from azkvlint.readers.terraform.computed_values import computed_id, computed_value
from azkvlint.readers.terraform.expansion import (
    DeclarationInstance,
    Expansion,
    InstanceStep,
    SymbolicInstance,
    assumed_expansion,
    expansion,
    with_values_here,
)
from azkvlint.readers.terraform.folder import TerraformDeclaration
from azkvlint.readers.terraform.providers import ONE_OF, provider_key
from azkvlint.values.secrecy import names_secret

if TYPE_CHECKING:
    from azkvlint.readers.terraform.run import ModuleScope

_AFTER = "known after apply"
# The type of the data source that stands for what kvlint does not know of a public module's release.
LEFT_OPEN = "module"
# Ids that are the address of a pool, and so mean the pool.
_ADDRESSES = frozenset({"hsm_uri", "vault_uri"})
_VAULTS = ("Microsoft.KeyVault/vaults", "Microsoft.KeyVault/managedHSMs")
_NETWORKS = "Microsoft.Network/virtualNetworks"
_SUBNETS = f"{_NETWORKS}/subnets"
_SCOPES = ("Microsoft.Resources/subscriptions", "Microsoft.Resources/resourceGroups")
_KNOWN_IDS = frozenset({*_VAULTS, *_SCOPES, _NETWORKS, _SUBNETS})
# What the same code may deploy and, with a data source, look up again by its name.
_LOOKED_UP = frozenset({*_VAULTS, _NETWORKS, _SUBNETS})
# Data sources of the subscription that their provider uses.
_OF_PROVIDER = ("azurerm_client_config", "azurerm_subscription")

# The azapi types whose ID is that of the resource that they create or change.
_OF_ONE_RESOURCE = frozenset({"azapi_resource", "azapi_resource_action", "azapi_update_resource"})

One = TypeVar("One", bound="DeclarationInstance")


class TerraformSymbol(Generic[One]):
    """A declaration in one use of its module, expanded when it is first needed."""

    is_call = False

    def __init__(self, instance: ModuleScope, declaration: TerraformDeclaration, address: str) -> None:
        self.instance = instance
        self.declaration = declaration
        self.address = address
        self.at = instance.locate(declaration)
        self._expansion: Expansion | None = None
        self._read: Inputs | None = None
        self._instances: list[One] = []
        self._result: Result | None = None
        self._busy = False

    def make(self, step: InstanceStep) -> One:
        """Return the instance of a step."""
        raise NotImplementedError

    def close(self) -> None:
        """Release all references: see ``ModuleInstance.close``."""
        for instance in self._instances:
            instance.close()
        self._instances.clear()
        self._expansion = self._result = None

    def expanded(self) -> Expansion | None:
        """Return its instances; None while they are being worked out."""
        if self._read:
            self.instance.run.recorder.add_inputs(self._read)
        if self._expansion is None and not self._busy:
            self._busy = True
            try:
                self.instance.report_block_faults(self.declaration)
                found, self._read = self._shared() or self._expand()
                keys = sum(len(step.bracket) for step in found.steps)
                self.instance.run.count_characters(len(self.address) * len(found.steps) + keys)
                self._instances = [self.make(step) for step in found.steps]
                self._expansion = found
            finally:
                self._busy = False
        elif self._expansion is None:
            self.instance.run.recorder.read_all()
        return self._expansion

    def _expand(self) -> tuple[Expansion, Inputs | None]:
        decides = self.instance.decides_on(self)
        if isinstance(decides, TerraformSymbol):
            known = decides.expanded()
            if known is not None:
                here = with_values_here(known, self.instance, self.declaration, self.address)
                return here, decides._read  # noqa: SLF001  # of the same class
        recorder = self.instance.run.recorder
        found, read = recorder.of(expansion, self.instance, self.declaration, self.address)
        return found, inputs_of(read)

    def _shared(self) -> tuple[Expansion, Inputs | None] | None:
        """Return the instances of the base world, if what decides on them is the same here."""
        run, base = self.instance.run, self.instance.base_symbol(self)
        found, read = (None, None) if base is None else (base._expansion, base._read)  # noqa: SLF001  # of the same class
        if found is None or read is None or not read.isdisjoint(run.changed):
            return None
        steps = found.with_steps_of(run.recorder, run.changed)
        if steps is not None:
            run.recorder.add_inputs(read)
        return None if steps is None else (steps, read)

    def assume(self) -> None:
        """Let one instance stand for all, whatever decides on their number."""
        found = assumed_expansion(self.instance, self.declaration, self.address)
        self._instances = [self.make(step) for step in found.steps]
        self._expansion, self._result = found, None

    def is_there(self) -> bool | None:
        """Return whether it has instances; None if that is not known."""
        found = self.expanded()
        if found is None or not found.steps:
            return False
        return None if found.conditions or all(step.conditions for step in found.steps) else True

    @property
    def instances(self) -> list[One]:
        """Return all instances."""
        self.expanded()
        return self._instances

    def result(self) -> Result:
        """Return what the declaration means in an expression: one instance, a list or a map of them, or one for all."""
        trace = self.instance.run.recorder.trace
        if trace is None or not trace.depth:
            return self._resulting()
        start = len(trace.log)
        found = self._resulting()
        if self._expansion is None:
            trace.spoil()
        else:
            trace.read(start, self.instance, Read(DECLARATION, self.key, self._expansion.shape))
        return found

    @property
    def key(self) -> tuple[bool, str]:
        """Return what identifies the declaration in its module."""
        return self.is_call, self.declaration.local

    def traced(self, bracket: str, name: str, at: Location, member: Callable[[str, Location], Result]) -> Result:
        """Return a member of an instance, and record for other worlds that it is read."""
        trace = self.instance.run.recorder.trace
        if trace is None or not trace.depth:
            return member(name, at)
        start = len(trace.log)
        found = member(name, at)
        trace.read(start, self.instance, Read(ATTRIBUTE, (*self.key, bracket, name), found, at=at))
        return found

    def _resulting(self) -> Result:
        if self._result is None:
            found = self.expanded()
            if found is None:
                self.instance.run.report_unreadable(f"`{self.address}` refers to itself", self.at)
                return Unknown(at=self.at, why=f"`{self.address}` refers to itself")
            self._result = self._meant(found)
        elif self._read:
            self.instance.run.recorder.add_inputs(self._read)
        if not self._instances:
            self.instance.run.without_instances.append(self)
        return self._result

    def _meant(self, found: Expansion) -> Result:
        if found.symbolic and self._instances:
            why = f"the number of instances of `{self.address}` is unknown: {found.why}"
            return SymbolicInstance(self._instances[0], found.positions, why, self.at)
        if found.kind == "list":
            return Items(at=self.at, items=list(self._instances))
        if found.kind == "map":
            items = zip(found.steps, self._instances, strict=True)
            return Fields(at=self.at, fields={str(step.key): one for step, one in items})
        if not self._instances:
            return Absent(at=self.at)
        return self._instances[0]


class RemoteOutputs:
    """The outputs of another root module, as its state has them: one that is null is not in a state at all.

    Source: developer.hashicorp.com/terraform/language/state/remote-state-data.
    """

    def __init__(self, address: str, at: Location) -> None:
        self.address = address
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """Return one output."""
        pattern = declared_hole(TERRAFORM, self.address, f"outputs.{name}", "data.terraform_remote_state")
        return Unknown(at=at, why=f"the value is in the state that `{self.address}` reads", pattern=pattern, given=True)

    def item(self, index: Result, at: Location) -> Result:
        """Return an output by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why=f"the value is in the state that `{self.address}` reads")


class TerraformResourceSymbol(TerraformSymbol["TerraformResourceEntity"]):
    """The declaration of a resource or data source."""

    def __init__(self, instance: ModuleScope, declaration: TerraformDeclaration) -> None:
        super().__init__(instance, declaration, instance.prefix + declaration.local)
        self.is_data = declaration.local.startswith(("data.", "ephemeral."))
        self.type = declaration.type
        self._by_bracket: dict[str, TerraformResourceEntity] = {}

    def make(self, step: InstanceStep) -> TerraformResourceEntity:
        """Return the instance of a step."""
        made, base = TerraformResourceEntity(self, step), self.instance.base_symbol(self)
        same = base.instance_at(step.bracket) if base is not None else None
        made.content.base = same.content if same is not None else None
        return made

    def close(self) -> None:
        """Release all references: see ``ModuleInstance.close``."""
        self._by_bracket.clear()
        super().close()

    def instance_at(self, bracket: str) -> TerraformResourceEntity | None:
        """Return the instance with a key, if it was expanded."""
        if not self._by_bracket:
            self._by_bracket.update((one.step.bracket, one) for one in self._instances)
        return self._by_bracket.get(bracket)


class TerraformResourceEntity(DeclarationInstance):
    """One instance of a resource or data source. Its attributes are evaluated when they are first needed."""

    def __init__(self, symbol: TerraformResourceSymbol, step: InstanceStep) -> None:
        self.symbol = symbol
        self.instance = symbol.instance
        self.type = symbol.type
        self.address = symbol.address + step.bracket
        self.at = symbol.at
        self.step = step
        self.local: Local = step.local
        self.content = BodyContent(self.instance, symbol.declaration, self)
        mapped = RESOURCES.get(self.type)
        self.azure_type = mapped.type if mapped is not None else ""
        self._own: Unknown | None = None
        self._id: Text | None = None
        self._own_read: Inputs | None = None
        self._id_read: Inputs | None = None
        self._busy = False

    @property
    def conditions(self) -> frozenset[str]:  # type: ignore[override]  # evaluated lazily
        """Return the conditions under which it exists."""
        found = self.symbol.expanded()
        return self.step.conditions | found.conditions if found is not None else self.step.conditions

    def close(self) -> None:
        """Release all references: see ``ModuleInstance.close``."""
        self.content.close()

    def member(self, name: str, at: Location) -> Result:
        """Return what is written for an attribute; else Unknown, with the same pattern everywhere."""
        return self.symbol.traced(self.step.bracket, name, at, self._member)

    def _member(self, name: str, at: Location) -> Result:
        found = self.content.attribute(name) if name in self.content.pieces else None
        if found is not None and not isinstance(found, Absent):
            found = self._with_computed(found, name, at) if isinstance(found, Items) else found
            return mark_sensitive(found) if self._is_secret(name) else found
        if is_azure(self.type) and (is_own_id(self.type, name) or name in _ADDRESSES):
            return self.own_id(name)
        if name == "outputs" and self.type == "terraform_remote_state":
            return RemoteOutputs(self.address, at)
        blocks = self.content.blocks(name)
        if blocks is not None and not isinstance(blocks, Unknown):
            items: list[Result] = [block.data(at, self._reference(f"{name}[{i}]")) for i, block in enumerate(blocks)]
            return Items(at=blocks[0].at if blocks else self.at, items=items)
        if self.type == LEFT_OPEN:
            why = f"`{name}` depends on the version of a module that is not installed"
            return Unknown(at=at, why=why, pattern=self._reference(name))
        is_of_provider = name == "subscription_id" and self.symbol.is_data and self.type in _OF_PROVIDER
        pattern = self._subscription() if is_of_provider else self._reference(name)
        given = self.type.startswith(ALWAYS_SET_OF) and name in ALWAYS_SET
        known = computed_value(self.type, name, self.content.attribute)
        return Unknown(at=at, why=f"`{self.address}.{name}` is {_AFTER}", pattern=pattern, given=given, known=known)

    def _with_computed(self, found: Items, name: str, at: Location) -> Items:
        """Return an argument that stands for blocks as it is read: its objects have computed attributes too.

        Source: developer.hashicorp.com/terraform/language/attr-as-blocks. In azapi, objects are what is written.
        """
        if self.type in AZAPI or not any(isinstance(item, Fields) for item in found.items):
            return found
        items: list[Result] = [
            Fields(at=item.at, fields=item.fields, rest=other_arguments(at, self._reference(f"{name}[{i}]")))
            if isinstance(item, Fields) and item.rest is None
            else item
            for i, item in enumerate(found.items)
        ]
        return Items(at=found.at, items=items, kind=found.kind)

    def _reference(self, path: str) -> DeclaredHole:
        """Return the pattern of an attribute that is known after apply."""
        declared = f"data.{self.type}" if self.symbol.is_data else self.type
        return declared_hole(TERRAFORM, self.address, path, declared)

    def _is_secret(self, name: str) -> bool:
        """Return whether an attribute is sensitive, by the provider's schema or by its name."""
        mapped = RESOURCES.get(self.type)
        field = mapped.fields.get(name) if mapped is not None else None
        return (field is not None and field.sensitive) or names_secret(name) or self._is_body_of_secret(name)

    def _is_body_of_secret(self, name: str) -> bool:
        """Return whether an attribute is the body of a Key Vault secret that the azapi provider deploys."""
        if name != "body" or self.type not in AZAPI:
            return False
        found = self.azapi_type()
        return found is not None and found[0].lower() == SECRETS.lower()

    def data(self, at: Location) -> Result:
        """Return all that is written, as an object that has more."""
        self.instance.run.recorder.spoil()
        found = self.content.data(at)
        written = {name: mark_sensitive(one) if self._is_secret(name) else one for name, one in found.fields.items()}
        fields = {**written, "id": self.member("id", at)}
        return Fields(at=self.at, fields=fields, rest=Unknown(at=at, why=_AFTER))

    def own_id(self, name: str) -> Unknown:
        """Return the resource's own id: it certainly names the resource, whatever its text will be."""
        if name == "id" and self._own is not None:
            if self._own_read:
                self.instance.run.recorder.add_inputs(self._own_read)
            return self._own
        found, read = self.instance.run.recorder.of(self._own_id, name)
        if name == "id" and found.closed:
            self._own, self._own_read = found, inputs_of(read)
        return found

    def _own_id(self, name: str) -> Unknown:
        self.instance.run.types[self.address] = self.azure_type or self._linked_type()
        pattern = pattern_from(self.id_pattern()) if name == "id" else None
        if self.symbol.is_data and self.azure_type in _LOOKED_UP and pattern is not None:
            return Unknown(at=self.at, why=f"`{self.address}.{name}` is {_AFTER}", pattern=pattern, given=True)
        return Unknown(
            at=self.at, why=f"`{self.address}.{name}` is {_AFTER}", pattern=pattern or self._reference(name),
            candidates=(self.address,), closed=True, given=True,
            known=computed_id(self.type) if name == "id" else NOTHING_KNOWN,
            hops=(f"{self.symbol.declaration.local}.{name}",),
        )  # fmt: skip

    def azapi_type(self) -> tuple[str, str] | None:
        """Return type and API version of an azapi resource; None for an unknown type, "" for an unknown version."""
        found = self.content.attribute("type")
        type_, *versions = split_text(pattern_of(found), "@") if found is not None else [""]
        if not isinstance(type_, str) or "/" not in type_:
            return None
        version = join_texts(versions, "@")
        return type_, version if isinstance(version, str) else ""

    def _linked_type(self) -> str:
        """Return the type of what the ID names, if no table has it."""
        if self.type not in _OF_ONE_RESOURCE:
            return linked_type(self.type)
        named = self.azapi_type()
        return named[0] if named is not None else ""

    def id_pattern(self) -> Text:
        """Return what is known of the id of a type in ``_KNOWN_IDS``; empty for all others."""
        recorder = self.instance.run.recorder
        if self._id is not None:
            if self._id_read:
                recorder.add_inputs(self._id_read)
            return self._id
        if self._busy:
            recorder.read_all()
            return ""
        self._busy = True
        try:
            found, read = recorder.of(self._composed_id)
        finally:
            self._busy = False
        self._id, self._id_read = found, inputs_of(read)
        return found

    def _composed_id(self) -> Text:
        if self.azure_type not in _KNOWN_IDS:
            return ""
        subscription: Text = self._subscription()
        match self.azure_type:
            case "Microsoft.Resources/subscriptions":
                own = subscription if self.symbol.is_data else self._reference("subscription_id")
                return join_texts(["/subscriptions/", self.text("subscription_id") or own])
            case "Microsoft.Resources/resourceGroups":
                return join_texts(["/subscriptions/", subscription, "/resourceGroups/", self._name()])
            case type_ if type_ in _LOOKED_UP:
                group = self.text("resource_group_name") or self._reference("resource_group_name")
                above = ["/subscriptions/", subscription, "/resourceGroups/", group]
                if type_ == _SUBNETS:
                    network = self.text("virtual_network_name") or self._reference("virtual_network_name")
                    return join_texts([*above, f"/providers/{_NETWORKS}/", network, "/subnets/", self._name()])
                return join_texts([*above, f"/providers/{type_}/", self._name()])
        return ""

    def _subscription(self) -> DeclaredHole:
        """Return the subscription of its provider: what it makes lies there, and it reads no other unless named."""
        provider = provider_key(self.instance, self.symbol.declaration)
        return declared_hole(TERRAFORM, self.address if provider.endswith(ONE_OF) else provider, "subscription")

    def _name(self) -> Text:
        return self.text("name") or self._reference("name")

    def text_id(self) -> Unknown:
        """Return the id as what is known of its text."""
        return Unknown(at=self.at, why=_AFTER, pattern=pattern_from(self.id_pattern()), given=True)

    def text(self, name: str) -> Text:
        """Return what is known of a text that its author wrote; a slash in it would make the id another one."""
        found = self.content.attribute(name)
        text = pattern_of(found) if found is not None else ""
        return text if "/" not in text_form(text) else ""

"""Run the examples of rule files, short plans included. Each tests its rule and the reader for its language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.parameters import with_parameters
from azkvlint.engine.required_attributes import required_by
from azkvlint.linter.unit_result import UnitResult, evaluate_unit
from azkvlint.model.finding import Finding
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.rule import EXAMPLE_DAY, Example, Rule
from azkvlint.readers.plan.address import module_path, resource_of, steps
from azkvlint.readers.read_result import ReadResult, plan_result
from azkvlint.readers.reader import Reader
from azkvlint.util.errors import OUT_OF_MEMORY, InputError
from azkvlint.util.lazy_regex import regex

_REFERENCE = regex(r"\$\{(.+)\}")
_ACTIONS = {
    "create": ["create"],
    "update": ["update"],
    "delete": ["delete"],
    "replace": ["delete", "create"],
    "forget": ["forget"],
    "no-op": ["no-op"],
    "import": ["no-op"],
}
PROVIDER = "provider."
Node = dict[str, Any]


def expand(text: str) -> bytes:
    """Return the plan of a compact plan as JSON. Raise InputError if it is invalid."""
    document = _load(text)
    root: Node = {"resources": [], "module_calls": {}}
    providers: Node = {"azurerm": _provider("azurerm", {})}
    changes: list[Node] = []
    outputs: Node = {}
    deferred: list[Node] = []
    for address, arguments in document.items():
        if not isinstance(arguments, dict):
            raise InputError(f"{address}: expected a mapping of arguments")
        section, _, name = address.partition(".")
        if section in _SECTIONS and "." not in name:
            root.setdefault(f"{section}s", {})[name] = _SECTIONS[section](_without_metadata(arguments))
            if "$planned" in arguments:
                outputs[name] = {"actions": ["create"], "after": arguments["$planned"], "after_unknown": False}
        elif address.startswith(PROVIDER):
            providers[address.removeprefix(PROVIDER)] = _provider(address.removeprefix(PROVIDER), arguments)
        elif address.startswith("module.") and not resource_of(address):
            call = _module(root, address)
            call["expressions"] = _expression_of_block(_without_metadata(arguments))
            call |= {name: arguments[f"${name}"] for name in _CALL_METADATA if f"${name}" in arguments}
        else:
            change = _change(address, arguments)
            if "$deferred" in arguments:
                deferred.append({"reason": str(arguments["$deferred"]), "resource_change": change})
            else:
                changes.append(change)
            _module_body(root, address)["resources"].append(_block(address, arguments))
    plan = {
        "format_version": "1.2",
        "resource_changes": changes,
        "output_changes": outputs,
        "configuration": {"provider_config": providers, "root_module": root},
    }
    return msgspec.json.encode(plan | ({"deferred_changes": deferred, "complete": False} if deferred else {}))


# The metadata of a module call: ``$source`` and so on.
_CALL_METADATA = ("source", "version_constraint")


def _without_metadata(arguments: Node) -> Node:
    return {key: value for key, value in arguments.items() if not key.startswith("$")}


def _output(arguments: Node) -> Node:
    flags = {name: flag for name, flag in arguments.items() if name != "value"}
    return {"expression": _expression(arguments.get("value"))} | flags


# The declarations of a module besides resources. A variable has Terraform's own form.
_SECTIONS: Mapping[str, Callable[[Node], Node]] = {"variable": dict, "output": _output}


def _load(text: str) -> Mapping[str, Any]:
    from azkvlint.syntax.yaml_nodes import compose, data

    composed = compose(text)
    for fault in composed.faults:
        raise InputError(f"invalid compact plan: {fault.text}", line=fault.line, column=fault.column)
    document = data(composed.root) if composed.root is not None else None
    if not isinstance(document, dict):
        raise InputError("invalid compact plan: expected a mapping of addresses")
    return document


def _provider(key: str, arguments: Node) -> Node:
    features = arguments.get("features", {})
    if not isinstance(features, dict):
        raise InputError(f"{PROVIDER}{key}: `features` must be a mapping")
    return {
        "name": "azurerm",
        "full_name": "registry.terraform.io/hashicorp/azurerm",
        "version_constraint": str(arguments.get("version", "~> 4.50")),
        "expressions": {"features": [_expression_of_block({k: [v] for k, v in features.items()})]},
    } | ({"alias": key.partition(".")[2]} if "." in key else {})


def _change(address: str, arguments: Node) -> Node:
    action = str(arguments.get("$action", "create"))
    if action not in _ACTIONS:
        raise InputError(f"{address}: `$action` must be one of {', '.join(_ACTIONS)}")
    is_data = address.startswith("data.") or ".data." in address
    path, local = module_path(_module_address(address)), resource_of(address)
    type_, _, name = local.removeprefix("data.").partition(".")
    configured = _without_metadata(arguments)
    after, unknown = _split(configured)
    if action == "create" and not is_data:
        _mark_computed(type_, configured, unknown)
    is_removed = action in ("delete", "forget")
    before = arguments.get("$before", after) if action != "create" and not is_data else None
    known = before if isinstance(before, dict) else {}
    after = {name: known[name] for name in _computed(type_) if name in known and name not in configured} | after
    # Values that are known in the plan although they are written as references.
    after |= arguments.get("$planned", {})
    unknown = {name: mark for name, mark in unknown.items() if name not in arguments.get("$planned", {})}
    change: Node = {
        "actions": ["read"] if is_data else _ACTIONS[action],
        "before": before,
        "after": None if is_removed else after,
        "after_unknown": {} if is_removed else unknown,
        "after_sensitive": {},
    }
    if action == "import":
        change["importing"] = {"id": "imported"}
    if "$replace_paths" in arguments:
        change["replace_paths"] = [[text] for text in arguments["$replace_paths"]]
    last_step = steps(address)[-1]
    head: Node = {"address": address, "mode": "data" if is_data else "managed", "type": type_, "name": name}
    if path:
        head["module_address"] = _module_address(address)
    if str(last_step) != name or isinstance(last_step, int):
        head["index"] = last_step if isinstance(last_step, int) else str(last_step)
    return head | {"change": change}


def _mark_computed(type_: str, configured: Node, unknown: Node) -> None:
    """Mark omitted computed arguments as unknown. All other omitted arguments are null or absent."""
    unknown |= {name: True for name in ["id", *_computed(type_)] if name not in configured}


def _computed(type_: str) -> list[str]:
    """Return the arguments that the provider computes, and preserves for existing resources, if they are omitted."""
    mapped = RESOURCES.get(type_)
    return [name for name, field in mapped.fields.items() if field.computed] if mapped is not None else []


def _split(value: Any) -> tuple[Any, Any]:
    """Split a value as Terraform does: into known values and marks of unknown ones."""
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return None, True
    if isinstance(value, list):
        pairs = [_split(item) for item in value]
        return [known for known, _ in pairs], [mark or False for _, mark in pairs]
    if isinstance(value, dict):
        pairs_by_name = {name: _split(item) for name, item in value.items()}
        known = {name: known for name, (known, mark) in pairs_by_name.items() if mark is not True}
        return known, {name: mark for name, (_, mark) in pairs_by_name.items() if mark}
    return value, False


def _block(address: str, arguments: Node) -> Node:
    local = resource_of(address)
    is_data = local.startswith("data.")
    type_, _, name = local.removeprefix("data.").partition(".")
    configured = _without_metadata(arguments)
    return {
        "address": local,
        "mode": "data" if is_data else "managed",
        "type": type_,
        "name": name,
        "provider_config_key": str(arguments.get("$provider", "azurerm")),
        "expressions": _expression_of_block(configured),
    } | ({"depends_on": arguments["$depends_on"]} if "$depends_on" in arguments else {})


def _expression_of_block(arguments: Node) -> Node:
    return {name: _expression(value) for name, value in arguments.items()}


def _expression(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [_expression_of_block(item) for item in value]
    refs = _references(value)
    return {"references": refs} if refs else {"constant_value": value}


def _references(value: Any) -> list[str]:
    if isinstance(value, str):
        match = _REFERENCE.fullmatch(value)
        return [text for reference in match[1].split("}${") for text in _with_prefixes(reference)] if match else []
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _references(item)]


# More than any real reference has.
_MOST_PREFIXES = 200


def _with_prefixes(reference: str) -> list[str]:
    """Return a reference and the prefixes that Terraform lists after it, down to the resource."""
    prefixes = [reference]
    shortest = 3 if reference.startswith("data.") else 2
    while "." in reference and len(prefixes) < _MOST_PREFIXES and len(steps(reference)) > shortest:
        cut = max(reference.rfind("."), reference.rfind("["))
        reference = reference[:cut]
        prefixes.append(reference)
    return prefixes


def _module_address(address: str) -> str:
    local = resource_of(address)
    at = address.rfind(local)
    return address[:at].rstrip(".") if local else address


def _module(root: Node, address: str) -> Node:
    current, call = root, {}
    for name, _ in module_path(_module_address(address)):
        call = current["module_calls"].setdefault(name, {"module": {"resources": [], "module_calls": {}}})
        current = call["module"]
    return call


def _module_body(root: Node, address: str) -> Node:
    module: Node = _module(root, address).get("module", root)
    return module


# A line in a plan's example with the address of a resource, and one with an argument.
_ARGUMENT = regex(r"^\s+(?P<name>\w+):.*#\s*<-\s*(?P<rules>.+)$")
_ADDRESS = regex(r"^(?P<address>[^\s#][^#]*?):(?:\s+\{[^#]*\})?\s*#\s*<-\s*(?P<rules>.+)$")
# A marked line of an example in source code.
_LINE = regex(r"(?://|#)\s*<-\s*(?P<rules>[A-Z0-9,\s-]+)$")
_NAME, _NAME_IN_JSON = "example", "example.tf.json"
# Terraform does not accept comments in JSON, so the marks are removed.
_MARK = regex(r"(?m)//[ \t]*<-.*$")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one example in one language; without ``faults``, it meets its expectation."""

    rule: Rule
    example: Example
    language: str
    faults: tuple[str, ...]


def run_examples(rules: Sequence[Rule]) -> Iterator[Result]:
    """Run every example of every rule in each of its languages."""
    for rule in rules:
        for example in rule.examples:
            as_of = date.fromisoformat(example.as_of or EXAMPLE_DAY)
            configured_rule = with_parameters(rule, example.parameters)
            evaluator, required = RuleEvaluator([configured_rule]), with_needs(required_by([configured_rule], as_of))
            for language, source in example.sources.items():
                faults = tuple(_faults(rule, example, language, source, required, evaluator))
                yield Result(rule=rule, example=example, language=language, faults=faults)


def _faults(
    rule: Rule, example: Example, language: str, source: str, required: RequiredAttributes, evaluator: RuleEvaluator
) -> Iterator[str]:
    """Yield the faults of an example: unreadable input, or unexpected results."""
    try:
        result = evaluate_unit(read_example(language, source, required), required, evaluator, explain=True)
    except InputError as error:
        yield error.message
    except OUT_OF_MEMORY:
        raise
    # An example may be an unfinished draft, so a crash must not stop the other examples.
    except Exception as error:  # noqa: BLE001
        yield f"the example cannot be read: {type(error).__name__}"
    else:
        problems = [problem.message for problem in result.problems if problem.level == "error"]
        yield from problems or compare(rule, example, language, source, result)


def read_example(language: str, source: str, required: RequiredAttributes) -> ReadResult:
    """Read an example in its language. Raise InputError."""
    if language == "plan":
        return plan_result(_NAME, expand(source), required)
    reader = Reader(required, "")
    if language == "terraform":
        return reader.terraform(_NAME, source)
    if language == "terraform_json":
        return reader.terraform(_NAME_IN_JSON, _MARK.sub("", source))
    read = (reader.bicep if language == "bicep" else reader.template)(_NAME, source.encode())
    if read is None:
        raise InputError("the document is not an ARM template", "add a `$schema`")
    return read


def compare(rule: Rule, example: Example, language: str, source: str, result: UnitResult) -> Iterator[str]:
    """Yield the differences between the results and the expectation of an example."""
    is_by_line = language != "plan"
    marked = lines_marked(source, rule.id) if is_by_line else marks(source, rule.id)
    locations_of = _lines if is_by_line else _addresses
    failed, unknown = locations_of(result.findings), locations_of(result.unknown)
    if not is_by_line:
        marked |= arguments_marked(source, rule.id) & (failed | unknown)
    if not marked and example.expect != "passes":
        sign = "#" if language == "terraform" else "//"
        where = f"no line is marked `{sign} <-" if is_by_line else "no line that begins with an address is marked `# <-"
        yield f"{where} {rule.id}`"
    expected_failed = marked if example.expect == "fails" else set()
    expected_unknown = marked if example.expect == "unknown" else set()
    for outcome, reported, expected in (
        ("fails", failed, expected_failed),
        ("unknown", unknown, expected_unknown),
    ):
        unexpected, missing = sorted(reported - expected), sorted(expected - reported)
        if len(unexpected) == len(missing) == 1:
            yield f"{missing[0]} is marked, but the result `{outcome}` is at {unexpected[0]}"
            continue
        yield from (f"{location}: unexpected result `{outcome}`" for location in unexpected)
        yield from (f"{location}: missing result `{outcome}`" for location in missing)


def marks(source: str, rule_id: str) -> set[str]:
    """Return the addresses on lines that end in ``# <- RULE`` (several rules are comma-separated)."""
    addresses = set()
    for line in source.splitlines():
        match = _ADDRESS.match(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            addresses.add(match["address"].strip("\"'"))
    return addresses


def arguments_marked(source: str, rule_id: str) -> set[str]:
    """Return the addresses of marked arguments, for rules on arguments."""
    addresses: set[str] = set()
    parent = ""
    for line in source.splitlines():
        parent = line.partition(":")[0].strip("\"'") if line[:1].strip() else parent
        match = _ARGUMENT.match(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            addresses.add(f"{parent}.{match['name']}")
    return addresses


def lines_marked(source: str, rule_id: str) -> set[str]:
    """Return the lines that end in ``// <- RULE`` or ``# <- RULE``, as ``line 3``."""
    lines = set()
    for number, line in enumerate(source.splitlines(), 1):
        match = _LINE.search(line)
        if match is not None and rule_id in re.split(r"[,\s]+", match["rules"]):
            lines.add(f"line {number}")
    return lines


def _addresses(findings: Sequence[Finding]) -> set[str]:
    places = ((finding.resource, finding.at if finding.attribute_at is not None else None) for finding in findings)
    return {resource if at is None else at.address or resource for resource, at in places}


def _lines(findings: Sequence[Finding]) -> set[str]:
    return {f"line {finding.at.region.start_line}" for finding in findings if finding.at.region is not None}

"""Rule files: what loads, what is refused and with which words, and the way of the rules into the wheel."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from azkvlint.engine.parameters import patterns_of
from azkvlint.engine.rule_loader import load_rules
from azkvlint.engine.rule_patterns import proofs_of_package
from azkvlint.engine.rule_store import builtin_rules, compile_rules, load_folder, rules_of_checkout, rules_of_package
from azkvlint.model.effect import Effect
from azkvlint.model.rule import (
    All,
    AnyOf,
    AttributeCondition,
    Condition,
    Example,
    Given,
    ItemsCondition,
    Linked,
    Not,
    Operand,
    Parameter,
    Rule,
    Severity,
)
from azkvlint.util import compiled_files, regex_proof
from azkvlint.util.compiled_files import keep_compiled, read_compiled
from azkvlint.util.errors import InternalError, RuleError, UsageError
from azkvlint.util.safe_regex import RulePattern, SafePattern, compile_pattern
from tests.conftest import Run

PATH = "rules/vault/KV001-purge-protection.yaml"
# Each key of a rule, so that a test can put another in its place.
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "id": "id: KV001\n",
        "name": "name: purge-protection\n",
        "title": "title: Purge protection is on\n",
        "severity": "severity: high\n",
        "resource": "resource: Microsoft.KeyVault/vaults\n",
        "require": """
require:
  - attribute: properties.enablePurgeProtection
    equals: true
    default: false            # both leave it off
""",
        "message": """
message: Purge protection on {resource} is {value}
""",
        "why": "why: >\n  Whoever may purge\n  can destroy.\n",
        "fix": "fix: Turn it on.\n",
        "references": "references:\n  - https://learn.microsoft.com/azure/key-vault/general/overview#purge\n",
        "examples": """
examples:
  - fails: it is turned off
    plan: |
      azurerm_key_vault.kv:  # <- KV001
        purge_protection_enabled: false
  - passes: it is turned on
    plan: |
      azurerm_key_vault.kv:
        purge_protection_enabled: true
""",
        "category": "category: recoverability\n",
    }
)


def written(**parts: str) -> str:
    """The text of a rule file with ``parts`` in place of its own, or after them."""
    return "# rules/vault/KV001\n" + "".join((dict(PARTS) | parts).values())


def load(text: str, path: str = PATH, *, builtin: bool = True) -> Rule:
    (rule,) = load_rules([(path, text.encode())], builtin=builtin)
    return rule


def faults(text: str, path: str = PATH, *, builtin: bool = True) -> list[str]:
    """The faults without the path, which is the same for all."""
    with pytest.raises(RuleError) as caught:
        load(text, path, builtin=builtin)
    assert all(fault.startswith(f"{path}:") for fault in caught.value.faults)
    return [fault.removeprefix(f"{path}:") for fault in caught.value.faults]


def texts(text: str, path: str = PATH, *, builtin: bool = True) -> list[str]:
    """The faults without their places."""
    return [fault.split(": ", 1)[1] for fault in faults(text, path, builtin=builtin)]


def ruled(rule_id: str) -> str:
    """A rule file of another id."""
    return written().replace("KV001", rule_id)


def require(condition: str) -> str:
    """A rule file that asks for ``condition``, which begins on line 9."""
    return written(require="\nrequire:\n" + "".join(f"  {line}\n" for line in condition.splitlines()))


def condition(text: str) -> Condition:
    """The only condition that ``text``, a list of one, is loaded as."""
    loaded = load(require(text)).require
    assert isinstance(loaded, All)
    (only,) = loaded.of
    return only


# --- what loads ---


def test_rule_with_every_key_is_loaded() -> None:
    text = written(
        resource="resource: [Microsoft.KeyVault/vaults, Microsoft.KeyVault/managedHSMs]\n",
        also_removed="also_removed: true\n",
        also_existing="also_existing: true\n",
        profile="profile: strict\n",
        parameters="parameters:\n  strong:\n    about: The roles.\n    default: [Owner, Contributor]\n",
        when="when:\n  - attribute: sku\n    in: $strong\n",
        covers="covers: [REC-01, NEW-31]\n",
        cwe="cwe: [284]\n",
        controls='controls:\n  mcsb: [DP-8]\n  cis-azure-2.0: ["8.5"]\n',
        peers="peers:\n  Azure Policy: [0b60c0b2]\n",
    )
    assert load(text) == Rule(
        id="KV001",
        name="purge-protection",
        title="Purge protection is on",
        severity=Severity.HIGH,
        resources=("Microsoft.KeyVault/vaults", "Microsoft.KeyVault/managedHSMs"),
        when=All((AttributeCondition(path=("sku",), text="sku", operator="in", operand="$strong"),)),
        require=All(
            (
                AttributeCondition(
                    path=("properties", "enablePurgeProtection"),
                    text="properties.enablePurgeProtection",
                    operator="equals",
                    operand=True,
                    default=False,
                ),
            )
        ),
        message="Purge protection on {resource} is {value}",
        why="Whoever may purge can destroy.",
        fixes={"": "Turn it on."},
        category="recoverability",
        references=("https://learn.microsoft.com/azure/key-vault/general/overview#purge",),
        examples=(
            Example(
                expect="fails",
                title="it is turned off",
                sources={"plan": "azurerm_key_vault.kv:  # <- KV001\n  purge_protection_enabled: false\n"},
                line=22,
            ),
            Example(
                expect="passes",
                title="it is turned on",
                sources={"plan": "azurerm_key_vault.kv:\n  purge_protection_enabled: true\n"},
                line=26,
            ),
        ),
        path=PATH,
        also_removed=True,
        also_existing=True,
        profile="strict",
        parameters=(Parameter(name="strong", about="The roles.", default=("Owner", "Contributor")),),
        covers=("REC-01", "NEW-31"),
        cwe=(284,),
        controls={"mcsb": ("DP-8",), "cis-azure-2.0": ("8.5",)},
        peers={"Azure Policy": ("0b60c0b2",)},
    )


def test_a_rule_without_when_applies_always() -> None:
    assert load(written()).when == All(())


def test_the_order_of_keys_is_free() -> None:
    assert load("".join(reversed(list(PARTS.values())))).id == "KV001"


def attribute(text: str, operator: str, operand: Operand, *, path: tuple[str, ...] | None = None) -> AttributeCondition:
    steps = (text,) if path is None else path
    return AttributeCondition(path=steps, text=text, operator=operator, operand=operand)


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        ("- {attribute: a, equals: text}", attribute("a", "equals", "text")),
        ("- {attribute: a, equals: ''}", attribute("a", "equals", "")),
        ("- {attribute: a, in: [x, y]}", attribute("a", "in", ("x", "y"))),
        ("- {attribute: a, contains: 3}", attribute("a", "contains", 3)),
        ("- {attribute: a, matches: 'RSA.*'}", attribute("a", "matches", "RSA.*")),
        ("- {attribute: a, at_least: 1.5}", attribute("a", "at_least", 1.5)),
        ("- {attribute: a, at_most: -1}", attribute("a", "at_most", -1)),
        ("- {attribute: a, is: absent}", attribute("a", "is", "absent")),
        ("- {attribute: a, length_at_least: 0}", attribute("a", "length_at_least", 0)),
        (
            "- all: [{attribute: a, is: set}]\n",
            All((attribute("a", "is", "set"),)),
        ),
        (
            "- any:\n    - {attribute: a, is: set}\n    - {attribute: b, is: set}",
            AnyOf((attribute("a", "is", "set"), attribute("b", "is", "set"))),
        ),
        ("- not: {attribute: a, is: set}", Not(attribute("a", "is", "set"))),
        ("- not: [{attribute: a, is: set}]", Not(All((attribute("a", "is", "set"),)))),
        (
            "- {some: a.b, where: [{attribute: $, equals: x}]}",
            ItemsCondition(
                quantifier="some", path=("a", "b"), text="a.b", where=All((attribute("$", "equals", "x", path=()),))
            ),
        ),
        (
            "- {every: a, where: {attribute: b, is: set}}",
            ItemsCondition(quantifier="every", path=("a",), text="a", where=attribute("b", "is", "set")),
        ),
        (
            "- {linked_from: A.B/c, via: scope}",
            Linked(direction="linked_from", types=("A.B/c",), via="scope", where=All(())),
        ),
        (
            "- {links_to: [A/b, A/c], via: derived.keyId, where: [{attribute: a, is: set}]}",
            Linked(
                direction="links_to",
                types=("A/b", "A/c"),
                via="derived.keyId",
                where=All((attribute("a", "is", "set"),)),
            ),
        ),
    ],
)
def test_condition_is_loaded(text: str, loaded: Condition) -> None:
    assert condition(text) == loaded


@pytest.mark.parametrize(
    "text",
    [
        "- not: {attribute: a, is: set}",
        "- not: {attribute: a, equals: x, default: ''}",
        "- not: {some: a, where: [{attribute: $, equals: x}]}",
        "- not: {attribute: a, length_at_least: 1, default: ''}",
        "- {attribute: a, in: [1, x], default: y}",
        "- {attribute: a, at_least: 1, default: 0.5}",
    ],
)
def test_default_of_a_matching_type_is_accepted(text: str) -> None:
    condition(text)


def test_rules_come_in_the_order_of_their_ids() -> None:
    files = [(f"{rule_id}-purge-protection.yaml", ruled(rule_id).encode()) for rule_id in ("KV3", "KV1", "KV2")]
    assert [rule.id for rule in load_rules(files)] == ["KV1", "KV2", "KV3"]


# --- the five faults of the design, planted one at a time ---


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (
            require("- attribute: properties.enablePurgeProtection\n  equal: true\n  default: false"),
            "10:5: an attribute condition has no key 'equal'; did you mean 'equals'?",
        ),
        (
            require("- attribute: properties.enablePurgeProtection\n  equals: true\n  default: 'false'"),
            "11:14: default 'false' and equals True are of two types",
        ),
        (
            require("- attribute: properties.logs[*].x\n  equals: true\n  default: false"),
            "9:16: `properties.logs[*].x`: wildcards and slices are not supported; use `some:` or `every:`",
        ),
        (
            require("- attribute: properties.enablePurgeProtection\n  equals: true\n  equals: true\n  default: false"),
            "11:5: key `equals` is duplicated",
        ),
        (
            require("- not:\n    attribute: properties.enablePurgeProtection\n    equals: true"),
            "10:7: inside not: an attribute condition needs default:",
        ),
    ],
)
def test_a_planted_fault_is_the_only_one(planted: str, found: str) -> None:
    assert faults(planted) == [found]


def test_all_errors_of_a_file_are_reported_together_in_order() -> None:
    text = written(
        id="id: KV1\n",
        severity="severity: hihg\n",
        require="require:\n  - {attribute: 'a[*]', equals: 1}\n  - {attribute: b, equls: 1}\n",
        fix="",
        sevrity="sevrity: low\n",
    )
    assert faults(text) == [
        "2:1: a rule needs fix:",
        "2:5: 'KV1' is not an id, which is KV and 3 digits",
        "5:11: there is no severity 'hihg'; did you mean 'high'?",
        "8:17: `a[*]`: wildcards and slices are not supported; use `some:` or `every:`",
        "9:20: an attribute condition has no key 'equls'; did you mean 'equals'?",
        "28:1: a rule has no key 'sevrity'; did you mean 'severity'?",
    ]


# --- each check ---


@pytest.mark.parametrize("key", PARTS)
def test_missing_key_is_reported(key: str) -> None:
    assert f"a rule needs {key}:" in texts(written(**{key: ""}))


@pytest.mark.parametrize(
    ("key", "text", "found"),
    [
        ("title", "title: true", "title must be a string, not true"),
        ("title", "title: 8.5", "title must be a string, not the number 8.5"),
        ("title", "title: ''", "title must not be empty"),
        ("title", "title:", "title must be a string, not nothing"),
        ("title", "title: |\n  a\n  b", "title must be one line"),
        ("why", "why: [a]", "why must be a string, not a list"),
        ("name", "name: Purge_Protection", "'Purge_Protection' is not a name: small letters and digits, joined by '-'"),
        ("severity", "severity: severe", "there is no severity 'severe'; it is info, low, medium, high or critical"),
        ("resource", "resource: vaults", "'vaults' is not a resource type, such as Microsoft.KeyVault/vaults"),
        ("resource", "resource: [A/b, c]", "'c' is not a resource type, such as Microsoft.KeyVault/vaults"),
        ("resource", "resource: {reads: keys}", "there is no reads 'keys'; did you mean 'key'?"),
        (
            "resource",
            "resource: [A/b, {network: network, reads: key, version: switch}]",
            "no consumer of vaults has all of these words",
        ),
        ("resource", "resource: []", "resource must not be an empty list"),
        ("also_removed", "also_removed: yes", "also_removed must be true or false, not the string 'yes'"),
        ("profile", "profile: strct", "there is no profile 'strct'; did you mean 'strict'?"),
        ("references", "references: [http://a.b/c]", "'http://a.b/c' is not an https:// link"),
        ("references", "references: [https://nowhere]", "'https://nowhere' is not an https:// link"),
        ("references", "references: []", "references must not be an empty list"),
        ("covers", "covers: [NET-1]", "'NET-1' is not an id such as NET-01"),
        ("cwe", "cwe: [true]", "each item of cwe must be a whole number above 0, not true"),
        ("cwe", "cwe: 284", "cwe must be a list, not the number 284"),
        ("controls", "controls: {cis: [8.5]}", "each item of controls 'cis' must be a string, not the number 8.5"),
        ("controls", "controls: [a]", "controls must be a mapping, not a list"),
        ("peers", "peers: {Checkov: CKV_1}", "peers 'Checkov' must be a list, not the string 'CKV_1'"),
        ("require", "require: []", "require must not be an empty list"),
        ("require", "require: yes", "a condition must be a mapping, not the string 'yes'"),
        ("message", "message: It ends.", "message must not end with '.' or have quotes around a placeholder"),
        ("message", "message: >\n  a\n\n  b", "message must be one line"),
        ("message", "message: It is {valeu}", "message has no placeholder 'valeu'; did you mean 'value'?"),
        ("message", "message: It is '{value}'", "message must not end with '.' or have quotes around a placeholder"),
        ("message", "message: A } brace", "message has a brace that belongs to no placeholder"),
        ("examples", "examples: {}", "examples must be a list, not a mapping"),
    ],
)
def test_key_with_an_invalid_value_is_reported(key: str, text: str, found: str) -> None:
    assert texts(written(**{key: text + "\n"})) == [found]


OPERATOR = "equals, in, contains, matches, at_least, at_most, is, length_at_least, inside, overlaps or has_all"
NEEDS_DEFAULT = "inside not: an attribute condition needs default:"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- {attribute: a}", f"an attribute condition needs {OPERATOR}:"),
        ("- {attribute: a, equals: 1, in: [1]}", "'equals' and 'in' are two operators, not one"),
        ("- {attribute: a, equals: 1, not_in: [1]}", "'equals' and 'not_in' are two operators, not one"),
        ("- {attribute: a, not_in: [1], default: 2}", "not_in: does not accept default:; use not:"),
        ("- {attribute: a, not_in: 1}", "in requires a list of strings, numbers, true or false, not the number 1"),
        ("- {attribute: $, is: set}", "'$' is the item of some: or every:, and there is none here"),
        ("- {attribute: a, equals: [1]}", "equals requires a string, a number, true or false, not a list"),
        ("- {attribute: a, equals: null}", "equals requires a string, a number, true or false, not nothing"),
        ("- {attribute: a, in: x}", "in requires a list of strings, numbers, true or false, not the string 'x'"),
        ("- {attribute: a, in: []}", "in requires a list of at least one item"),
        ("- {attribute: a, in: [[1]]}", "in requires a list of strings, numbers, true or false, not a list"),
        ("- {attribute: a, in: [$b]}", "in requires a list without parameters; a parameter replaces a whole list"),
        ("- {attribute: a, at_least: true}", "at_least requires a number, not true"),
        ("- {attribute: a, at_most: '1'}", "at_most requires a number, not the string '1'"),
        ("- {attribute: a, is: here}", "is requires set or absent, not the string 'here'"),
        ("- {attribute: a, is: $b}", "is accepts set or absent, not a parameter"),
        ("- {attribute: a, matches: '('}", "matches requires a regular expression, not the string '('"),
        ("- {attribute: a, matches: '[[a]'}", "matches requires a regular expression, not the string '[[a]'"),
        (
            "- {attribute: a, length_at_least: -1}",
            "length_at_least requires a whole number, 0 or more, not the number -1",
        ),
        ("- {attribute: a, length_at_least: 1, default: 0}", "default 0 has no length; use a string, such as ''"),
        ("- {attribute: a, is: set, default: x}", "is: does not accept default:"),
        ("- {attribute: a, equals: 1, default: true}", "default True and equals 1 are of two types"),
        ("- {attribute: a, in: [x, y], default: 1}", "default 1 and in ['x', 'y'] are of two types"),
        ("- {attribute: a, equals: x, default: $b}", "a default cannot be a parameter"),
        (
            "- {attribute: a, equals: x, default: null}",
            "default must be a string, a number, true or false, not nothing",
        ),
        ("- {attribute: a, equals: $b}", "there is no parameter 'b'"),
        ("- {some: a}", "a some condition needs where:"),
        ("- {every: a, were: []}", "an every condition has no key 'were'; did you mean 'where'?"),
        ("- {linked_from: A/b}", "a linked_from condition needs via:"),
        ("- {links_to: A, via: parent}", "'A' is not a resource type, such as Microsoft.KeyVault/vaults"),
        ("- {links_to: A/b, via: $}", "'$' is the item of some: or every:, and there is none here"),
        ("- {all: [{attribute: a, is: set}], any: []}", "'all' and 'any' are two conditions, not one"),
        ("- {al: []}", "a condition has no key 'al'; did you mean 'all'?"),
        ("- {}", "a condition needs attribute, all, any, not, some, every, linked_from, links_to or given:"),
        ("- {given: b}", "there is no parameter 'b'"),
        (
            "- {attribute: a, inside: [10.0.0.0/33]}",
            "inside requires a list of IP addresses or ranges, such as 203.0.113.0/24, not a list",
        ),
        ("- any: {attribute: a, is: set}", "any must be a list, not a mapping"),
        ("- not: {any: [{attribute: a, equals: x}]}", NEEDS_DEFAULT),
        ("- not: {some: a, where: [{attribute: b, equals: x}]}", NEEDS_DEFAULT),
        ("- not: {links_to: A/b, via: c, where: [{attribute: d, in: [x]}]}", NEEDS_DEFAULT),
    ],
)
def test_invalid_condition_is_reported(text: str, found: str) -> None:
    assert found in texts(require(text))


def parameter(default: str = "default: 90", name: str = "least") -> str:
    return f"parameters:\n  {name}:\n    about: How much.\n    {default}\n"


GIVEN = "when:\n  - {given: least}\n  - {attribute: a, in: $least}\n"
USE = "when:\n  - {attribute: a, at_least: $least}\n"
OF_TWO_TYPES = "when:\n  - {attribute: a, at_least: $least, default: x}\n"
PLAIN = "a string, a number, true or false"


@pytest.mark.parametrize(
    ("parameters", "when", "found"),
    [
        (parameter(), "", ["parameter 'least' is not used"]),
        (parameter(name="laest"), USE, ["there is no parameter 'least'; did you mean 'laest'?"]),
        (parameter(), OF_TWO_TYPES, ["default 'x' and at_least $least are of two types"]),
        (
            parameter("defualt: 90"),
            USE,
            ["a parameter needs default:", "a parameter has no key 'defualt'; did you mean 'default'?"],
        ),
        (parameter("default: {}"), USE, [f"default must be {PLAIN}, not a mapping"]),
        (parameter("default: [[1]]"), USE, [f"each item of default must be {PLAIN}, not a list"]),
        (parameter("default: 1\n    about: x"), USE, ["key `about` is duplicated"]),
        ("parameters: {least: 90}\n", USE, ["a parameter must be a mapping, not the number 90"]),
        (
            parameter("default: [90]"),
            USE,
            ["the default of parameter 'least' is invalid: at_least requires a number, not a list"],
        ),
        (
            parameter(name="Least"),
            USE.replace("$least", "$Least"),
            ["'Least' is not a parameter's name: small letters, digits and '_'"],
        ),
    ],
)
def test_invalid_parameter_is_reported(parameters: str, when: str, found: list[str]) -> None:
    assert texts(written(parameters=parameters, when=when)) == found


def edits(text: str) -> str:
    """A rule file with these edits."""
    body = "".join(f"  {line}\n" for line in text.splitlines())
    return written(parameters=parameter(), when=USE, edits=f"edits:\n{body}")


def test_edits_are_loaded() -> None:
    rule = load(
        edits(
            "- set: [properties.a, properties.b]\n  to: $least\n  language: [bicep, arm]\n"
            "- all:\n    - {remove: properties.c}\n"
            "    - {api_version: supported, resource: Microsoft.KeyVault/vaults}\n"
            "  unsafe: {apply-fails: It hurts., access: They stay outside.}\n  sources: ['https://a.example/b']\n"
            "- decision: choose a date"
        )
    )
    first, second, third = rule.edits
    assert (first.languages, first.steps[0].names, first.steps[0].value) == (
        ("bicep", "arm"),
        ("properties.a", "properties.b"),
        "$least",
    )
    assert [step.operation for step in second.steps] == ["remove", "api_version"]
    assert second.effects == (Effect("access", "They stay outside."), Effect("apply-fails", "It hurts."))
    assert (second.sources, second.steps[1].resources) == (("https://a.example/b",), ("Microsoft.KeyVault/vaults",))
    assert (third.decision, third.steps) == ("choose a date", ())


def test_a_parameter_that_only_edits_name_is_used() -> None:
    text = written(parameters=parameter(), edits="edits:\n  - set: properties.a\n    to: [{b: $least}]\n")
    assert load(text).edits[0].steps[0].value == [{"b": "$least"}]


OPERATIONS = "set, remove, rename, append, api_version, constraint, versionless, pin"
ONE = f"an edit needs one of {OPERATIONS}, secure, all or decision"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- {set: properties.a}", ["set needs to:"]),
        ("- {remove: properties.a, to: 1}", ["remove must not have to:"]),
        ("- {to: 1}", [ONE]),
        ("- {set: properties.a, to: 1, remove: properties.b}", [ONE]),
        ("- {set: properties.a, to: $laest}", ["there is no parameter 'laest'"]),
        (
            "- {set: 'a[', to: 1}",
            ["set: `a[`: not a path; join names with dots and quote names with special characters"],
        ),
        ("- {set: properties.a, to: 1, langauge: arm}", ["an edit has no key 'langauge'; did you mean 'language'?"]),
        ("- {set: properties.a, to: 1, language: hcl}", ["there is no language 'hcl'; it is terraform, bicep or arm"]),
        ("- {api_version: newest}", ["api_version must be supported, not the string 'newest'"]),
        ("- {secure: false}", ["secure must be true, not false"]),
        ("- {set: properties.a, to: []}", ["to must be a value, not a list"]),
        ("- {set: properties.a, to: 1, to_least_of: [2]}", ["either to: or to_least_of:, not both"]),
        (
            "- all: [{to: 1}]",
            [f"a step needs one of {OPERATIONS} or secure"],
        ),
        ("[]", ["edits must not be an empty list"]),
    ],
)
def test_invalid_edit_is_reported(text: str, found: list[str]) -> None:
    assert texts(edits(text)) == found


def test_all_errors_of_edits_are_reported_together() -> None:
    found = texts(edits("- {set: properties.a}\n- {remove: properties.a, to: 1}\n- {secure: 1}"))
    assert found == ["set needs to:", "remove must not have to:", "secure must be true, not the number 1"]


def test_condition_tests_whether_a_list_parameter_is_empty() -> None:
    rule = load(written(parameters=parameter("default: []"), when=GIVEN))
    assert rule.parameters[0].default == ()
    assert isinstance(rule.when, All)
    assert rule.when.of[0] == Given("least")


@pytest.mark.parametrize(
    ("differs", "found"),
    [
        ("differs: {CKV_2: It looks away.}", ["'CKV_2' is not among the peers; did you mean 'CKV_1'?"]),
        ("differs: {CKV_1: []}", ["differs 'CKV_1' must be a string, not a list"]),
    ],
)
def test_key_of_differs_must_be_an_id_of_the_peers(differs: str, found: list[str]) -> None:
    assert texts(written(peers="peers: {checkov: [CKV_1]}\n", differs=differs + "\n")) == found


FAILS = "  - fails: it is off\n    plan: |\n      a.b:  # <- KV001\n"
PASSES = "  - passes: it is on\n    plan: |\n      a.b: {}\n"


@pytest.mark.parametrize(
    ("examples", "found"),
    [
        (FAILS, "examples must have at least one that passes"),
        (PASSES, "examples must have at least one that fails"),
        (FAILS + PASSES.replace("plan", "paln"), "an example has no key 'paln'; did you mean 'plan'?"),
        (FAILS + PASSES.replace("passes", "pass"), "an example has no key 'pass'; did you mean 'passes'?"),
        (FAILS + "  - passes: x\n", "an example needs a source: plan, terraform, terraform_json, bicep or arm"),
        (FAILS + PASSES + "  - plan: x\n", "an example needs one of fails, passes or unknown"),
        (FAILS + PASSES + "  - {fails: x, passes: y, plan: z}\n", "an example needs one of fails, passes or unknown"),
        (FAILS + PASSES + "  - text\n", "an example must be a mapping, not the string 'text'"),
        (FAILS + PASSES + "    as_of: 2026-13-01\n", "'2026-13-01' is not a day, such as 2026-11-01"),
        (FAILS + PASSES + "    set: {most: 1}\n", "there is no parameter 'most'"),
        (FAILS.replace("KV001", "KV002") + PASSES, "fails: needs a line marked '# <- KV001'"),
        (FAILS + "    bicep: |\n      a\n" + PASSES, "fails: needs a line marked '# <- KV001'"),
        (FAILS + PASSES.replace("{}", "{} # <- KV001"), "passes: must have no line marked '# <- KV001'"),
        (FAILS + PASSES + "  - unknown: x\n    plan: y\n", "unknown: needs a line marked '# <- KV001'"),
        (FAILS + PASSES.replace("|\n      a.b: {}", "{a.b: {}}"), "plan must be a string, not a mapping"),
    ],
)
def test_invalid_examples_are_reported(examples: str, found: str) -> None:
    assert texts(written(examples="examples:\n" + examples)) == [found]


def test_an_example_sets_its_day_and_parameters() -> None:
    examples = FAILS + PASSES + "    as_of: 2027-01-31\n    set: {least: 7}\n"
    parts = {"parameters": parameter(), "when": USE, "examples": "examples:\n" + examples}
    example = load(written(**parts)).examples[1]
    assert (example.as_of, example.parameters) == ("2027-01-31", {"least": 7})
    parts["examples"] = parts["examples"].replace("7}", "[7]}")
    assert texts(written(**parts)) == ["parameter 'least' is a number, not a list"]


def test_an_example_in_another_language_marks_its_line_in_that_languages_comment() -> None:
    examples = FAILS + "    bicep: |\n      resource kv 'x' = { // <- KV001\n      }\n" + PASSES
    assert set(load(written(examples="examples:\n" + examples)).examples[0].sources) == {"plan", "bicep"}


CHANGED = """\
  - fails: it is off
    terraform and plan: |
      resource "azurerm_key_vault" "kv" { # <- KV001
        purge_protection_enabled = false
      }
    bicep and arm: |
      resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = { // <- KV001
        name: 'kv'
      }
  - passes: it is on
    base: it is off
    terraform and plan: {set: {purge_protection_enabled: true}}
    bicep and arm: {set: {kv.properties: {enablePurgeProtection: true}}}
  - unknown: it is a variable
    base: it is off
    terraform and plan:
      set: {purge_protection_enabled: '${var.on}'}
      add: 'variable "on" { type = bool }'
      mark: purge_protection_enabled
"""


def test_an_example_changes_a_base_and_has_the_languages_that_follow() -> None:
    fails, passes, unknown = load(written(examples="examples:\n" + CHANGED)).examples
    assert list(fails.sources) == list(passes.sources) == ["plan", "terraform", "bicep", "arm"]
    assert passes.sources["terraform"] == fails.sources["terraform"].replace("false", "true").replace(" # <- KV001", "")
    assert passes.sources["plan"] == "azurerm_key_vault.kv:\n  purge_protection_enabled: true\n"
    assert '"properties": { "enablePurgeProtection": true }' in passes.sources["arm"]
    assert unknown.sources["terraform"] == (
        'resource "azurerm_key_vault" "kv" {\n'
        "  purge_protection_enabled = var.on # <- KV001\n"
        '}\n\nvariable "on" { type = bool }\n'
    )
    assert unknown.sources["plan"].endswith("  purge_protection_enabled: ${var.on}  # <- KV001\n")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("base: it is off", "base: it is of", "no example above is called 'it is of'; did you mean 'it is off'?"),
        (
            "{set: {purge_protection_enabled: true}}",
            "{set: {purge_protection: true}}",
            "the base has no 'purge_protection'; did you mean 'purge_protection_enabled'?",
        ),
        ("{set: {purge_protection_enabled: true}}", "{set: {}}", "set must not be empty"),
        ("{set: {purge_protection_enabled: true}}", "{mark: kv}", "changes need set:, remove: or add:"),
        (
            "{set: {purge_protection_enabled: true}}",
            "{set: {purge_protection_enabled: false}}",
            "'purge_protection_enabled' has this value in the base",
        ),
        (
            "{set: {purge_protection_enabled: true}}",
            "{set: {purge_protection_enabled: true}, mark: kv}",
            "an example that passes has no mark",
        ),
        (
            "{set: {purge_protection_enabled: true}}",
            "{'+ name = 1': x}",
            "terraform and plan has no key '+ name = 1'",
        ),
        (
            "variable\n    base: it is off",
            "variable\n    base: it is on",
            "'it is on' has a base itself; name an example that is complete",
        ),
        ("mark: purge_protection_enabled", "mark: purge", "the base has no 'purge'"),
        ("  - passes", "    plan: |\n      a.b: {} # <- KV001\n  - passes", "an example must have plan once"),
        ("false\n", 'upper("x")\n', "no plan follows from it: it has expressions that are evaluated"),
    ],
)
def test_invalid_base_is_reported(old: str, new: str, found: str) -> None:
    assert old in CHANGED
    assert any(text.startswith(found) for text in texts(written(examples="examples:\n" + CHANGED.replace(old, new, 1))))


def test_a_change_that_does_not_fit_is_at_its_path() -> None:
    text = written(examples="examples:\n" + CHANGED.replace("purge_protection_enabled: true", "purge: true"))
    line = text.splitlines().index("    terraform and plan: {set: {purge: true}}") + 1
    assert faults(text) == [f"{line}:{text.splitlines()[line - 1].index('purge') + 1}: the base has no 'purge'"]


@pytest.mark.parametrize(
    ("language", "found"),
    [
        ("bicep: {set: {a: b}}", "changes need a base:, an example above that has bicep:"),
        ("plan: {set: {a: b}}", "plan must be a string, not a mapping"),
        ("terraform: x", "base: has no effect: no language has changes"),
    ],
)
def test_changes_need_the_language_in_the_base(language: str, found: str) -> None:
    examples = FAILS + PASSES + f"  - passes: another\n    base: it is on\n    {language}\n"
    assert texts(written(examples="examples:\n" + examples)) == [found]


FURTHER = """\
examples:
  - passes: it is on as well
    base: it is off
    terraform: {set: {purge_protection_enabled: null}}
"""
FURTHER_PATH = PATH.replace(".yaml", ".examples.yaml")


def test_further_examples_are_in_a_file_beside_the_rule() -> None:
    text = written(examples="examples:\n" + CHANGED)
    (rule,) = load_rules([(FURTHER_PATH, FURTHER.encode()), (PATH, text.encode())], builtin=True)
    assert [(one.title, one.path) for one in rule.examples] == [
        ("it is off", ""),
        ("it is on", ""),
        ("it is a variable", ""),
        ("it is on as well", FURTHER_PATH),
    ]
    assert "= null" in rule.examples[3].sources["terraform"]


def test_faults_of_further_examples_name_their_file() -> None:
    files = [(PATH, written().encode()), (FURTHER_PATH, FURTHER.encode())]
    with pytest.raises(RuleError) as caught:
        load_rules(files, builtin=True)
    assert caught.value.faults[0].startswith(f"{FURTHER_PATH}:3:11: no example above is called 'it is off'")


def test_a_file_that_is_named_alone_has_its_further_examples(tmp_path: Path) -> None:
    text = ruled("ORG-1").partition("examples:")[0] + "examples:\n" + CHANGED.replace("KV001", "ORG-1")
    (tmp_path / "ORG-1-purge-protection.yaml").write_text(text)
    (tmp_path / "ORG-1-purge-protection.examples.yaml").write_text(FURTHER)
    for path in (tmp_path / "ORG-1-purge-protection.yaml", tmp_path):
        (rule,) = load_folder(str(path))
        assert len(rule.examples) == 4


CALLED = "the file of this id and name must be called KV001-purge-protection.yaml"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("vault/KV002-purge-protection", f"2:5: {CALLED}"),
        ("vault/KV001-purge", f"3:7: {CALLED}"),
        ("valt/KV001-purge-protection", "1:1: there is no topic 'valt'; did you mean 'vault'?"),
        ("keys/KV001-purge-protection", "2:5: ids of the topic keys begin with KV5"),
    ],
)
def test_the_file_is_called_as_its_rule(path: str, found: str) -> None:
    assert faults(written(), f"rules/{path}.yaml") == [found]


@pytest.mark.parametrize("rule_id", ["ORG1", "ORG-12", "KV001", "ABCDEFGH-123456"])
def test_custom_rule_may_have_any_id(rule_id: str) -> None:
    text = ruled(rule_id)
    assert load(text, f"{rule_id}-purge-protection.yml", builtin=False).id == rule_id


@pytest.mark.parametrize("rule_id", ["A-1", "org-1", "ORG_1", "ORG-", "ABCDEFGHI1", "ORG-1234567"])
def test_invalid_id_of_a_custom_rule_is_reported(rule_id: str) -> None:
    text = ruled(rule_id)
    found = texts(text, f"{rule_id}-purge-protection.yaml", builtin=False)
    assert found == [f"{rule_id!r} is not an id, which is 2 to 8 capital letters and 1 to 6 digits, such as ABC-12"]


def test_ids_are_unique_over_all_files() -> None:
    second = "rules/vault/KV001-other.yaml"
    files = [(PATH, written().encode()), (second, written(name="name: other\n").encode())]
    with pytest.raises(RuleError) as caught:
        load_rules(files, builtin=True)
    assert caught.value.faults == (f"{second}:2:5: 'KV001' is also the id of {PATH}",)


def test_errors_of_all_files_are_reported_together() -> None:
    files = [("KV1-a.yaml", b""), ("KV2-b.yaml", b"\xff"), ("KV3-c.yaml", b"a: *b\n")]
    with pytest.raises(RuleError) as caught:
        load_rules(files)
    assert caught.value.faults == (
        "KV1-a.yaml:1:1: the file is empty",
        "KV2-b.yaml:1:1: the file is not UTF-8",
        "KV3-c.yaml:1:4: aliases (`*b`) are not supported; repeat the value",
    )


# --- whatever the text, only RuleError ---


def load_or_refuse(content: bytes) -> None:
    try:
        rules = load_rules([(PATH, content)], builtin=True)
    except RuleError as error:
        faults = error.faults
    else:
        compiled = compile_rules(rules)
        alone = tuple(msgspec.structs.replace(rule, examples=()) for rule in rules)
        assert msgspec.json.decode(compiled["rules/compiled.json"], type=tuple[Rule, ...]) == alone
        examples = tuple(rule.examples for rule in rules)
        assert msgspec.json.decode(compiled["rules/examples.json"], type=tuple[tuple[Example, ...], ...]) == examples
        return
    assert faults
    assert all(fault.startswith(f"{PATH}:") and len(fault.splitlines()) == 1 for fault in faults)


@given(st.binary() | st.text().map(str.encode))
def test_any_content_is_refused_or_loads(content: bytes) -> None:
    load_or_refuse(content)


FULL = written(
    parameters=parameter(),
    when=USE + "  - not: {some: a.b, where: [{attribute: $, matches: 'x.*'}]}\n",
    any="",
    require=PARTS["require"] + "  - {links_to: [A/b], via: parent, where: [{any: [{attribute: c, in: [x, 1]}]}]}\n",
    controls='controls:\n  mcsb: ["8.5"]\n',
)
MARKS = "[ ] { } ' \" # &a *a !x $ $least 1 -1 1e999 true null ~ . .. [*] > ( * \x00 é KV001 {value} https://a.b"
WORDS = "|equals: 1|is: set|default: 1|not: |where: []|attribute: a|- |: |  |\n|\t|\u2028"
PIECES = st.sampled_from([*MARKS.split(" "), *WORDS.split("|")])


@given(
    st.lists(
        st.tuples(st.integers(0, len(FULL)), st.integers(0, 12), PIECES | st.text(max_size=4)), min_size=1, max_size=4
    )
)
@example([(FULL.index("parent") + 1, 0, "\u2028")])
def test_any_change_of_a_valid_file_is_refused_or_loads(edits: list[tuple[int, int, str]]) -> None:
    text = FULL
    for start, length, piece in edits:
        text = text[:start] + piece + text[start + length :]
    load_or_refuse(text.encode())


def test_the_file_that_is_changed_is_valid() -> None:
    load(FULL)


# --- folders, and the way into the wheel ---


def folder(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_a_folder_is_read_with_all_that_is_below_it(tmp_path: Path) -> None:
    root = folder(
        tmp_path,
        {
            "b/ORG-2-purge-protection.yml": ruled("ORG-2"),
            "ORG-1-purge-protection.yaml": ruled("ORG-1"),
            "controls/list.yaml": "no: rule",
            "README.md": "no rule",
        },
    )
    rules = load_folder(str(root))
    assert [rule.id for rule in rules] == ["ORG-1", "ORG-2"]
    assert rules[1].path == f"{root.as_posix()}/b/ORG-2-purge-protection.yml"


def test_rules_may_be_a_single_file(tmp_path: Path) -> None:
    folder(tmp_path, {"ORG-1-purge-protection.yaml": ruled("ORG-1")})
    assert [rule.id for rule in load_folder(str(tmp_path / "ORG-1-purge-protection.yaml"))] == ["ORG-1"]


def test_custom_rule_cannot_have_the_id_of_another_rule(tmp_path: Path) -> None:
    root = folder(tmp_path, {"KV001-purge-protection.yaml": written()})
    with pytest.raises(RuleError, match=f"'KV001' is also the id of {PATH}"):
        load_folder(str(root), others=[load(written())])


def test_folder_without_rules_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no rule files"):
        load_folder(str(tmp_path))
    with pytest.raises(UsageError, match=r"the rule file or folder '.*' does not exist"):
        load_folder(str(tmp_path / "nowhere"))


def checkout(root: Path) -> Path:
    """A checkout, of which the folder of the package is returned."""
    folder(root, {PATH: written(), "rules/controls/list.yaml": "no: rule"})
    package = root / "src" / "azkvlint"
    package.mkdir(parents=True)
    return package


def test_a_checkout_has_its_rules_as_yaml(tmp_path: Path) -> None:
    rules = rules_of_package(str(checkout(tmp_path)))
    assert [rule.path for rule in rules] == [PATH]
    assert rules == rules_of_checkout(str(tmp_path / "src" / "azkvlint"))


def test_installed_package_has_compiled_rules(tmp_path: Path) -> None:
    rules = load_rules([(PATH, FULL.encode())], builtin=True)
    (tmp_path / "rules").mkdir()
    for name, content in compile_rules(rules).items():
        (tmp_path / name).write_bytes(content)
    assert rules_of_package(str(tmp_path)) == rules
    (alone,) = rules_of_package(str(tmp_path), examples=False)
    assert alone == msgspec.structs.replace(rules[0], examples=())


def test_the_bounds_of_patterns_are_computed_when_rules_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patterns = {pattern for rule in builtin_rules() for _, pattern in patterns_of(rule)}
    assert len(patterns) > 10
    alone = {pattern: compile_pattern(pattern, in_rule=True) for pattern in patterns}
    for name, content in compile_rules(builtin_rules()).items():
        (tmp_path / "rules").mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    proofs = proofs_of_package(str(tmp_path))
    monkeypatch.setattr(regex_proof, "_RegexParser", None)  # not needed any more
    for pattern, expected in alone.items():
        compiled = SafePattern(proofs[pattern])
        assert vars(compiled).keys() == vars(expected).keys()
        assert [compiled.work(length, anywhere=way) for length in (0, 9, 40) for way in (False, True)] == [
            expected.work(length, anywhere=way) for length in (0, 9, 40) for way in (False, True)
        ]
        for word in ("", "kv", "P30D", "RSA-HSM", "https://kv.vault.azure.net/x?ref=1"):
            assert (
                compiled.fullmatch(word)
                == expected.fullmatch(word)
                == RulePattern(pattern, proofs[pattern]).matches(word)
            )


def test_a_checkout_keeps_compiled_files_until_a_rule_changes(tmp_path: Path) -> None:
    package = str(checkout(tmp_path))
    with pytest.raises(FileNotFoundError):
        read_compiled(package, "rules/compiled.json")
    keep_compiled(package, {"rules/compiled.json": b"[1]", "data/services.json": b"[2]"})
    assert read_compiled(package, "rules/compiled.json") == b"[1]"
    assert read_compiled(package, "data/services.json") == b"[2]"
    (tmp_path / PATH).write_text(written() + "\n")
    keep_compiled(package, {"rules/compiled.json": b"[3]"})  # compiled from rules that have changed since
    compiled_files._kept_folder.cache_clear()  # as in the next run
    with pytest.raises(FileNotFoundError):
        read_compiled(package, "rules/compiled.json")


@pytest.mark.parametrize("link", ["build", "build/compiled"])
def test_compiled_files_are_not_kept_behind_a_link(link: str, tmp_path: Path) -> None:
    package = str(checkout(tmp_path / "kvlint"))
    folder(tmp_path, {"elsewhere/compiled/notes": "kept", "elsewhere/notes/text": "kept"})
    place = tmp_path / "kvlint" / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(tmp_path / "elsewhere")
    keep_compiled(package, {"rules/compiled.json": b"[1]"})
    files = {file.relative_to(tmp_path / "elsewhere").as_posix() for file in (tmp_path / "elsewhere").rglob("*")}
    assert files == {"compiled", "compiled/notes", "notes", "notes/text"}


def test_an_installed_package_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "azkvlint" / "rules").mkdir(parents=True)
    keep_compiled(str(tmp_path / "azkvlint"), {"rules/compiled.json": b"[1]"})
    assert not any(file.is_file() for file in tmp_path.rglob("*"))


@pytest.mark.parametrize("content", [b"", b"{}", b'[{"id": 1}]'])
def test_broken_compiled_rules_are_an_internal_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "compiled.json").write_bytes(content)
    with pytest.raises(InternalError, match="cannot be read"):
        rules_of_package(str(tmp_path))


def test_damaged_installation_has_a_hint_to_reinstall(installed: Path, tmp_path: Path, run: Run) -> None:
    copied = shutil.copytree(installed, tmp_path / "copy")
    for file in sorted((copied / "azkvlint" / "rules").glob("*.json")):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
        done = run("-", stdin=b"{}", env={"PYTHONPATH": str(copied)})
        damaged = done.code == 3 and "cannot be read" in done.err and "(Install kvlint again.)" in done.err
        assert damaged or file.name == "examples.json", (file.name, done.err)
        assert "internal error" not in done.err
        file.write_bytes(content)


def test_missing_rules_are_an_internal_error(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="missing"):
        rules_of_package(str(tmp_path / "src" / "azkvlint"))


def test_the_built_in_rules_load() -> None:
    rules = builtin_rules()
    assert [rule.id for rule in rules] == sorted({rule.id for rule in rules})


def test_every_rule_file_is_read_equally_without_libyaml() -> None:
    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    files = sorted((Path(__file__).parents[2] / "rules").rglob("*.yaml"))
    assert len(files) >= 200
    for path in files:
        text = path.read_text(encoding="utf-8")
        # PyYAML's own parser reads what libyaml is not installed for.
        assert yaml.load(text, yaml.SafeLoader) == yaml.load(text, fast), path.name  # noqa: S506 - both are safe

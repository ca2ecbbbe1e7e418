"""Rules that require the opposite of each other: a fix of one of them causes a finding of the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from azkvlint.model.rule import All, AttributeCondition, Condition, Rule


def opposites_of(rules: Sequence[Rule]) -> Mapping[str, Rule]:
    """Return by rule the one of some rules that requires another value than its fix sets, under the same conditions."""
    required: dict[str, list[tuple[object, Rule]]] = {}
    for rule in rules:
        for attribute in _required(rule.require):
            required.setdefault(attribute.text, []).append((attribute.operand, rule))
    found: dict[str, Rule] = {}
    for rule in rules:
        for name, value in _set_values(rule):
            for operand, other in required.get(name, ()):
                if other.id != rule.id and operand != value and other.when == rule.when:
                    found.setdefault(rule.id, other)
    return found


def _required(condition: Condition) -> Iterable[AttributeCondition]:
    """Return the attributes that a rule requires to be equal to a constant."""
    parts = condition.of if isinstance(condition, All) else (condition,)
    attributes = (one for one in parts if isinstance(one, AttributeCondition) and one.operator == "equals")
    return (one for one in attributes if not (isinstance(one.operand, str) and one.operand.startswith("$")))


def _set_values(rule: Rule) -> Iterable[tuple[str, object]]:
    """Return the attributes that every fix of a rule sets to a constant, with that."""
    plans = [plan for plan in rule.edits if plan.steps]
    if len(plans) != 1 or plans[0].languages:
        return ()
    steps = (step for step in plans[0].steps if step.operation == "set" and not step.is_linked and not step.if_absent)
    return ((name, step.value) for step in steps if not step.choices for name in step.names)

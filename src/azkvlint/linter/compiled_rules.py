"""The rules of a run in the form that is evaluated, which runs with the same rules share."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from azkvlint.config.run_config import Config, today
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.rule import Rule

if TYPE_CHECKING:
    from azkvlint.linter.suppressions import SuppressionPolicy
    from azkvlint.readers.reader import Reader
    from azkvlint.readers.terraform import TerraformSettings


class UnitSettings(NamedTuple):
    """How all units of a run are evaluated.

    Directives in comments are checked against ``policy``; without one they are ignored. For ``relevant`` see
    RequiredAttributes.
    """

    config: Config
    rules: tuple[Rule, ...]
    root: str
    policy: SuppressionPolicy | None = None
    relevant: frozenset[str] = frozenset()


class Compiled:
    """The rules of a run in the form that is evaluated, with the attributes that they require.

    Runs with the same settings on different inputs can share it.
    """

    def __init__(self, config: Config, rules: tuple[Rule, ...], relevant: frozenset[str] = frozenset()) -> None:
        # A run that reuses all results needs none of these.
        from azkvlint.derived.build_graph import with_needs
        from azkvlint.engine.evaluator import RuleEvaluator
        from azkvlint.engine.required_attributes import required_by

        required = required_by(rules, today(config), relevant)
        if config.with_controls:
            from azkvlint.engine.vault_ownership import with_owners

            required = with_owners(required)
        self.required = with_needs(required)
        self.evaluator = RuleEvaluator(rules, config.explain, config.with_controls)


class CompiledRules:
    """The rules of the last runs, compiled."""

    # A fix is proven with other rules than the run has.
    _MOST = 2

    def __init__(self) -> None:
        self._last: list[tuple[tuple[Rule, ...], object, Compiled]] = []

    def of(self, config: Config, rules: tuple[Rule, ...], relevant: frozenset[str]) -> Compiled:
        """Return rules in the form that is evaluated, that of an earlier run if it is the same."""
        key = relevant, today(config), config.explain, config.with_controls
        for known_rules, known_key, compiled in self._last:
            # Not by equality: a rule that requires 1 equals one that requires true.
            if known_key == key and len(known_rules) == len(rules) and all(map(is_, known_rules, rules)):
                return compiled
        compiled = Compiled(config, rules, relevant)
        self._last = [(rules, key, compiled), *self._last[: self._MOST - 1]]
        return compiled

    def reader(
        self, required: RequiredAttributes, root: str, settings: TerraformSettings, *, peer_comments: bool
    ) -> Reader:
        """Return the reader of a run."""
        from azkvlint.readers.reader import Reader

        return Reader(required, root, settings, peer_comments=peer_comments)


class SharedReads(CompiledRules):
    """The rules of the last runs, compiled, and the ``last_reader``, which another analysis uses after the run.

    Inputs are read once for both: ``also`` are the attributes that the other analysis requires.
    """

    def __init__(self, also: RequiredAttributes) -> None:
        super().__init__()
        self._also = also
        self.last_reader: Reader | None = None

    def reader(
        self, required: RequiredAttributes, root: str, settings: TerraformSettings, *, peer_comments: bool
    ) -> Reader:
        """Return the reader of a run, which reads what the other analysis requires too."""
        from azkvlint.engine.required_attributes import united
        from azkvlint.readers.reader import KeepingReader

        both = united(required, self._also)
        self.last_reader = KeepingReader(both, root, settings, peer_comments=peer_comments)
        return self.last_reader

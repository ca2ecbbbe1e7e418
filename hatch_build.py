"""Build hook: a wheel contains the built-in rules and regular expressions compiled, so that kvlint starts faster.

An editable install gets none of this: it reads the rule files of the checkout, which change.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from azkvlint.model.rule import Rule
    from azkvlint.util.lazy_regex import LazyPattern


class Made(BuildHookInterface[Any]):
    """Add the compiled rules and regular expressions to the wheel; a rule file with a fault fails the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the compiled rules into a folder outside of the sources, where nothing takes them for source files."""
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "src"))
        from azkvlint.engine.rule_store import compile_package, rules_of_checkout

        self._folder = TemporaryDirectory()
        rules = rules_of_checkout(str(root / "src" / "azkvlint"))
        for name, content in compile_package(rules, _patterns(rules)).items():
            compiled = Path(self._folder.name, name)
            compiled.write_bytes(content)
            build_data["force_include"][str(compiled)] = f"azkvlint/rules/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the folder."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()


def _patterns(rules: Iterable[Rule]) -> list[LazyPattern]:
    """Return the regular expressions of the rules, and those of all modules that can be imported during a build."""
    import azkvlint
    from azkvlint.engine.parameters import patterns_of
    from azkvlint.util.lazy_regex import LazyPattern
    from azkvlint.util.safe_regex import proofs_of

    for module in pkgutil.walk_packages(azkvlint.__path__, "azkvlint."):
        if not module.name.endswith("__main__"):
            with suppress(ImportError):  # a dependency that only kvlint itself requires
                importlib.import_module(module.name)
    proofs = proofs_of(pattern for rule in rules for _, pattern in patterns_of(rule))
    own = [one for one in gc.get_objects() if isinstance(one, LazyPattern)]
    return [*own, *(LazyPattern(proof.python, 0) for proof in proofs.values())]

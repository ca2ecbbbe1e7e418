"""Build hook: a wheel carries rules and tables compiled, so that kvlint reads no YAML and imports few modules.

An editable install gets none of this: it reads the files of the checkout, which change.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Made(BuildHookInterface[Any]):
    """Adds rules and tables to the wheel as JSON files; a file with a fault fails the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the compiled files into a folder outside of the sources, where nothing takes them for source files."""
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "src"))
        from azkvlint.engine.rule_store import compile_rules, rules_of_checkout
        from azkvlint.linter.compile_tables import compile_tables

        self._folder = TemporaryDirectory()
        rules = compile_rules(rules_of_checkout(str(root / "src" / "azkvlint")))
        for folder, files in (("rules", rules), ("data", compile_tables())):
            Path(self._folder.name, folder).mkdir()
            for name, content in files.items():
                compiled = Path(self._folder.name, folder, name)
                compiled.write_bytes(content)
                build_data["force_include"][str(compiled)] = f"azkvlint/{folder}/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the folder."""
        if hasattr(self, "_folder"):
            self._folder.cleanup()

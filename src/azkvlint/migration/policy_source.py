"""Access policies as their authors wrote them: the expressions that generated code repeats."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from azkvlint.migration.bicep_source import BicepFile, body_of, member, names_in
from azkvlint.migration.terraform_source import open_policies, terraform_policy
from azkvlint.migration.written import BICEP, TERRAFORM, OpenPolicy, Written
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Value
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Block, parse_file
from azkvlint.syntax.texts import source_text
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import MAX_FILE, read_bytes

_LANGUAGES = {".tf": TERRAFORM, ".tofu": TERRAFORM, ".bicep": BICEP}
# The arguments that enable Azure RBAC; the second is the former name.
MODEL_ARGUMENTS = ("rbac_authorization_enabled", "enable_rbac_authorization")
_VARIABLE = regex(r"(?<![\w.])(?:var|local)\.[A-Za-z_][\w-]*")


class PolicySources:
    """The source of the access policies of one run, whose reported paths are relative to ``root``."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._texts: dict[str, str] = {}
        self._blocks: dict[str, Mapping[int, Block]] = {}
        self._files: dict[str, BicepFile] = {}

    def written(self, source: Resource, at: Location, item: Value) -> Written | None:
        """Return the expressions of a policy of ``source``, which is declared at ``at``; None without its source."""
        text = self._text(at.path)
        if language_of(at.path) == TERRAFORM:
            block = self._block(at)
            return None if block is None else terraform_policy(block, source, item, text)
        file, node = self._bicep_resource(at)
        return None if file is None or node is None else file.policy(node, source, item)

    def open_policies(
        self, source: Resource, known: Iterable[Location], doubts: Iterable[Location], *, is_partial: bool
    ) -> tuple[OpenPolicy, ...] | None:
        """Return the policies of ``source`` that a loop or condition decides; None if these are not in its source.

        ``known`` are the places of its known policies, and ``doubts`` those of the reasons why there may be others:
        all reasons if ``is_partial``.
        """
        starts = frozenset(one.span[0] for one in known if one.span is not None)
        if language_of(source.at.path) == TERRAFORM:
            block = self._block(source.at)
            places = [one.span[0] if one.span is not None and one.path == source.at.path else -1 for one in doubts]
            text = self._text(source.at.path)
            return None if block is None else open_policies(block, starts, places, text, is_partial=is_partial)
        file, node = self._bicep_resource(source.at)
        return None if file is None or node is None else file.open_policies(node, source, starts)

    def argument(self, at: Location, names: tuple[str, ...]) -> str:
        """Return which of the arguments the block at a location sets; the first one if it sets none."""
        block = self._block(at)
        return next((name for name in names if block is not None and name in block.body.attributes), names[0])

    def model_names(self, at: Location) -> frozenset[str]:
        """Return the variables and parameters on which the permission model of the vault at a location depends."""
        if language_of(at.path) == TERRAFORM:
            block, text = self._block(at), self._text(at.path)
            attributes = {} if block is None else block.body.attributes
            own = [attributes[name] for name in MODEL_ARGUMENTS if name in attributes]
            return frozenset(_VARIABLE.findall(" ".join(text[one.value_start : one.end] for one in own)))
        _, node = self._bicep_resource(at)
        body = None if node is None else body_of(node)
        properties = None if body is None else member(body, "properties")
        model = member(properties, "enableRbacAuthorization") if isinstance(properties, ast.Object) else None
        return frozenset() if model is None else frozenset(names_in(model))

    def names(self, path: str) -> frozenset[str]:
        """Return the symbolic names that a Bicep file declares."""
        return frozenset(self._bicep_file(path).declared) if self._text(path) else frozenset()

    def _text(self, path: str) -> str:
        """Return the text of a source file; empty if it cannot be read."""
        if path not in self._texts:
            try:
                data = read_bytes(os.path.join(self._root, path), MAX_FILE) if language_of(path) else b""
                self._texts[path] = source_text(data)
            except InputError:
                self._texts[path] = ""
        return self._texts[path]

    def _block(self, at: Location) -> Block | None:
        if at.span is None or language_of(at.path) != TERRAFORM:
            return None
        if at.path not in self._blocks:
            self._blocks[at.path] = {block.head: block for block in parse_file(self._text(at.path)).body.blocks}
        return self._blocks[at.path].get(at.span[1])

    def _bicep_resource(self, at: Location) -> tuple[BicepFile | None, ast.Resource | None]:
        if at.span is None or language_of(at.path) != BICEP or not self._text(at.path):
            return None, None
        file = self._bicep_file(at.path)
        return file, file.resources.get(at.span[1])

    def _bicep_file(self, path: str) -> BicepFile:
        if path not in self._files:
            from azkvlint.syntax.bicep.parse import parse

            text = self._text(path)
            declarations = parse(text).declarations
            resources = {one.head: one for one in declarations if isinstance(one, ast.Resource)}
            named = {getattr(one, "name", ""): one for one in declarations}
            self._files[path] = BicepFile(resources, named, text)
        return self._files[path]


def language_of(path: str) -> str:
    """Return the language of a source file; empty for a file of another kind."""
    return _LANGUAGES.get(os.path.splitext(path)[1].lower(), "")

"""Access policies as their authors wrote them: the expressions that generated code repeats."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from azkvlint.migration.bicep_source import BicepFile, body_of, member
from azkvlint.migration.expressions import names_in
from azkvlint.migration.terraform_names import Names
from azkvlint.migration.terraform_source import indexed_vault, open_policies, terraform_policy
from azkvlint.migration.written import BICEP, TERRAFORM, OpenPolicy, PolicyCode
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Value
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Block, parse_file
from azkvlint.syntax.texts import source_text
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import MAX_FILE, list_names, read_bytes

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
        self._declared: dict[str, Names] = {}

    def written(self, source: Resource, at: Location, item: Value) -> PolicyCode | None:
        """Return the expressions of a policy of ``source``, which is declared at ``at``; None without its source."""
        text = self._text(at.path)
        if language_of(at.path) == TERRAFORM:
            block = self._block(at)
            return None if block is None else terraform_policy(block, source, item, text, self._names(at.path))
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
            if block is None:
                return None
            text, names = self._text(source.at.path), self._names(source.at.path)
            return open_policies(block, starts, places, text, names, is_partial=is_partial)
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

    def is_given(self, cause: Location | None) -> bool:
        """Return whether a value is that of a variable or parameter, by the places that it is from."""
        while cause is not None:
            if self._is_in_variable(cause):
                return True
            cause = cause.cause
        return False

    def _is_in_variable(self, at: Location) -> bool:
        """Return whether a place is in the declaration of a variable or parameter, or in another file of values."""
        language = language_of(at.path)
        if at.span is None or not self._text(at.path):
            return True
        start, end = at.span
        if language == TERRAFORM:
            blocks = self._blocks_of(at.path).values()
            return any(one.type == "variable" and one.start <= start and end <= one.end for one in blocks)
        declared = self._bicep_file(at.path).declared.values()
        return any(
            isinstance(one, ast.ParameterDeclaration) and one.start <= start and end <= one.end for one in declared
        )

    def indexed_vault(self, at: Location) -> str:
        """Return the vault whose instance the separate policy at a location is for, as its module declares it."""
        block = self._block(at)
        return "" if block is None else indexed_vault(block)

    def _names(self, path: str) -> Names:
        """Return what the module of a Terraform file declares."""
        folder = os.path.dirname(path)
        if folder not in self._declared:
            try:
                files = sorted(list_names(os.path.join(self._root, folder)))
            except (OSError, InputError):
                files = []
            paths = [os.path.join(folder, name) for name in files if language_of(name) == TERRAFORM]
            every = (block for one in paths for block in self._blocks_of(one).values())
            self._declared[folder] = Names.of(every)
        return self._declared[folder]

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
        return self._blocks_of(at.path).get(at.span[1])

    def _blocks_of(self, path: str) -> Mapping[int, Block]:
        """Return the blocks of a Terraform file by the end of their headers."""
        if path not in self._blocks:
            self._blocks[path] = {block.head: block for block in parse_file(self._text(path)).body.blocks}
        return self._blocks[path]

    def _bicep_resource(self, at: Location) -> tuple[BicepFile | None, ast.ResourceDeclaration | None]:
        if at.span is None or language_of(at.path) != BICEP or not self._text(at.path):
            return None, None
        file = self._bicep_file(at.path)
        return file, file.resources.get(at.span[1])

    def _bicep_file(self, path: str) -> BicepFile:
        if path not in self._files:
            from azkvlint.syntax.bicep.parse import parse

            text = self._text(path)
            declarations = parse(text).declarations
            resources = {one.head: one for one in declarations if isinstance(one, ast.ResourceDeclaration)}
            named = {getattr(one, "name", ""): one for one in declarations}
            self._files[path] = BicepFile(resources, named, text)
        return self._files[path]


def language_of(path: str) -> str:
    """Return the language of a source file; empty for a file of another kind."""
    return _LANGUAGES.get(os.path.splitext(path)[1].lower(), "")

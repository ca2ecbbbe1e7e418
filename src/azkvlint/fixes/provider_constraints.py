"""Raise the version constraint of azurerm within its major version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from azkvlint.azure.azurerm.argument_versions import version_text
from azkvlint.derived.versions import VAULTS_SINCE
from azkvlint.fixes.places import Change, Edits, FixTarget
from azkvlint.fixes.proof import keys_of
from azkvlint.fixes.provider_versions import AZURERM, constraints_in, locked_in
from azkvlint.fixes.sensitive import body_of
from azkvlint.fixes.sources import Sources
from azkvlint.fixes.steps import Steps
from azkvlint.model.finding import Finding
from azkvlint.model.fix import Refusal
from azkvlint.model.provider_version import Version, VersionRange, range_of_constraint
from azkvlint.model.rule import EditStep
from azkvlint.util.lazy_regex import regex

_DECISION = "needs a decision: azurerm 4.0 has breaking changes, which its upgrade guide describes"
_MAJOR = (VAULTS_SINCE[0], 0)
# A constraint that allows one version, or the patches of one.
_NARROW = regex(r"\s*((?:=|~>\s{0,9}(?=\d+\.\d+\.))?\s{0,9})\d+(?:\.\d+){0,2}\s*")


class _Constraint(NamedTuple):
    """A version constraint in a file, and where its string is."""

    path: str
    span: tuple[int, int]
    versions: VersionRange
    text: str


def with_constraint(finding: Finding, _: EditStep, __: FixTarget) -> Iterator[Change]:
    """Yield the change of the constraints that exclude all versions with a supported API."""
    # The provider may be configured in a module; then the constraints and the lock file of its caller decide too.
    folders = dict.fromkeys((finding.at.path.rpartition("/")[0], *sorted(root for _, root, _ in keys_of(finding))))
    yield partial(_raised, tuple(folder for folder in folders if not folder.endswith(".json")))


def _raised(folders: Sequence[str], sources: Sources) -> tuple[Edits, str]:
    since = version_text(VAULTS_SINCE)
    written: dict[str, None] = {}
    steps = Steps(sources)
    files = [file for folder in folders for file in sources.module_files(_in_folder(folder))]
    found = [one for file in dict.fromkeys(files) for one in _constraints(file, sources)]
    # Edits move what follows them, so the last one is the first.
    for one in sorted(found, reverse=True):
        if one.versions.high <= _MAJOR:
            raise Refusal(_DECISION)
        if one.versions.high <= VAULTS_SINCE:
            narrow = _NARROW.fullmatch(one.text)
            version = f"~> {since}" if narrow is None else f"{narrow[1]}{since}.0"
            steps.add(steps.now.editor(one.path).replace_value(one.span, version))
            written[f'`version = "{version}"`'] = None
    high = min((one.versions.high for one in found), default=VersionRange().high)
    for folder in folders:
        _refuse_locked(folder, sources, high, has_edits=bool(steps.edits))
    if not steps.edits:
        raise Refusal("a module that is called restricts the version of azurerm: raise its constraint")
    return steps.edits, f"Set {' and '.join(sorted(written))} of azurerm"


def _in_folder(folder: str, name: str = "main.tf") -> str:
    return f"{folder}/{name}" if folder not in ("", ".") else name


def _refuse_locked(folder: str, sources: Sources, high: Version, *, has_edits: bool) -> None:
    """Raise Refusal if the lock file of a folder selects a version without a supported API.

    Where the constraints allow versions up to ``high``, an upgrade may select one of the next major version.
    """
    from azkvlint.readers.terraform.folder import LOCK_FILE

    file = sources.beside(_in_folder(folder), LOCK_FILE)
    locked = locked_in(body_of(file, sources.text(file)), AZURERM) if file else ""
    if locked and range_of_constraint(locked).high <= VAULTS_SINCE:
        if range_of_constraint(locked).high <= _MAJOR:
            raise Refusal(f"{_DECISION} (`{file}` selects {locked})")
        is_open = high > (VAULTS_SINCE[0] + 1, 0) and not has_edits
        step = f'set `version = "~> {version_text(VAULTS_SINCE)}"` of azurerm and run' if is_open else "run"
        step = "raise the constraint and run" if has_edits else step
        raise Refusal(f"`{file}` selects {locked}: {step} `terraform init -upgrade`")


def _constraints(path: str, sources: Sources) -> Iterator[_Constraint]:
    """Yield the constraints of azurerm in a file."""
    for node in constraints_in(body_of(path, sources.text(path)), AZURERM):
        text = str(node.value)
        yield _Constraint(path, (node.start, node.end), range_of_constraint(text), text)

"""Replay random edits of real files in the language server's checks, and compare with the command line.

    python -m tests.editor.replay [--count 1000] [--seed 1] [--corpora FOLDER] [--protocol]

A case is a workspace with a few files of the samples or of ``../shared/corpora``. After every few edits, the
diagnostics are compared with a check of a copy of the workspace on the disk, with the texts of the editor in its files.
Some checks are interrupted before, at any place, and some begin another session with the results on the disk.
With ``--protocol``, a client sends the edits to a server, and compares what it was sent in the end.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from lsprotocol.types import TextDocumentContentChangePartial, TextDocumentContentChangeWholeDocument

from azkvlint.cli.lsp import configure
from azkvlint.config.run_config import Config
from azkvlint.editor.checks import CheckOutcome, CheckRequest, Checks, FirstOutcome, OpenDocument, Superseded
from azkvlint.editor.protocol import Positions, changed, path_of
from azkvlint.editor.settings import EditorSettings
from azkvlint.linter.linter import check
from azkvlint.linter.result_cache import CacheFolderSettings
from azkvlint.model.finding import Finding, Problem, Report
from azkvlint.util.errors import KvlintError
from azkvlint.util.run_state import separate_run
from tests.editor.client import Client, serving

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
ENDINGS = (".tf", ".tofu", ".tfvars", ".json", ".bicep", ".bicepparam", ".hcl")
_LARGEST, _MOST_FILES = 60_000, 12
_EDITS, _LOOKS = 4, 3
_PLACE = re.compile(r"(.*?:\d+: \S+)[\s\S]*")
PIECES = (
    "", "\n", "\r\n", " ", "{", "}", '"', "'", "[", "]", ",", "#", "//", "/*", "= true", "= false", "null", "é",
    "\U0001f511", "\n# kvlint: ignore[KV001] a reason\n", "\n// kvlint: ignore[KV301] a reason\n", "var.x", "\x0c",
    "\u2028",
    '\nresource "azurerm_key_vault" "new" {\n  name = "a"\n}\n', "\nparam x string\n",
    "purge_protection_enabled = true\n",
)  # fmt: skip


class Workspace:
    """A folder with an editor, and a copy with the same texts on the disk."""

    def __init__(self, top: Path, files: Sequence[tuple[str, bytes]], rng: random.Random) -> None:
        self.folder, self.copy, self.rng = top / "editor" / "project", top / "disk" / "project", rng
        for base in (self.folder, self.copy):
            (base / ".git").mkdir(parents=True)
            for name, data in files:
                (base / name).parent.mkdir(parents=True, exist_ok=True)
                (base / name).write_bytes(data)
        self.names = [name for name, _ in files]
        self.encoding = rng.choice(("utf-8", "utf-16", "utf-32"))
        # Results of the texts on the disk are kept for the next session, however fast they are.
        self.store = CacheFolderSettings(folder=str(top / "cache"), option="--cache-dir", of_editor=True, seconds=0)
        self.checks = Checks(explained, self.encoding, self.store)
        self.documents: dict[str, OpenDocument] = {}
        self.edits = 0

    def edit(self) -> None:
        """Open, change, save or close a document, or change a file on the disk."""
        rng, self.edits = self.rng, self.edits + 1
        name = rng.choice(self.names)
        file = self.folder / name
        document = self.documents.get(str(file))
        if document is None:
            text = self._text(file)
            if text is None:
                return
            self.hold(file, text)
        elif rng.random() < 0.1:
            file.write_text(document.text, encoding="utf-8", newline="")
        elif rng.random() < 0.1:
            del self.documents[str(file)]
        elif rng.random() < 0.1:
            text = self._text(self.copy.parent / "original" / name) or document.text
            self.hold(file, changed(document.text, [TextDocumentContentChangeWholeDocument(text)], self.encoding))
        else:
            self.hold(file, changed(document.text, [self._change(document.text)], self.encoding))

    def _change(self, text: str) -> TextDocumentContentChangePartial:
        rng = self.rng
        start = rng.randrange(len(text) + 1)
        if rng.random() < 0.5:
            line = text.rfind("\n", 0, start) + 1
            end = text.find("\n", start)
            start, stop = rng.choice(((line, line), (line, len(text) if end < 0 else end), (start, start)))
        else:
            stop = min(len(text), start + rng.choice((0, 0, 1, 5, 40)))
        return TextDocumentContentChangePartial(
            Positions(text, self.encoding).range_of(start, stop), rng.choice(PIECES)
        )

    def _text(self, file: Path) -> str | None:
        try:
            return file.read_bytes().decode("utf-8-sig")
        except (UnicodeDecodeError, FileNotFoundError):
            return None

    def hold(self, file: Path, text: str) -> None:
        """Open a document with this text, or change it."""
        self.edits += 1
        self.documents[str(file)] = OpenDocument(file.as_uri(), self.edits, text, text.encode())

    def difference(self) -> str:
        """Return how the diagnostics differ from those of the command line; empty if they do not."""
        request = CheckRequest(folders=(str(self.folder),), documents=dict(self.documents), settings=EditorSettings())
        if self.rng.random() < 0.2:
            self.checks = Checks(explained, self.encoding, self.store)  # another session
        for _ in range(self.rng.choice((0, 0, 1, 2))):
            self._interrupt(request, self.rng.randrange(12))
        outcome = self.checks.check(request, receive=self.rng.choice((None, _ignore)))
        found = sorted(
            _shown(str(Path(file).relative_to(self.folder)), item.cause, item.diagnostic.range.start.line)
            for file, items in outcome.files.items()
            for item in items
        )
        expected, fault = self._expected()
        if fault:
            return "" if outcome.shown else f"not shown: {fault}"
        return _difference(found, expected) or self._misplaced(outcome) or self._inequality(outcome)

    def _interrupt(self, request: CheckRequest, looks: int) -> None:
        """Check until something newer arrives, after so many looks for it."""
        left = iter(range(looks))
        with suppress(Superseded):
            self.checks.check(request, lambda: next(left, None) is None, _ignore)

    def replay(self, edits: int) -> str:
        """Return how the diagnostics differ that a client of a server has in the end."""
        with serving() as client:
            client.initialize(self.folder, capabilities={"general": {"positionEncodings": [self.encoding]}})
            for _ in range(edits):
                before = dict(self.documents)
                self.edit()
                self._send(client, before)
            if not self.documents:
                self.hold(self.folder / self.names[0], self._text(self.folder / self.names[0]) or "")
                self._send(client, {})
            # The answer follows the diagnostics of the current text.
            place = {"line": 0, "character": 0}
            document = {"uri": next(iter(self.documents.values())).uri}
            context = {"diagnostics": [], "only": ["refactor"]}
            client.request(
                "textDocument/codeAction", textDocument=document, range={"start": place, "end": place}, context=context
            )
            found = sorted(
                f"{_path(uri, self.folder)}:{one['range']['start']['line'] + 1}: {one['code']}"
                for uri, file in client.diagnostics.items()
                for one in file["diagnostics"]
            )
        expected, fault = self._expected()
        return "" if fault else _difference(found, [_PLACE.sub(r"\1", text) for text in expected])

    def _send(self, client: Client, before: Mapping[str, OpenDocument]) -> None:
        """Send the last edit to a server, as the smallest change."""
        for file in before.keys() - self.documents.keys():
            client.notify("textDocument/didClose", textDocument={"uri": before[file].uri})
        for file, document in self.documents.items():
            if file not in before:
                client.open(Path(file), document.text)
            elif document is not before[file]:
                client.change(Path(file), document.version, _smallest(before[file].text, document.text, self.encoding))

    def _expected(self) -> tuple[list[str], str]:
        """Return the diagnostics of the command line, or why it has none."""
        for name in self.names:
            document = self.documents.get(str(self.folder / name))
            data = (self.folder / name).read_bytes() if document is None else document.data
            (self.copy / name).write_bytes(data)
        # The command line shares nothing with an editor.
        with separate_run():
            try:
                self.report = check(msgspec.structs.replace(explained((str(self.copy),)), second_opinions=False))
                return sorted(_diagnostics(self.report)), ""
            except KvlintError as error:
                return [], error.message

    def _inequality(self, outcome: CheckOutcome) -> str:
        """Return what else differs in the report, of which diagnostics show a part."""
        mine = outcome.checked[str(self.folder),].report
        for field in msgspec.structs.fields(Report):
            one, other = getattr(mine, field.name), getattr(self.report, field.name)
            if one == other or field.name in ("root", "rules"):
                continue
            if repr(one).replace(str(self.folder), str(self.copy)) != repr(other):
                return f"{field.name} differs: {one!r:.1500} {other!r:.1500}"
        return ""

    def _misplaced(self, outcome: CheckOutcome) -> str:
        """Return which diagnostic is not at the region of its finding, counted anew; empty if there is none."""
        for file, items in outcome.files.items():
            copied = self.copy / Path(file).relative_to(self.folder)
            if not copied.is_file():  # the source of a plan, found in the current folder
                continue
            text = copied.read_bytes().decode("utf-8-sig", "replace")
            lines = re.split("\r\n|\r|\n", text)
            for item in items:
                region = None if item.cause.at is None else item.cause.at.region
                start = item.diagnostic.range.start
                if region is not None:
                    before = lines[region.start_line - 1][: region.start_column - 1]
                    if (start.line, start.character) != (region.start_line - 1, self._units(before)):
                        return f"{file}: {region} is at {start}"
        return ""

    def _units(self, text: str) -> int:
        codec, size = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}[self.encoding]
        return len(text.encode(codec)) // size


def _ignore(_: FirstOutcome) -> None:
    """Ignore what is known before a check is done."""


def _difference(found: list[str], expected: list[str]) -> str:
    more, fewer = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))
    return "" if sorted(found) == sorted(expected) else f"only in the editor: {more}; missing: {fewer}"


def _path(uri: str, folder: Path) -> str:
    return Path(path_of(uri)).relative_to(folder).as_posix()


def _smallest(old: str, new: str, encoding: str) -> dict[str, Any]:
    """Return the change of the part of a text that differs."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    tail = next((at for at in range(shorter - head) if old[-1 - at] != new[-1 - at]), shorter - head)
    if "\r" in old or "\r" in new:  # a position between the characters of a line break does not exist
        return {"text": new}
    place = Positions(old, encoding).range_of(head, len(old) - tail)
    ends = ({"line": one.line, "character": one.character} for one in (place.start, place.end))
    return {"range": dict(zip(("start", "end"), ends, strict=True)), "text": new[head : len(new) - tail]}


def explained(paths: tuple[str, ...], settings: EditorSettings | None = None) -> Config:
    """Return the configuration of an editor, with unknown results."""
    return msgspec.structs.replace(configure(paths, settings or EditorSettings()), explain=True)


def _diagnostics(report: Report) -> Iterator[str]:
    causes: tuple[Any, ...] = (*report.findings, *report.problems)
    for one in causes:
        if one.at is not None:
            yield _shown(one.at.path, one, 0 if one.at.region is None else one.at.region.start_line - 1)


def _shown(path: str, cause: Finding | Problem, line: int) -> str:
    code = cause.rule.id if isinstance(cause, Finding) else cause.code
    return f"{path}:{line + 1}: {code} {cause.message}"


def folders(corpora: Path | None) -> list[Path]:
    """Return the folders with files of the samples and of corpora."""
    tops = [SAMPLES, *([corpora] if corpora is not None and corpora.is_dir() else [])]
    files = (file for top in tops for file in top.rglob("*") if file.name.endswith(ENDINGS) and file.is_file())
    return sorted({file.parent for file in files if not any(part.startswith(".") for part in file.parts)})


def case(number: int, seed: int, found: Sequence[Path], *, by_protocol: bool = False) -> str:
    """Replay one case, and return the first difference; empty if there is none."""
    rng = random.Random(seed * 1_000_003 + number)
    files: list[tuple[str, bytes]] = []
    for index, folder in enumerate(rng.sample(found, rng.choice((1, 1, 2)))):
        listed = sorted(file for file in folder.rglob("*") if file.name.endswith(ENDINGS) and file.is_file())
        small = [file for file in listed if file.stat().st_size < _LARGEST][:_MOST_FILES]
        files += [(f"part{index}/{file.relative_to(folder).as_posix()}", file.read_bytes()) for file in small]
    if not files:
        return ""
    with tempfile.TemporaryDirectory() as top:
        workspace = Workspace(Path(top).resolve(), files, rng)
        for _ in range(1 if by_protocol else _LOOKS):
            if by_protocol:
                difference = workspace.replay(_LOOKS * rng.randint(1, _EDITS))
            else:
                for _ in range(rng.randint(1, _EDITS)):
                    workspace.edit()
                difference = workspace.difference()
            if difference:
                return f"case {number} ({workspace.names[0]}, {workspace.encoding}): {difference}"
    return ""


def main() -> int:
    """Replay cases, print the differences, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    parser.add_argument("--protocol", action="store_true")
    options = parser.parse_args()
    found, failed = folders(options.corpora), 0
    for number in range(options.first, options.first + options.count):
        difference = case(number, options.seed, found, by_protocol=options.protocol)
        if difference:
            failed += 1
            print(difference[:3000], flush=True)
    count = 1 if options.protocol else _LOOKS
    print(f"{options.count} cases in {len(found)} folders, {count} comparisons each: {failed} with differences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

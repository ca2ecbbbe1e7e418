"""A folder with results that was changed since the run: ``--resume`` repairs it, or names the file, and nothing else.

The inputs are checked in this process, without a cluster, through the command line.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from azkvlint.__main__ import _run_with_error_handling
from azkvlint.config.run_config import Config
from azkvlint.fleet import checker, results, run
from azkvlint.fleet.checker import encoded_chunk
from azkvlint.fleet.results import FleetRun, ManifestEntry, entries_of
from azkvlint.fleet.rows import result_of
from azkvlint.linter.linter import check
from azkvlint.linter.rule_tests import expand
from azkvlint.util.result_folder import ResultFolder

pytestmark = pytest.mark.slow(8)

pytest.importorskip("pyarrow", reason='the extra "fleet" (dask, distributed, pyarrow) is not installed')

COUNT = 6
SETTINGS = ("--select", "KV001,KV101", "--as-of", "2026-11-01")
Tamper = Callable[[Path], None]


class _Future:
    """A check that is done when it is submitted."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def add_done_callback(self, function: Callable[[Any], None]) -> None:
        function(self)

    def result(self) -> bytes:
        return self._data

    def release(self) -> None:
        pass


class _Client:
    status = "running"

    def submit(self, function: Callable[..., bytes], setup: bytes, names: list[str], **_: object) -> _Future:
        return _Future(function(setup, names))

    def nthreads(self) -> dict[str, int]:
        return {"": 1}

    def run(self, *_: object, **__: object) -> None:
        pass


@contextmanager
def _client(*_: object) -> Iterator[tuple[Any, int, Callable[[], object]]]:
    yield _Client(), 1, lambda: None


@pytest.fixture(scope="module")
def checked() -> dict[str, Any]:
    """The results of inputs by name, each computed once."""
    return {}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch, checked: dict[str, Any]) -> None:
    pytest.importorskip("distributed", reason='the extra "fleet" is not installed')

    def check_chunk(setup: bytes, names: list[str]) -> bytes:
        settings = msgspec.json.decode(setup, type=checker.Setup)
        return encoded_chunk([result(name, settings.config) for name in names])

    def result(name: str, config: Config) -> Any:
        if name not in checked:
            config = msgspec.structs.replace(config, paths=(str(Path.cwd() / name),), jobs=1)
            checked[name] = result_of(name, check(config), config)
        return checked[name]

    monkeypatch.setattr(run, "_client", _client)
    monkeypatch.setattr(checker, "check_chunk", check_chunk)
    monkeypatch.setattr(results, "MOST_IN_PART", 2)  # three parts


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with plans, beside a folder of the user; the results are added by the first test that needs them."""
    top = tmp_path_factory.mktemp("tampered")
    (top / "repo" / ".git").mkdir(parents=True)
    (top / "repo" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (top / "repo" / "plans").mkdir()
    (top / "victim" / "deep").mkdir(parents=True)
    (top / "victim" / "deep" / "a.txt").write_text("keep")
    for number in range(COUNT):
        text = f"azurerm_key_vault.a: {{name: kv-{number}}}\nazurerm_key_vault.b: {{name: kv-b}}"
        (top / "repo" / "plans" / f"{number}.json").write_bytes(expand(text))
    return top


@pytest.fixture
def checkout(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the checkout with finished results."""
    if not (finished / "repo" / "results").exists():
        monkeypatch.chdir(finished / "repo")
        assert fleet(*(f"plans/{number}.json" for number in range(COUNT))) == 1
    shutil.copytree(finished, tmp_path / "top")
    monkeypatch.chdir(tmp_path / "top" / "repo")
    return tmp_path / "top" / "repo"


def fleet(*words: str) -> int:
    return _run_with_error_handling(["fleet", *words, "--out", "results", *SETTINGS])


# --- what is tampered with --------------------------------------------------------------------------------------------


def entry(number: int = 0) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: json.loads((folder / "manifest.jsonl").read_text().splitlines()[number])


def first_part(folder: Path) -> str:
    found: str = entry()(folder)["part"]
    return found


def lines(change: Callable[[list[bytes]], list[bytes]], name: str = "manifest.jsonl") -> Tamper:
    def tamper(folder: Path) -> None:
        file = folder / name
        file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))

    return tamper


def sealed(change: dict[str, Any], number: int = 0) -> Tamper:
    """Change fields of a line in the manifest, with the digest that belongs to it."""

    def forge(found: list[bytes]) -> list[bytes]:
        line = json.loads(found[number])
        for name, value in change.items():
            *above, last = name.split(".")
            place = line[above[0]] if above else line
            place[last] = value
        found[number] = forged(line)
        return found

    return lines(forge)


def forged(fields: dict[str, Any]) -> bytes:
    """A line of the manifest with a digest as a run computes it, if it has the fields of one."""
    try:
        return results._encoded(results._sealed(msgspec.convert(fields, ManifestEntry)))
    except msgspec.ValidationError:
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def run_file(**change: Any) -> Tamper:
    """Change fields of run.json, with the digest that belongs to it."""

    def tamper(folder: Path) -> None:
        fields = json.loads((folder / "run.json").read_text()) | change
        try:
            data = results._encoded(results._sealed(msgspec.convert(fields, FleetRun)))
        except msgspec.ValidationError:
            data = json.dumps(fields, separators=(",", ":")).encode() + b"\n"
        (folder / "run.json").write_bytes(data)

    return tamper


def inputs(change: Callable[[list[bytes]], list[bytes]]) -> Tamper:
    """Change the list of inputs, with the digest that belongs to it."""

    def tamper(folder: Path) -> None:
        lines(change, "inputs.jsonl")(folder)
        run_file(list=ResultFolder(str(folder)).digest("inputs.jsonl"))(folder)

    return tamper


def content(name: str, data: bytes) -> Tamper:
    return lambda folder: _written(folder / name, data)


def _written(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def parquet(change: Callable[[bytes], bytes]) -> Tamper:
    def tamper(folder: Path) -> None:
        file = folder / "parquet" / f"{first_part(folder)}.parquet"
        file.write_bytes(change(file.read_bytes()))

    return tamper


def rows(change: Callable[[bytes], bytes]) -> Tamper:
    def tamper(folder: Path) -> None:
        file = folder / "jsonl" / first_part(folder) / "0000000.jsonl"
        file.write_bytes(change(file.read_bytes()))

    return tamper


def forged_rows(change: Callable[[bytes], bytes]) -> Tamper:
    """Change the rows of an input, with the digest in the manifest that belongs to them."""

    def tamper(folder: Path) -> None:
        rows(change)(folder)
        digest = ResultFolder(str(folder)).digest(f"jsonl/{first_part(folder)}/0000000.jsonl")
        sealed({"rows": digest})(folder)

    return tamper


def part_of(kind: str) -> Callable[[Path], Path]:
    return lambda folder: folder / ("jsonl" if kind == "" else "parquet") / f"{first_part(folder)}{kind}"


def removed(place: Callable[[Path], Path]) -> Tamper:
    def tamper(folder: Path) -> None:
        path = place(folder)
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return tamper


def linked(name: str, target: str = "../../victim") -> Tamper:
    """Replace a file or folder by a link; ``PART`` is the name of the first part."""

    def tamper(folder: Path) -> None:
        path = folder / name.replace("PART", first_part(folder) if "PART" in name else "")
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        up = "../" * name.count("/")
        path.symlink_to(up + target)

    return tamper


def pipe(name: str) -> Tamper:
    def tamper(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return tamper


def folder_in_place_of(name: str) -> Tamper:
    def tamper(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return tamper


def hard_linked(name: str) -> Tamper:
    def tamper(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.link(folder.parents[1] / "victim" / "deep" / "a.txt", folder / name)

    return tamper


def file_in_place_of(name: str) -> Tamper:
    def tamper(folder: Path) -> None:
        shutil.rmtree(folder / name)
        (folder / name).write_bytes(b"x")

    return tamper


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    return change


def without(number: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda found: found[:number] + found[number + 1 :]


def exchanged(found: list[bytes]) -> list[bytes]:
    return [found[1], found[0], *found[2:]]


def of_another_part(found: list[bytes]) -> list[bytes]:
    """The lines of two parts with the files of one of them."""
    first, last = json.loads(found[0]), json.loads(found[-1])
    return [*found[:-1], forged(last | {name: first[name] for name in ("part", "parquet", "rows")})]


VAULT = {"name": "", "path": "", "line": 0, "findings": []}
LONG = b'"' + b"a" * 3_000_000 + b'"\n'
TOKEN = b'"https://t0ken@example.com/x"\n'
NOTES = f"jsonl/part-{7:016x}"

REPAIRED: dict[str, Tamper] = {
    "a Parquet file is missing": removed(part_of(".parquet")),
    "a Parquet file has one more byte": parquet(lambda data: data + b"x"),
    "a Parquet file has one byte less": parquet(lambda data: data[:-1]),
    "a Parquet file has another byte in the middle": parquet(lambda data: data[:100] + b"?" + data[101:]),
    "a Parquet file is empty": parquet(lambda _: b""),
    "a Parquet file is a link": linked("parquet/PART.parquet", "../../victim/deep/a.txt"),
    "an unknown Parquet file is there": content(f"parquet/part-{7:016x}.parquet", b"PAR1"),
    "an unknown Parquet file is a link": linked(f"parquet/part-{7:016x}.parquet", "../../victim/deep/a.txt"),
    "all Parquet files are missing": removed(lambda folder: folder / "parquet"),
    "the rows of a part are missing": removed(part_of("")),
    "the rows of an input are missing": removed(lambda folder: part_of("")(folder) / "0000000.jsonl"),
    "rows have one more byte": rows(lambda data: data + b"\n"),
    "rows have one byte less": rows(lambda data: data[:-1]),
    "rows are empty": rows(lambda _: b""),
    "rows have another severity": rows(replaced(b'"high"', b'"info"')),
    "rows are a link": linked("jsonl/PART/0000000.jsonl", "../../victim/deep/a.txt"),
    "the rows of a part are a link": linked("jsonl/PART"),
    "a part has the rows of another input": lambda folder: _written(part_of("")(folder) / "0000009.jsonl", b""),
    "an unknown part is there": content(f"jsonl/part-{7:016x}/0000001.jsonl", b"{}\n"),
    "an unknown part is a link": linked(f"jsonl/part-{7:016x}"),
    "a part was not completed": content(f"jsonl/part-{7:016x}.partial/0000001.jsonl", b"{}\n"),
    "all rows are missing": removed(lambda folder: folder / "jsonl"),
    "forged rows are not JSON": forged_rows(lambda _: b"no JSON\n"),
    "forged rows are empty": forged_rows(lambda _: b""),
    "forged rows have another input": forged_rows(lambda data: data.replace(b"plans/0.json", b"plans/9.json")),
    "forged rows have another severity": forged_rows(replaced(b'"high"', b'"info"')),
    "forged rows have no severity": forged_rows(replaced(b'"severity":"high",', b"")),
    "forged rows have a finding twice": forged_rows(lambda data: data[: data.index(b"\n") + 1] + data),
    "forged rows lack a finding": forged_rows(lambda data: data[data.index(b"\n") + 1 :]),
    "forged rows have a line that does not end": forged_rows(lambda data: data[:-1]),
    "forged rows have an unknown column": forged_rows(replaced(b'{"kind"', b'{"x":1,"kind"')),
    "forged rows are nested deeply": forged_rows(lambda _: b"[" * 100_000 + b"\n"),
    "the manifest is missing": removed(lambda folder: folder / "manifest.jsonl"),
    "the manifest is empty": content("manifest.jsonl", b""),
    "the manifest lacks its first line": lines(without(0)),
    "the manifest lacks a line": lines(without(3)),
    "the manifest lacks the end of its last line": lines(lambda found: [*found[:-1], found[-1][:40]]),
    "the manifest lacks the end of a line in the middle": lines(lambda found: [found[0][:40], *found[1:]]),
    "the manifest has a line twice": lines(lambda found: [found[0], *found]),
    "the manifest has a line twice, apart": lines(lambda found: [*found, found[0]]),
    "the manifest has each line three times": lines(lambda found: found * 3),
    "the manifest has lines in another order": lines(exchanged),
    "the manifest has no JSON": content("manifest.jsonl", b"no JSON\n"),
    "the manifest has an array": lines(lambda found: [b"[]\n", *found]),
    "the manifest has bytes that are not UTF-8": lines(lambda found: [b'{"number":"\xff\xfe"}\n', *found]),
    "the manifest has NUL bytes": lines(lambda found: [b"\0" * 5000 + b"\n", *found]),
    "the manifest has an empty line": lines(lambda found: [b"\n", *found]),
    "the manifest has deep nesting": lines(lambda found: [b'{"summary":' * 50_000 + b"\n", *found]),
    "the manifest has a long line": lines(lambda found: [b"x" * 5_000_000 + b"\n", *found]),
    "the manifest has spaces": lines(lambda found: [found[0].replace(b":", b": ", 1), *found[1:]]),
    "the manifest has a key twice": lines(lambda found: [b'{"number":1,' + found[0][1:], *found[1:]]),
    "a number is changed": lines(lambda found: [found[0].replace(b'"number":0', b'"number":5'), *found[1:]]),
    "a forged number is that of another input": sealed({"number": 1}),
    "a forged number is negative": sealed({"number": -1}),
    "a forged number is too large": sealed({"number": 999}),
    "a forged number is huge": sealed({"number": 10**30}),
    "a forged number is not a number": sealed({"number": "0"}),
    "a forged number is a float": sealed({"number": 0.5}),
    "a forged part leads out": sealed({"part": "../../../victim"}),
    "a forged part is absolute": sealed({"part": "/etc"}),
    "a forged part is another one": lines(of_another_part),
    "a forged part has more inputs": sealed({"inputs": 3}),
    "a forged part has no inputs": sealed({"inputs": 0}),
    "a forged digest is another one": sealed({"parquet": "0" * 64}),
    "a forged digest is no digest": sealed({"rows": "no"}),
    "a forged summary is of another input": sealed({"summary.input": "plans/5.json"}),
    "a forged summary has no findings": sealed({"summary.findings": []}),
    "a forged summary has more findings": sealed({"summary.findings": [["KV001", "high", 999]]}),
    "a forged summary has findings twice": sealed({"summary.findings": [["KV001", "high", 2]] * 3}),
    "a forged summary has negative findings": sealed({"summary.findings": [["KV001", "high", -2]]}),
    "a forged summary has an unknown severity": sealed({"summary.findings": [["KV001", "<b>", 2]]}),
    "a forged summary has problems": sealed({"summary.problems": 3}),
    "a forged summary has suppressed findings": sealed({"summary.suppressed": 3}),
    "a forged summary has unknown results": sealed({"summary.unknown": 10**6}),
    "a forged summary is null": sealed({"summary": None}),
    "a forged summary has a list for text": sealed({"summary.error": []}),
    "a forged summary has an unknown field": sealed({"summary.x": 1}),
    "a forged summary has many vaults": sealed({"summary.vaults": [VAULT] * 21}),
    "the page is a link": linked("index.html", "../../victim/deep/a.txt"),
    "the page is a hard link": hard_linked("index.html"),
    "the manifest is a hard link": hard_linked("manifest.jsonl"),
    "a Parquet file is a hard link": hard_linked(f"parquet/part-{7:016x}.parquet"),
    "rows are a pipe": lambda folder: pipe(f"jsonl/{first_part(folder)}/0000000.jsonl")(folder),
    "a Parquet file is a pipe": lambda folder: pipe(f"parquet/{first_part(folder)}.parquet")(folder),
    "a Parquet file is a folder": folder_in_place_of(f"parquet/part-{7:016x}.parquet"),
    "the system has left a hidden file": content("parquet/.DS_Store", b""),
    "an incomplete copy of the manifest is there": content("manifest.jsonl.0123456789abcdef.partial", b"{"),
}  # fmt: skip

REFUSED: dict[str, tuple[Tamper, str]] = {
    "run.json has no JSON": (content("run.json", b"no JSON"), "run.json"),
    "run.json is empty": (content("run.json", b""), "run.json"),
    "run.json is an array": (content("run.json", b"[]\n"), "run.json"),
    "run.json is nested deeply": (content("run.json", b"[" * 100_000), "run.json"),
    "run.json is changed": (lines(lambda found: [found[0].replace(b":6", b":5")], "run.json"), "run.json"),
    "run.json has fewer inputs": (run_file(inputs=3), "inputs.jsonl"),
    "run.json has more inputs": (run_file(inputs=9), "inputs.jsonl"),
    "run.json has no inputs": (run_file(inputs=0), "run.json"),
    "run.json has negative inputs": (run_file(inputs=-5), "run.json"),
    "run.json has very many inputs": (run_file(inputs=10**14), "run.json"),
    "run.json has many inputs": (run_file(inputs=900_000_000), "inputs.jsonl"),
    "run.json has a day that is none": (run_file(as_of="nonsense"), "run.json"),
    "run.json has a day that does not exist": (run_file(as_of="2026-02-31"), "run.json"),
    "run.json has a relative folder": (run_file(base="../.."), "run.json"),
    "run.json has a folder with a NUL": (run_file(base="/\0"), "run.json"),
    "run.json has an unknown field": (run_file(x=1), "run.json"),
    "run.json has a list that is not the one there": (run_file(list="0" * 64), "inputs.jsonl"),
    "run.json is a link": (linked("run.json", "../../victim/deep/a.txt"), "run.json"),
    "run.json is a pipe": (pipe("run.json"), "run.json"),
    "run.json is a folder": (folder_in_place_of("run.json"), "run.json"),
    "the list is missing": (removed(lambda folder: folder / "inputs.jsonl"), "inputs.jsonl"),
    "the list is empty": (content("inputs.jsonl", b""), "inputs.jsonl"),
    "the list is changed": (lines(lambda found: [*found[:-1], b'"plans/x.json"\n'], "inputs.jsonl"), "inputs.jsonl"),
    "a forged list is shorter": (inputs(without(0)), "inputs.jsonl"),
    "a forged list is longer": (inputs(lambda found: [*found, b'"z"\n']), "inputs.jsonl"),
    "a forged list has an input twice": (inputs(lambda found: [found[0], found[0], *found[2:]]), "inputs.jsonl"),
    "a forged list is not sorted": (inputs(exchanged), "inputs.jsonl"),
    "a forged list has no JSON": (inputs(lambda found: [b"no JSON\n", *found[1:]]), "inputs.jsonl"),
    "a forged list has a number": (inputs(lambda found: [b"1\n", *found[1:]]), "inputs.jsonl"),
    "a forged list has an empty input": (inputs(lambda found: [b'""\n', *found[1:]]), "inputs.jsonl"),
    "a forged list has an object": (inputs(lambda found: [b'{"a":1}\n', *found[1:]]), "inputs.jsonl"),
    "a forged list has half of a character": (inputs(lambda found: [b'"\\ud800"\n', *found[1:]]), "inputs.jsonl"),
    "a forged list has a token": (inputs(lambda found: [TOKEN, *found[1:]]), "inputs.jsonl"),
    "a forged list has a long line": (inputs(lambda found: [LONG, *found[1:]]), "inputs.jsonl"),
    "the list is a link": (linked("inputs.jsonl", "../../victim/deep/a.txt"), "inputs.jsonl"),
    "the list is a pipe": (pipe("inputs.jsonl"), "inputs.jsonl"),
    "the manifest is a link": (linked("manifest.jsonl", "../../victim/deep/a.txt"), "manifest.jsonl"),
    "the manifest is a link to nothing": (linked("manifest.jsonl", "../../victim/new"), "manifest.jsonl"),
    "the manifest is a pipe": (pipe("manifest.jsonl"), "manifest.jsonl"),
    "the manifest is a folder": (folder_in_place_of("manifest.jsonl"), "manifest.jsonl"),
    "the lock is a link": (linked(".lock", "../../victim/lock"), ".lock"),
    "the lock is a pipe": (pipe(".lock"), ".lock"),
    "the folder of Parquet files is a link": (linked("parquet"), "parquet"),
    "the folder of rows is a link": (linked("jsonl"), "jsonl"),
    "the folder of rows is a link inside the checkout": (linked("jsonl", "../plans"), "jsonl"),
    "a file of the user is among Parquet files": (content("parquet/notes.txt", b"keep"), "parquet/notes.txt"),
    "a folder of the user is among rows": (content("jsonl/notes/a.txt", b"keep"), "jsonl/notes"),
    "a file of the user is in a part": (content(f"{NOTES}/a.txt", b"keep"), f"{NOTES}/a.txt"),
    "a folder of the user is in a part": (content(f"{NOTES}/0000001.jsonl/a.txt", b""), "0000001.jsonl"),
    "the folder of Parquet files is a file": (file_in_place_of("parquet"), "parquet"),
    "the folder of rows is a file": (file_in_place_of("jsonl"), "jsonl"),
    "a Parquet file is a folder of the user": (
        content(f"parquet/part-{7:016x}.parquet/a.txt", b""), f"parquet/part-{7:016x}.parquet/a.txt"
    ),
    "a hidden file is among Parquet files": (content("parquet/.x.parquet", b""), "parquet/.x.parquet"),
    "a file has a name that a terminal interprets": (content("parquet/\x1b[31m", b""), "parquet/\\x1b[31m"),
    "the lock is a folder": (folder_in_place_of(".lock"), ".lock"),
    "the page is a folder": (folder_in_place_of("index.html"), "index.html"),
}  # fmt: skip


def outside(checkout: Path) -> dict[str, bytes]:
    """All files beside the results."""
    files = (path for path in checkout.parent.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path): path.read_bytes() for path in files if checkout / "results" not in path.parents}


def tables(folder: Path) -> list[dict[str, Any]]:
    """The rows of all Parquet files."""
    from pyarrow import parquet as reader

    rows = [row for file in (folder / "parquet").glob("*.parquet") for row in reader.read_table(file).to_pylist()]
    return sorted(rows, key=repr)


def lines_of(folder: Path) -> list[bytes]:
    """The rows of all inputs."""
    return sorted(line for file in (folder / "jsonl").rglob("*.jsonl") for line in file.read_bytes().splitlines())


@pytest.mark.parametrize("tamper", REPAIRED.values(), ids=REPAIRED)
def test_damage_is_repaired(tamper: Tamper, checkout: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = checkout / "results"
    before = tables(folder), lines_of(folder)
    tamper(folder)
    untouched = outside(checkout)
    capfd.readouterr()
    code = fleet("--resume")
    printed = capfd.readouterr()
    assert (code, printed.err) == (1, "")
    assert printed.out.startswith(f"Checked {COUNT} inputs: {2 * 2 * COUNT} findings ")
    assert (tables(folder), lines_of(folder)) == before
    assert sorted(one.number for one in entries_of(ResultFolder(str(folder)))) == list(range(COUNT))
    assert [path for path in folder.rglob("*") if path.is_symlink()] == []
    assert outside(checkout) == untouched


@pytest.mark.parametrize(("tamper", "name"), REFUSED.values(), ids=REFUSED)
def test_unrepairable_damage_is_reported_with_its_file(
    tamper: Tamper, name: str, checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = checkout / "results"
    tamper(folder)
    untouched = outside(checkout)
    capfd.readouterr()
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(fleet("--resume")), daemon=True)
    thread.start()
    thread.join(20)  # opening a pipe could wait for ever
    printed = capfd.readouterr()
    assert (done, printed.out) == ([3], "")
    assert name in printed.err
    assert printed.err.startswith("kvlint: error: `results/")
    assert printed.err.count("\n") == 1
    assert "t0ken" not in printed.err
    assert "\x1b" not in printed.err
    assert outside(checkout) == untouched
    assert (checkout.parent / "victim" / "deep" / "a.txt").read_text() == "keep"


WITHOUT_DESCRIPTORS = ["the folder of Parquet files is a link", "the folder of rows is a link", "the list is a link"]


@pytest.mark.parametrize("name", WITHOUT_DESCRIPTORS)
def test_systems_without_descriptors_of_folders_follow_no_link_either(
    name: str, checkout: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("azkvlint.util.result_folder._HAS_DIR_FD", False)
    folder = checkout / "results"
    removed(part_of(".parquet"))(folder)
    assert fleet("--resume") == 1  # everything else is the same
    REFUSED[name][0](folder)
    untouched = outside(checkout)
    capfd.readouterr()
    assert fleet("--resume") == 3
    assert "is a symbolic link, which is not followed" in capfd.readouterr().err
    assert outside(checkout) == untouched


@pytest.mark.parametrize("name", ["sorting", "inputs.jsonl", ".lock", "run.json", "parquet", "x.partial"])
def test_a_new_run_does_not_use_links_in_its_folder(
    name: str, checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(checkout / "results")
    (checkout / "results").mkdir()
    (checkout / "results" / name).symlink_to("../../victim")
    untouched = outside(checkout)
    capfd.readouterr()
    assert fleet("plans/1.json") == 2
    assert "the folder `results` is not empty" in capfd.readouterr().err
    assert outside(checkout) == untouched
    assert [path.name for path in (checkout.parent / "victim").iterdir()] == ["deep"]


@pytest.mark.parametrize("words", [("--resume",), ("plans/1.json",)])
def test_a_folder_that_is_a_link_out_of_the_checkout_is_not_used(
    words: tuple[str, ...], checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.move(checkout / "results", checkout.parent / "moved")
    (checkout / "results").symlink_to("../moved")
    before = outside(checkout)
    capfd.readouterr()
    assert fleet(*words) == 2
    assert "`results` is a symbolic link that leads out of the checkout" in capfd.readouterr().err
    assert outside(checkout) == before


def test_link_in_the_folder_keeps_the_results(checkout: Path) -> None:
    before = (checkout / "results" / "manifest.jsonl").read_bytes()
    (checkout / "results" / "parquet").rename(checkout / "kept")
    (checkout / "results" / "parquet").symlink_to("../kept")
    assert fleet("--resume") == 3
    assert (checkout / "results" / "manifest.jsonl").read_bytes() == before


def test_a_run_uses_the_leftovers_of_one_that_had_not_begun(checkout: Path) -> None:
    shutil.rmtree(checkout / "results")
    for name in ("sorting/0.jsonl", "sorting/1.jsonl.0123456789abcdef.partial", "inputs.jsonl", ".lock"):
        _written(checkout / "results" / name, b"x")
    assert fleet("plans/1.json") == 1
    assert not (checkout / "results" / "sorting").exists()


def test_a_folder_that_is_exchanged_during_a_run_is_not_used(checkout: Path) -> None:
    folder = ResultFolder("results")
    folder.lock()
    (checkout / "results").rename(checkout / "other")
    (checkout / "results").symlink_to("../victim")
    with pytest.raises(Exception, match=r"`results/index.html` cannot be used"):
        folder.write("index.html", b"")
    (checkout / "results").unlink()
    shutil.copytree(checkout / "other", checkout / "results")
    with pytest.raises(Exception, match=r"`results/manifest.jsonl` cannot be used: it was replaced"):
        folder.append("manifest.jsonl", b"")
    folder.close()
    assert [path.name for path in (checkout.parent / "victim").iterdir()] == ["deep"]

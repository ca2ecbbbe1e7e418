"""``kvlint fleet``: every input exactly once, whatever ends in between, and the rows of a serial run."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec
import pytest

from azkvlint import KvlintError
from azkvlint.config.run_config import CheckSettings, Config
from azkvlint.fleet import checker, page, run
from azkvlint.fleet.inputs import inputs_of, write_inputs
from azkvlint.fleet.remote import fetch
from azkvlint.fleet.results import FleetRun, ManifestEntry, Totals, entries_of, totals_of
from azkvlint.fleet.rows import ResultRow, failed_result, parquet_of, result_of
from azkvlint.fleet.run import Fleet, run_fleet
from azkvlint.linter.linter import check
from azkvlint.linter.rule_tests import expand
from azkvlint.model.rule import Severity
from azkvlint.util.child_process import Child
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.output_files import StagingFolder
from azkvlint.util.result_folder import ResultFolder
from tests.conftest import Run
from tests.reporters.browser import Parsed, find_chromium, results

SECRET = "Sup3r-s3cret-canary-value"
CONFIG = Config(paths=(), as_of="2026-11-01")
COUNT = 36
# How many inputs are done when a worker is killed. It takes seconds to start the next one.
KILLED_AT = (4, 14, 20, 29)
WHY = 'the extra "fleet" (dask, distributed, pyarrow) is not installed'


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with plans, each with two vaults, of which two cannot be read."""
    folder = tmp_path_factory.mktemp("plans")
    for number in range(COUNT):
        secret = f'azurerm_key_vault_secret.s: {{name: s, value: {SECRET}, key_vault_id: "=azurerm_key_vault.a"}}'
        text = f"azurerm_key_vault.a: {{name: kv-{number}}}\nazurerm_key_vault.b: {{name: kv-b}}\n{secret}"
        (folder / f"plan-{number:02}.json").write_bytes(expand(text) if number % 20 != 7 else b"{")
    return folder


@pytest.fixture(scope="module")
def cluster(installed: Path) -> Iterator[Any]:
    """A cluster with two workers, which start faster with compiled rules."""
    for name in ("dask", "distributed", "pyarrow"):
        pytest.importorskip(name, reason=WHY)
    import logging

    import dask
    from distributed import LocalCluster

    patience = dask.config.set(
        {
            "distributed.deploy.lost-worker-timeout": "10 minutes",
            # What a killed worker holds is requested for so long.
            "distributed.comm.timeouts.connect": "3 seconds",
        }
    )
    path = pytest.MonkeyPatch()
    path.setenv("PYTHONPATH", str(installed))
    with patience, LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, memory_limit=0,
        silence_logs=logging.CRITICAL,
    ) as started:  # fmt: skip
        yield started
    path.undo()


pytestmark = [
    pytest.mark.slow(8),
    pytest.mark.filterwarnings("ignore::Warning"),  # those of Dask, whose versions are not ours
]


def rows_of(folder: Path) -> dict[str, list[bytes]]:
    """The rows of each input, as the manifest names them."""
    out = ResultFolder(str(folder))
    found: dict[str, list[bytes]] = {}
    for entry in entries_of(out):
        assert entry.summary.input not in found
        found[entry.summary.input] = (folder / entry.file).read_bytes().splitlines()
    return found


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def totals(folder: Path) -> Totals:
    return totals_of(entries_of(ResultFolder(str(folder))))


def serial(paths: list[str]) -> dict[str, list[bytes]]:
    found = {}
    for path in paths:
        config = msgspec.structs.replace(CONFIG, paths=(path,), jobs=1)
        found[path] = result_of(path, check(config), config).rows.splitlines()
    return found


# --- whole runs -----------------------------------------------------------------------------------------------------


def test_each_input_once_while_workers_die_and_the_run_is_interrupted(
    cluster: Any, plans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(5)  # noqa: S311
    out = tmp_path / "out"

    def kill(done: int, total: int) -> None:
        # A worker that was killed a moment ago has no process until it is started again.
        processes = [worker.pid for worker in cluster.workers.values() if worker.pid]
        if done in KILLED_AT and processes:
            os.kill(chance.choice(processes), signal.SIGKILL)

    def interrupted(limit: int) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            kill(done, total)
            if done >= limit:
                raise KeyboardInterrupt

        return progress

    fleet = Fleet(
        config=CONFIG,
        words=[f"{plans}/*.json"],
        lists=(),
        out=str(out),
        scheduler=cluster.scheduler_address,
        timeout=60,
    )
    with pytest.raises(KeyboardInterrupt):
        run_fleet(fleet, interrupted(COUNT // 3))
    # What an interruption can leave: files without a line in the manifest, and half a line.
    (out / "parquet" / "part-0123456789abcdef.parquet").write_bytes(b"half")
    (out / "jsonl" / "part-0123456789abcdef.partial").mkdir()
    with (out / "manifest.jsonl").open("ab") as manifest:
        manifest.write(b'{"number":4')
    fleet = msgspec.structs.replace(fleet, resume=True, words=())
    with pytest.raises(KeyboardInterrupt):
        run_fleet(fleet, interrupted(2 * COUNT // 3))
    _, finished = run_fleet(fleet, kill)

    assert finished.inputs == COUNT
    names = [str(plans / f"plan-{number:02}.json") for number in range(COUNT)]
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    rows = rows_of(out)
    assert rows == serial(names)
    parts = {entry.part for entry in entries_of(ResultFolder(str(out)))}
    expected = {f"parquet/{part}.parquet" for part in parts} | {e.file for e in entries_of(ResultFolder(str(out)))}
    assert files_of(out) == expected | {"run.json", "inputs.jsonl", "manifest.jsonl", ".lock"}
    assert _parquet(out) == sorted(json.dumps(json.loads(line)) for lines in rows.values() for line in lines)
    found = totals(out)
    assert (found.count, found.failed_count, found.exit_code) == (COUNT, 2, 3)
    assert found.exposures == {"all networks": 2 * (COUNT - 2)}
    # A finished run has nothing left to do, and no value of a secret is in any file.
    run_fleet(fleet)
    assert rows_of(out) == rows
    assert [name for name in files_of(out) if SECRET.encode() in (out / name).read_bytes()] == []


def _parquet(out: Path) -> list[str]:
    """The rows of all Parquet files, without empty columns."""
    from pyarrow import parquet

    rows = [row for file in sorted((out / "parquet").iterdir()) for row in parquet.read_table(file).to_pylist()]
    return sorted(json.dumps({name: value for name, value in row.items() if value is not None}) for row in rows)


def test_whole_numbers_with_nulls_stay_whole_numbers_in_pandas() -> None:
    from pyarrow import BufferReader, parquet

    table = parquet.read_table(BufferReader(parquet_of(())))
    types = {column["name"]: column["numpy_type"] for column in table.schema.pandas_metadata["columns"]}
    assert list(types) == table.column_names
    assert {types[name] for name in ("line", "column", "occurrences")} == {"Int64"}
    assert (types["rule"], types["in_tests"]) == ("object", "boolean")


def test_run_with_other_settings_does_not_continue(cluster: Any, plans: Path, tmp_path: Path) -> None:
    fleet = Fleet(
        config=CONFIG, words=[str(plans / "plan-01.json")], lists=(), out=str(tmp_path / "out"),
        scheduler=cluster.scheduler_address,
    )  # fmt: skip
    run_fleet(fleet)
    with pytest.raises(UsageError, match="is not empty"):
        run_fleet(fleet)
    other = msgspec.structs.replace(CONFIG, min_severity=Severity.HIGH)
    with pytest.raises(UsageError, match="other settings"):
        run_fleet(msgspec.structs.replace(fleet, config=other, resume=True))
    with pytest.raises(UsageError, match="contains no run"):
        run_fleet(msgspec.structs.replace(fleet, out=str(tmp_path / "none"), resume=True))


def test_hostile_remote_and_missing_inputs_are_rows(cluster: Any, plans: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "<script>alert(1)<\\script>\n\x1b[31m & \"'"
    (hostile / "infra").mkdir(parents=True)
    (hostile / "infra" / "main.tf").write_text('resource "azurerm_key_vault" "kv" { name = "<img src=x>" }')
    listed = tmp_path / "list"
    listed.write_text(f"# a comment\n\nfile://{plans}/plan-02.json\nfile://{hostile.parent}/gone.json\nmissing.json\n")
    out = tmp_path / "out"
    fleet = Fleet(
        config=CONFIG, words=[str(hostile), f"file://{plans}/plan-0[13].json"], lists=[str(listed)], out=str(out),
        scheduler=cluster.scheduler_address,
    )  # fmt: skip
    _, finished = run_fleet(fleet)
    rows = {name: [msgspec.json.decode(line, type=ResultRow) for line in lines] for name, lines in rows_of(out).items()}
    assert finished.inputs == len(rows) == 6
    assert rows["missing.json"][0].message == "the path does not exist"
    assert rows[f"file://{hostile.parent}/gone.json"][0].message == "the input cannot be read: it does not exist"
    vaults = {row.full_name for row in rows[f"file://{plans}/plan-02.json"] if row.kind == "resource"}
    assert {"kv-2", "kv-b"} <= vaults
    found = totals(out)
    assert (found.failed_count, found.exit_code) == (2, 3)
    text = page.html(found, finished, {})
    parsed = Parsed(text)
    assert parsed.open == []
    assert {tag for tag, _ in parsed.elements} & {"script", "img"} == set()
    links = [attributes["href"] or "" for tag, attributes in parsed.elements if tag == "a"]
    assert all((out / link).is_file() for link in links if not link.startswith("#"))
    assert len([link for link in links if not link.startswith("#")]) >= 6
    printed = page.text(found, {}, "out")
    assert "\x1b" not in printed + text


def test_an_input_that_exceeds_the_time_limit_is_a_row(plans: Path) -> None:
    pytest.importorskip("pyarrow", reason=WHY)
    names = [str(plans / "plan-01.json"), str(plans / "plan-02.json")]
    # A new process needs more than a millisecond to start.
    setup = msgspec.json.encode(checker.Setup(config=CONFIG, base="/", timeout=0.001))
    found = msgspec.msgpack.decode(checker.check_chunk(setup, names), type=checker.ChunkResult)
    checker.close_idle()
    assert [one.summary.error for one in found.results] == [
        "not checked: the time limit of 0.001 seconds was exceeded"
    ] * 2


def test_the_end_of_the_process_of_an_input_is_a_row(plans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason=WHY)
    request = Child.request

    def ending(child: Child, data: bytes, timeout: float) -> bytes | None:
        if b"plan-01" in data:
            child._process.kill()
        return request(child, data, timeout)

    monkeypatch.setattr(Child, "request", ending)
    setup = msgspec.json.encode(checker.Setup(config=CONFIG, base=str(plans), timeout=60))
    chunk = checker.check_chunk(setup, ["plan-01.json", "plan-02.json"])
    checker.close_idle()
    found = msgspec.msgpack.decode(chunk, type=checker.ChunkResult).results
    assert found[0].summary.error == "not checked: the process was terminated from outside"
    assert found[1].summary.is_complete


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_checks_on_this_computer(run: Run, plans: Path, tmp_path: Path) -> None:
    for name in ("dask", "distributed", "pyarrow"):
        pytest.importorskip(name, reason=WHY)
    out = tmp_path / "out"
    words = ("fleet", plans / "plan-01.json", plans / "plan-02.json", "--out", out, "--workers", "1")
    done = run(*words, "--select", "KV001")
    assert (done.code, done.err) == (1, "")
    assert done.out.startswith("Checked 2 inputs: 4 findings (4 high) and 0 unknown results on ")
    assert "KV001  4 high in 2 inputs: Key vaults should have purge protection enabled" in done.out
    assert "kvlint fleet" in (out / "index.html").read_text()
    assert {row.rule for lines in rows_of(out).values() for row in map(_row, lines) if row.kind == "finding"} == {
        "KV001"
    }


def _row(line: bytes) -> ResultRow:
    return msgspec.json.decode(line, type=ResultRow)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--out is required"),
        (("--out", "out", "--timeout", "soon"), "--timeout soon: expected a number"),
        (("--out", "out", "--resume"), "--resume continues with the inputs of the run"),
        (("--out", "out", "--select", "KV999"), "no rule matches 'KV999'"),
        (("--out", "out", "gone*.json"), "'gone*.json' does not exist"),
        (("--out", "out", "s3://key:word@bucket/plan.json"), "contains credentials"),
        (("--out", "out", "https://example.com/plan.json?sig=abc"), "contains credentials"),
        (("--out", "out", "nosuch://bucket/*.json"), "nosuch:// "),
    ],
)
def test_invalid_arguments_are_an_error(run: Run, tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    for name in ("dask", "distributed", "pyarrow"):
        pytest.importorskip(name, reason=WHY)
    (tmp_path / "plan.json").write_bytes(expand("azurerm_key_vault.a: {name: kv}"))
    done = run("fleet", "plan.json", *words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "word" not in done.err
    assert "sig=abc" not in done.err


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name != "dask" else object())
    with pytest.raises(UsageError, match=r"kvlint fleet requires distributed, pyarrow") as caught:
        run_module_requirements()
    assert (caught.value.exit_code, "dask, distributed and pyarrow" in (caught.value.hint or "")) == (2, True)


def run_module_requirements() -> None:
    run.require_libraries()


def test_a_cluster_on_this_computer_listens_on_the_loopback_interface_only() -> None:
    for name in ("dask", "distributed", "pyarrow"):
        pytest.importorskip(name, reason=WHY)
    psutil = pytest.importorskip("psutil")
    here = psutil.Process()

    def listening() -> set[tuple[str, int]]:
        processes = [here, *here.children(recursive=True)]
        found = [one.net_connections(kind="inet") for one in processes if one.is_running()]
        return {tuple(one.laddr) for each in found for one in each if one.status == psutil.CONN_LISTEN}

    before = listening()
    fleet = Fleet(config=CONFIG, words=(), lists=(), out="", workers=1)
    with run._client(fleet, 1) as (client, _, _):
        client.wait_for_workers(1)
        opened = listening() - before
        assert {address for address, _ in opened} == {"127.0.0.1"}
        pages = [
            _status(port, page_) for _, port in opened for page_ in ("/status", "/info/main/workers.html", "/health")
        ]
        assert set(pages) <= {0, 404}


def _status(port: int, path: str) -> int:
    """The status of a page of a web server; 0 for a port of another protocol."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (HTTPException, OSError):
        return 0
    finally:
        connection.close()


# --- inputs ---------------------------------------------------------------------------------------------------------


def test_inputs_are_sorted_and_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azkvlint.fleet.inputs._RUN", 3)  # several sorted parts
    names = ["b.json", "a.json", "sub/c.json", "line\nbreak.json", os.fsdecode(b"not-utf8-\xff.json")]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "list").write_bytes(b"# comment\n a.json \r\n\nnot-there.json\nabfs://plans/x.json\n")
    monkeypatch.chdir(tmp_path)
    folder = ResultFolder(str(tmp_path / "out"))
    folder.create({})
    count, _ = write_inputs(folder, ["*.json", "**/*.json", "@list"], ["list"])
    found = list(inputs_of(folder))
    assert found == sorted({*names, "not-there.json", "abfs://plans/x.json"})
    assert (count, [path.name for path in Path(folder.path).iterdir()]) == (len(found), ["inputs.jsonl"])


def test_a_remote_folder_is_copied_without_other_files(tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason=WHY)
    (tmp_path / "root" / "modules" / "kv").mkdir(parents=True)
    (tmp_path / "root" / "main.tf").write_text('module "kv" { source = "./modules/kv" }')
    (tmp_path / "root" / "modules" / "kv" / "main.tf").write_text('resource "azurerm_key_vault" "kv" {}')
    (tmp_path / "root" / "image.png").write_bytes(b"x")
    staging = StagingFolder()
    try:
        path = Path(fetch(f"file://{tmp_path}/root/", staging))
        assert files_of(path) == {".fetched", "main.tf", "modules/kv/main.tf"}
        staging.clear()
        (tmp_path / "root" / "a\\b.tf").write_text("")
        with pytest.raises(InputError, match="unsupported name"):
            fetch(f"file://{tmp_path}/root", staging)
    finally:
        staging.remove()


def test_names_of_a_remote_folder_cannot_leave_the_staging_folder() -> None:
    fsspec = pytest.importorskip("fsspec", reason=WHY)
    memory = fsspec.filesystem("memory")
    memory.pipe("/fleet-test/../../escaped.tf", b"")
    memory.pipe("/fleet-test/x/../../escaped.tf", b"")
    staging = StagingFolder()
    try:
        for found in ("memory://fleet-test", "memory://fleet-test/x/.."):
            try:
                fetch(found, staging)
            except InputError:
                continue
        names = {path.name for path in Path(staging.path).parent.glob("*escaped.tf")}
        assert names == set()
    finally:
        staging.remove()
        memory.rm("/fleet-test", recursive=True)


def test_vaults_of_several_parameter_files_are_listed_separately(tmp_path: Path) -> None:
    (tmp_path / "main.bicep").write_text(
        "param name string\nresource kv 'Microsoft.KeyVault/vaults@2024-11-01' = {\n  name: name\n  properties: {}\n}\n"
    )
    for world in ("dev", "prod"):
        text = f"using 'main.bicep'\nparam name = 'kv-{world}'\n"
        (tmp_path / f"main.{world}.bicepparam").write_text(text)
    (tmp_path / "main.lab.bicepparam").write_text("using 'main.bicep'\nparam name = 'kv-dev'\n")
    report = check(Config(paths=(str(tmp_path),), profiles=("all",), select=("KV001",), jobs=1))
    result = result_of("x", report, CheckSettings())
    assert [vault.name for vault in result.summary.vaults] == ["kv-dev (dev)", "kv-dev (lab)", "kv-prod (prod)"]
    (row,) = [
        row for line in result.rows.splitlines() if (row := msgspec.json.decode(line, type=ResultRow)).kind == "finding"
    ]
    assert row.root is not None
    assert row.root.endswith("main.bicep")
    assert row.parameter_files is not None
    assert [name.rpartition("/")[2] for name in row.parameter_files.split(", ")] == [
        "main.dev.bicepparam", "main.lab.bicepparam", "main.prod.bicepparam",
    ]  # fmt: skip


_ESCALATION = """
resource "azurerm_key_vault" "kv" {
  name                       = "NAME"
  location                   = "westeurope"
  resource_group_name        = "rg"
  tenant_id                  = "00000000-0000-0000-0000-000000000001"
  sku_name                   = "standard"
  rbac_authorization_enabled = false
}

resource "azurerm_role_assignment" "a" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Contributor"
  principal_id         = "00000000-0000-0000-0000-000000000002"
}
"""


def test_findings_on_role_assignments_count_for_the_vault_that_decides_them(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(_ESCALATION.replace("NAME", "kv-abc"))
    report = check(Config(paths=(str(tmp_path),), select=("KV403", "KV001"), jobs=1))
    (vault,) = result_of("x", report, CheckSettings()).summary.vaults
    assert (vault.name, dict(vault.findings)) == ("kv-abc", {"critical": 1, "high": 1})


def test_long_names_of_vaults_keep_their_end(tmp_path: Path) -> None:
    name = f"kv-{'x' * 80}-prod"
    (tmp_path / "main.tf").write_text(_ESCALATION.replace("NAME", name))
    report = check(Config(paths=(str(tmp_path),), select=("KV001",), jobs=1))
    (vault,) = result_of("x", report, CheckSettings()).summary.vaults
    assert (vault.name[:4], vault.name[-5:], len(vault.name)) == ("kv-x", "-prod", 61)


# --- page -----------------------------------------------------------------------------------------------------------


_RUN = FleetRun(kvlint="0", settings="0" * 64, as_of="2026-11-01", base="/", inputs=60, list="0" * 64)


def _entry(number: int, severity: str = "high", count: int = 1) -> ManifestEntry:
    vault = {"name": f"kv-{number}", "path": "main.tf", "line": 3, "findings": [[severity, count]]}
    summary = {
        "input": f"plans/{'x' * 90}/plan-{number}.json", "findings": [["KV050", severity, count]], "is_failing": True,
        "exposures": {"all networks": 1, "private access only": 2}, "vaults": [vault], "resources": 4,
    }  # fmt: skip
    return _converted(number, summary)


def _converted(number: int, summary: object) -> ManifestEntry:
    digests = {"inputs": 1, "rows": "0" * 64, "parquet": "0" * 64}
    return msgspec.convert({"number": number, "part": f"part-{0:016x}", "summary": summary, **digests}, ManifestEntry)


def test_totals_do_not_depend_on_the_order_of_the_manifest() -> None:
    entries = [_entry(number, "high" if number % 3 else "critical", number % 5 + 1) for number in range(60)]
    random.Random(3).shuffle(entries)  # noqa: S311
    found = totals_of(entries)
    assert found == totals_of(sorted(entries, key=lambda entry: entry.number))
    assert (found.count, found.exit_code, found.retiring) == (60, 1, sum(number % 5 + 1 for number in range(60)))
    assert [entry.number for entry in found.inputs[:2]] == [9, 24]
    assert totals_of([]).exit_code == 3
    failed = _converted(0, msgspec.to_builtins(failed_result("x", "gone").summary))
    assert totals_of([*entries, failed]).exit_code == 3


def test_the_page_fits_a_desk_and_a_phone(tmp_path: Path) -> None:
    chromium = find_chromium()
    text = page.html(totals_of(_entry(number) for number in range(60)), _RUN, {})
    measure = "() => [document.documentElement.scrollWidth, innerWidth, document.querySelectorAll('section').length]"
    found = results(chromium, tmp_path, measure, (text, 1280), (text, 390))
    assert [[width <= room, sections] for width, room, sections in found] == [[True, 6], [True, 6]]
    assert "118 days" in text
    assert "until 2027-02-27" in text


def test_the_page_names_the_common_folder_of_inputs_once() -> None:
    entries = [
        _converted(number, {"input": name}) for number, name in enumerate(("/a/b/c/main.tf", "/a/b/d/", "/a/b/d"))
    ]
    parsed = Parsed(page.html(totals_of(entries), _RUN, {}))
    assert "Inputs in /a/b/" in parsed.text
    assert "/a/b/c/main.tf" not in parsed.text
    assert "c/main.tf" in parsed.text
    entries = [_converted(number, {"input": name}) for number, name in enumerate(("/a/main.tf", "b.tf"))]
    assert "Inputs in" not in Parsed(page.html(totals_of(entries), _RUN, {})).text


def test_errors_are_those_of_the_package() -> None:
    assert issubclass(UsageError, KvlintError)

"""The fuzzer: it finds every category of failure in an entry point that has it, and none in kvlint."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from azkvlint.__main__ import _run_with_error_handling
from tests.fuzz import campaign, cases, mutations
from tests.fuzz.canaries import DECLARED
from tests.fuzz.cases import CONTROLS_FORMATS, FORMATS, Case, CaseFactory
from tests.fuzz.seeds import ROOT, Seeds, load_seeds
from tests.fuzz.worker import write_case

pytestmark = pytest.mark.slow(10)

# Seconds of CPU time, and the number of cases that even a slow machine runs in them.
CPU_SECONDS, CASES = 8, 100
DEFECTS = '''
import io, json, os, re, signal, sys, time
from contextlib import redirect_stdout
from pathlib import Path
from tests.fuzz.__main__ import main

def files():
    return b"".join(file.read_bytes() for file in Path(".").rglob("*") if file.is_file() and ".git" not in file.parts)

def sound(words):
    print("kvlint: the command line is wrong", file=sys.stderr)
    return 2

def nothing(words):
    """Report, in the format of the rotation, that nothing was read."""
    if "json" not in words:
        return sound(words)
    keys = "rules findings unknown suppressed problems sources"
    report = {key: [] for key in keys.split()} | {"version": 1, "tool": {}, "summary": {"problems": 0}}
    print(json.dumps(report))
    return 0

def raising(words): raise KeyError("x")
def internal(words): print("kvlint: internal error: KeyError at x.py:1", file=sys.stderr); return 3
def dying(words): os.kill(os.getpid(), signal.SIGSEGV)
def exiting(words): os._exit(7)
def looping(words):
    while True: pass
def backtracking(words): re.match("(a|a)*b", "a" * 60)
def waiting(words): time.sleep(60)
def hoarding(words): return len(bytearray(3 << 30))
def revealing(words): sys.stdout.buffer.write(files()); return 3
def spying(words): print(Path("../outside/secret.txt").read_text()); return 3
def stealing(words): print(Path(".git/config").read_text() if Path(".git").is_dir() else ""); return 3
def coloring(words): print("\\x1b[31mred"); return 3
def commanding(words): print("##vso[task.setvariable variable=PATH]x"); return 3
def garbling(words): print("{"); return 3
def encoding(words): sys.stdout.buffer.write(b"\\xff"); return 3
def warning(words): print("x.py:1: FutureWarning: y", file=sys.stderr); return 2
def wavering(words): print(os.urandom(8).hex()); return 3
def overwriting(words): Path("../outside/victim").write_text("x"); return 2
def littering(words): Path("report.json.1.partial").write_text("x"); return 2

for defect, count in json.loads(sys.argv[1]).items():
    text = io.StringIO()
    words = ["--count", str(count), "--jobs", "2", "--seed", "15", "--limit-seconds", "0.3"]
    with redirect_stdout(text):
        code = main([*words, "--save", os.path.join(sys.argv[2], defect)], globals()[defect])
    print(json.dumps([defect, code, text.getvalue()]), flush=True)
'''
# With the seed above, so many cases include repeated and parallel ones. Of those that take long a few are enough.
COUNT = 30
FEW = {"looping": 2, "backtracking": 2, "waiting": 1, "hoarding": 4}
CAUSES = {
    "raising": ["crash: exit code -1", "crash: traceback: KeyError: 'x'"],
    "internal": ["crash: KeyError at x.py:1"],
    "dying": ["crash: exit code -11"],
    "exiting": ["crash: exit code 7"],
    "looping": ["slow: more than 0.3 s of CPU time: outside kvlint"],
    "backtracking": ["slow: more than 0.3 s of CPU time: outside kvlint"],
    "waiting": ["slow: waiting: outside kvlint"],
    "hoarding": ["memory: traceback: MemoryError"],
    "revealing": ["leak: ", ": a declared secret in "],
    "spying": ["leak: ", ": a file outside the project"],
    "stealing": ["leak: ", ": git's own token"],
    "coloring": ["it has the control character '\\x1b'"],
    "commanding": ["it has a command to an agent"],
    "garbling": ["output: json: it is not well formed: JSONDecodeError"],
    "encoding": ["it is not UTF-8"],
    "warning": ["output: stderr has a line that does not begin like kvlint's"],
    "wavering": ["another output a second time: stdout", "another output with two processes: stdout"],
    "nothing": ["exit code 0, but nothing was read"],
    "overwriting": [": a file outside the checkout"],
    "littering": [": a partial file remains"],
    "sound": [],
}


def test_a_slow_case_is_reported_with_its_place(tmp_path: Path) -> None:
    stack = tmp_path / "stack"
    stack.write_text(
        'Current thread 0x01:\n  File "/lib/re.py", line 9 in match\n  File "/x/src/azkvlint/graph/a.py", line 3 in f\n'
    )
    assert campaign._innermost(stack) == "f at a.py:3"


def run_python(*words: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, for the fuzzer forks."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=1200,
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for cases that fail, by defect."""
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def campaigns(saved: Path) -> dict[str, tuple[int, str]]:
    """The exit code and output of a campaign on each entry point."""
    counts = json.dumps({defect: FEW.get(defect, COUNT) for defect in CAUSES})
    done = run_python("-c", DEFECTS, counts, str(saved))
    assert done.returncode == 0, done.stderr
    return {defect: (code, text) for defect, code, text in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def seeds() -> Seeds:
    return load_seeds()


def test_short_run() -> None:
    """The whole program on inputs of every kind; ``make fuzz`` runs many more."""
    words = ("--count", "100000", "--jobs", "1", "--seed", "1", "--cpu-seconds", str(CPU_SECONDS))
    done = run_python("-m", "tests.fuzz", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(row_of(done.stdout, "all")[0]) >= CASES


def row_of(text: str, name: str) -> list[str]:
    """Return the cells of a row of the table."""
    return next(line.split()[1:] for line in text.splitlines() if line.split()[:1] == [name])


@pytest.mark.parametrize("defect", [defect for defect, causes in CAUSES.items() if causes])
def test_a_defect_is_found(defect: str, campaigns: dict[str, tuple[int, str]], saved: Path) -> None:
    code, text = campaigns[defect]
    assert code == 1, text
    assert all(cause in text for cause in CAUSES[defect]), text
    assert int(row_of(text, "all")[0]) == FEW.get(defect, COUNT)
    assert list((saved / defect).glob("*/15-*/command"))


def test_an_entry_point_without_defects_has_no_failures(campaigns: dict[str, tuple[int, str]], saved: Path) -> None:
    code, text = campaigns["sound"]
    assert code == 0, text
    assert row_of(text, "all") == [str(COUNT), "0", "0", str(COUNT), *"000000000"]
    assert not (saved / "sound").exists()


def test_a_saved_case_can_be_run_again(campaigns: dict[str, tuple[int, str]], saved: Path) -> None:
    cases_ = sorted((saved / "internal" / "crash-KeyError-at-x-py-1").iterdir())
    assert [case.name for case in cases_] == sorted(
        f"15-{number}" for number in _first_numbers(campaigns["internal"][1])
    )
    for case in cases_:
        note, line = (case / "command").read_text(encoding="utf-8", errors="surrogateescape").split("\n", 1)
        assert note == "# crash: KeyError at x.py:1"
        assert line.startswith("cd checkout && ")
        assert any((case / "checkout").iterdir())


def _first_numbers(text: str) -> list[str]:
    line = next(line for line in text.splitlines() if "crash: KeyError at x.py:1" in line)
    return line.partition("(cases ")[2].rstrip(")").split(", ")[:3]


def test_a_seed_makes_the_same_cases_everywhere(seeds: Seeds) -> None:
    done = run_python("-c", "from tests.test_fuzz import *; print(digest_of(load_seeds()))", seed="7")
    assert done.stdout.strip() == digest_of(seeds), done.stderr
    assert digest_of(seeds, seed=2) != digest_of(seeds)


def digest_of(seeds: Seeds, seed: int = 1) -> str:
    factory = CaseFactory(seeds, seed)
    return hashlib.sha256(repr([factory.case(number) for number in range(300)]).encode("utf-8", "replace")).hexdigest()


LONG_LIST = re.compile(rb'"references":\s*\[[^\]]{2000}')
FEATURES: Mapping[str, Callable[[Case], bool]] = {
    "an address with many brackets": lambda case: b"[" * 20_000 in case.files.get("plan.json", b""),
    "a long list of references": lambda case: LONG_LIST.search(case.files.get("plan.json", b"")) is not None,
    "a module manifest that is not UTF-8": lambda case: not is_utf8(case.files.get(".terraform/modules/modules.json")),
    "a lone surrogate": lambda case: b"\\ud8" in case.files.get("bicepconfig.json", b""),
    "deep nesting": lambda case: any(b"(" * 1000 in data or b"[" * 1000 in data for data in case.files.values()),
    "a byte order mark": lambda case: any(data.startswith(b"\xef\xbb\xbf") for data in case.files.values()),
    "UTF-16": lambda case: any(data.startswith((b"\xff\xfe", b"\xfe\xff")) for data in case.files.values()),
    "text that is not UTF-8": lambda case: not all(map(is_utf8, case.files.values())),
    "a huge number": lambda case: any(b"9" * 400 in data for data in case.files.values()),
    "a control character": lambda case: any(b"\x1b" in data for data in case.files.values()),
    "a suppression": lambda case: any(b"kvlint: ignore[" in data for data in case.files.values()),
    "a secret": lambda case: any(DECLARED.encode() in data for data in case.files.values()),
    "a token of git": lambda case: ".git/config" in case.files,
    "an unusual file name": lambda case: not all(map(str.isascii, case.files)),
    "a link": lambda case: bool(case.links),
    "standard input": lambda case: case.stdin is not None,
    "a variable of the environment": lambda case: bool(case.env),
    "a dry run of init": lambda case: case.words[:1] == ["init"],
    "a second run": lambda case: case.repeated,
    "a run with two processes": lambda case: case.parallel,
    "a validated log": lambda case: case.schema and ("sarif", "") in case.outputs,
}


def is_utf8(data: bytes | None) -> bool:
    return (data or b"").decode("utf-8", "replace").encode() == (data or b"")


def test_cases_include_every_kind_of_input_and_format(seeds: Seeds) -> None:
    """Every kind of input and every format, and inputs like those that a reader once failed on."""
    factory = CaseFactory(seeds, 1)
    formats = {*FORMATS, "html", "dot", "mermaid", "suppressions.json", "baseline"}
    formats |= {f"controls.{form}" for form in CONTROLS_FORMATS if form != "html"}
    missing = cases._KINDS.keys() | formats | FEATURES.keys()
    for number in range(30_000):
        if not missing:
            break
        case = factory.case(number)
        missing -= {case.kind, *(form for form, _ in case.outputs)}
        missing -= {name for name in missing & FEATURES.keys() if FEATURES[name](case)}
    assert missing == set()


def test_inputs_are_valid_before_they_are_mutated(
    seeds: Seeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Or no mutation of them would reach a rule."""
    for module in (cases, mutations):
        monkeypatch.setattr(module, "mutate_text", lambda _rng, text, _words: text)
    monkeypatch.setattr(cases, "mutate_bytes", lambda _rng, data: data)
    monkeypatch.setattr(cases, "encoded", lambda _rng, text, odd: text.encode())  # noqa: ARG005
    monkeypatch.setattr(mutations.Document, "mutate", lambda _document, _rng: None)
    factory = CaseFactory(seeds, 1)
    codes: dict[str, Counter[int]] = {}
    for number in range(400):
        case = factory.case(number)
        known = codes.setdefault(case.kind, Counter())
        # A comparison needs two states, a graph one input, and a migration access policies.
        if case.kind in ("options", "places") or {"diff", "graph", "init", "migrate-rbac"} & set(case.words[:1]):
            continue
        if case.stdin is not None or known.total() == 5:
            continue
        write_case(case, tmp_path / str(number))
        monkeypatch.chdir(tmp_path / str(number) / "checkout")
        known[_run_with_error_handling(list(case.words))] += 1
        capfd.readouterr()
    for kind in sorted(set(codes) - {"options", "places"}):
        # Some configurations leave nothing to check, on purpose.
        least = 0.4 if kind == "config" else 0.7
        assert codes[kind][0] + codes[kind][1] >= least * codes[kind].total() > 0, (kind, codes[kind])


def test_second_interrupt_keeps_the_recorded_failures(
    seeds: Seeds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, kill = campaign._record, campaign._Worker.kill

    def interrupted(*arguments: Any) -> None:
        record(*arguments)
        raise KeyboardInterrupt

    def killed(worker: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        kill(worker)

    monkeypatch.setattr(campaign, "_record", interrupted)
    monkeypatch.setattr(campaign._Worker, "kill", killed)
    handler = signal.getsignal(signal.SIGINT)
    summary = campaign.run_campaign(campaign.Campaign(1, 5), CaseFactory(seeds, 1), lambda _: 2, tmp_path)
    assert summary.cases == 1
    assert signal.getsignal(signal.SIGINT) is handler

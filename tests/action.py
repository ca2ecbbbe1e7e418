"""What a runner does with action.yml, as far as its steps can tell: expressions, conditions, bash and the files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
TOKEN = "the-token-of-the-job"
REPOSITORY = "owner/repository"

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_TEST = re.compile(r"(?P<what>[\w.-]+) (?P<how>==|!=) '(?P<text>[^']*)'")
# Stands for the interpreter: makes no virtual environment and installs nothing, but writes down what it should have,
# each command with the PYTHONPATH that it would have had in front. kvlint is what is installed, its rules compiled.
PROGRAM = "import sys; sys.path.insert(0, {!r}); from azkvlint.__main__ import run_and_exit; run_and_exit()"
_STAND_IN = """#!/bin/sh
case "$3" in
  azkvlint) shift 3 && exec '{python}' -I -c "{program}" "$@" ;;
  venv) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
  pip) printf '%s\\t' "PYTHONPATH=$PYTHONPATH" "$@" >>'{log}' && echo >>'{log}' ;;
  *) exec '{python}' "$@" ;;
esac
"""


class Outcome(NamedTuple):
    """What the action left: the exit code of the step that failed (0: none did), its log, its outputs, and the rest."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str
    uploaded: list[dict[str, str]]
    installed: list[list[str]]


class Runner:
    """Runs the action in ``workspace``; ``temp`` is its RUNNER_TEMP. ``refused``: code scanning takes no upload.

    ``event`` is the event of the job, ``caches`` has what earlier jobs saved, and ``api`` is the address of the API.
    """

    def __init__(self, folder: Path, installed: Path) -> None:
        self.refused = False
        self.event: dict[str, Any] = {}
        self.caches: dict[str, Path] = {}
        self.api = "http://127.0.0.1:1"
        self.workspace = folder / "work space"
        self.temp = folder / "runner temp"
        self._files = folder / "files"
        self._home = folder / "home of the runner"
        for made in (self.workspace, self.temp, self._files, self._home):
            made.mkdir()
        self._installed = self._files / "installed"
        self._event = self._files / "event.json"
        self._python = self._files / "python"
        self._python.write_text(
            _STAND_IN.format(log=self._installed, python=sys.executable, program=PROGRAM.format(str(installed))),
            encoding="utf-8",
        )
        self._python.chmod(0o755)

    def __call__(self, environment: Mapping[str, str] | None = None, /, **inputs: str) -> Outcome:
        """The action with ``inputs`` (``fail_on`` for ``fail-on``), in a job whose environment has ``environment``."""
        given = {name: one.get("default", "") for name, one in ACTION["inputs"].items()}
        named = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert named.keys() <= given.keys()
        known = {f"inputs.{name}": value for name, value in (given | named).items()} | {"github.token": TOKEN}
        known = {name: value.replace("${{ github.token }}", TOKEN) for name, value in known.items()}
        head = self.event.get("pull_request", {}).get("head", {}).get("repo") or {}
        known["github.event.pull_request.head.repo.full_name"] = head.get("full_name", "")
        saved: dict[str, str] = {}
        code, log, uploaded = 0, "", []
        for position, step in enumerate(STEPS):
            if not _runs(step, known, code):
                continue
            outputs: dict[str, str] = {}
            if "run" in step:
                ended, said, outputs = self._bash(position, step, known, environment or {})
                code, log = code or ended, log + said
            elif step["uses"].startswith("actions/setup-python@"):
                outputs = {"python-path": str(self._python)}
            elif step["uses"].startswith("github/codeql-action/upload-sarif@"):
                uploaded.append({name: filled(str(value), known) for name, value in step["with"].items()})
                code = code or int(self.refused)
            elif step["uses"].startswith("actions/cache@"):
                saved = {name: filled(str(value), known) for name, value in step["with"].items()}
                self._restore(saved)
            else:
                raise AssertionError(step["uses"])
            known |= {f"steps.{step.get('id')}.outputs.{name}": value for name, value in outputs.items()}
        if saved and not code and Path(saved["path"]).exists():
            self.caches[saved["key"]] = shutil.copytree(saved["path"], self._files / f"cache-{len(self.caches)}")
        answers = {name: filled(one["value"], known) for name, one in ACTION["outputs"].items()}
        lines = self._installed.read_text(encoding="utf-8").splitlines() if self._installed.exists() else []
        installed = [line.rstrip("\t").split("\t") for line in lines]
        return Outcome(code, log, answers, self._summary.read_text(encoding="utf-8"), uploaded, installed)

    def _restore(self, cache: Mapping[str, str]) -> None:
        shutil.rmtree(cache["path"], ignore_errors=True)
        for wanted in (cache["key"], *cache["restore-keys"].split()):
            found = [key for key in self.caches if key.startswith(wanted)]
            if found:
                shutil.copytree(self.caches[found[-1]], cache["path"])
                return

    @property
    def _summary(self) -> Path:
        return self._files / "summary"

    def _bash(
        self, position: int, step: Mapping[str, Any], known: Mapping[str, str], environment: Mapping[str, str]
    ) -> tuple[int, str, dict[str, str]]:
        assert step["shell"] == "bash"
        script, outputs = self._files / f"{position}.sh", self._files / f"{position}.outputs"
        script.write_text(step["run"], encoding="utf-8")
        outputs.write_text("")  # an earlier run may have left some
        self._summary.touch()
        self._event.write_text(json.dumps(self.event), encoding="utf-8")
        clean = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "LC_ALL": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_API_URL": self.api,
            "GITHUB_EVENT_NAME": "pull_request" if "pull_request" in self.event else "push",
            "GITHUB_EVENT_PATH": str(self._event),
            "GITHUB_JOB": "kvlint",
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_REF": "refs/heads/main,$(id)",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": str(len(self.caches)),
            "GITHUB_STEP_SUMMARY": str(self._summary),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(self.temp),
        }
        own = {name: filled(str(value), known) for name, value in step["env"].items()}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script],  # noqa: S607  # the one of the PATH
            cwd=self.workspace,
            env=clean | dict(environment) | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=60,
        )
        written = [line.partition("=") for line in outputs.read_text(encoding="utf-8").splitlines()]
        return ran.returncode, ran.stdout.decode(), {name: value for name, _, value in written}


def filled(text: str, known: Mapping[str, str]) -> str:
    """``text`` with the value of each ``${{ expression }}``; what is not known is empty, as for a runner."""

    def value(found: re.Match[str]) -> str:
        values = (known.get(name.strip(), "") for name in found[1].split("||"))
        return next(filter(None, values), "")

    return _EXPRESSION.sub(value, text)


def _runs(step: Mapping[str, Any], known: Mapping[str, str], code: int) -> bool:
    """Whether a step runs. One that does not ask for ``always()`` runs only if no other has failed."""
    found = _EXPRESSION.fullmatch(step.get("if", "${{ success() }}"))
    assert found
    parts = [part.strip() for part in found[1].split("&&")]
    return ("always()" in parts or code == 0) and all(_holds(part, known) for part in parts)


def _holds(part: str, known: Mapping[str, str]) -> bool:
    if part in {"always()", "success()"}:
        return True
    test = _TEST.fullmatch(part)
    assert test, part
    return (known.get(test["what"], "") == test["text"]) == (test["how"] == "==")

"""What a run opens: nothing outside of the checkout but Python, kvlint, what it depends on, and the system's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import pytest

import azkvlint

pytestmark = [
    pytest.mark.slow(8),
    pytest.mark.skipif(os.name == "nt", reason="not every user may make links on Windows"),
]

SEMAPHORES = "/dev/shm/sem."  # noqa: S108  # no file is made there
# Notes in a file what the process opens, lists and renames; it is loaded before kvlint.
HOOK = """
import os, sys

log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
del sys.argv[1]
WATCHED = "open os.listdir os.scandir os.remove os.rename os.mkdir os.chmod os.link os.symlink".split()
BANNED = ("socket.connect", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.system")

def hook(event, arguments):
    if event in WATCHED and isinstance(arguments[0], (str, bytes)):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        # What is opened without following links is itself, or fails.
        if event == "open" and arguments[2] & os.O_NOFOLLOW:
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        else:
            path = os.path.realpath(path)
        os.write(log, f"{event} {path!r}\\n".encode("utf-8", "surrogateescape"))
    elif event in BANNED:
        os.write(log, f"{event} {arguments[:1]!r}\\n".encode())

sys.addaudithook(hook)
from azkvlint.__main__ import main
sys.exit(main())
"""
VAULT = """resource "azurerm_key_vault" "kv" {
  name = "${file(".git/config")}${file("../secrets/x")}${file("out.txt")}${file("/etc/passwd")}${file("g/config")}"
  sku_name = templatefile("../secrets/x", {})
}
module "a" { source = "./linked" }
module "b" { source = "../secrets" }
module "c" { source = "acme/kv/azurerm" }
"""
BICEP = """param a string = loadTextContent('.git/config')
var b = loadJsonContent('out.json')
var c = loadYamlContent('../secrets/x')
var d = loadFileAsBase64('/etc/passwd')
var e = loadDirectoryFileInfo('../secrets')
module m 'out.bicep' = { name: 'm' }
module n '../secrets/x.bicep' = { name: 'n' }
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: '${a}${b}${c}${d}${e}'
  location: 'westeurope'
}
"""
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "resources": [
        {
            "type": "Microsoft.Resources/deployments",
            "apiVersion": "2022-09-01",
            "name": f"d{number}",
            "properties": {"mode": "Incremental", "templateLink": {"relativePath": path}},
        }
        for number, path in enumerate(("../secrets/x.json", "out.json", ".git/config", "/etc/passwd"))
    ],
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which everything leads to a folder beside it, or into ``.git``."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("x", "x.tf", "x.json", "x.bicep", "x.yaml", "x.tfvars"):
        (secrets / name).write_text("{}")
    found = tmp_path / "checkout"
    (found / ".git" / "refs" / "heads").mkdir(parents=True)
    (found / ".git" / "config").write_text('[remote "origin"]\n\turl = https://git.example.com/acme/infra\n')
    (found / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (found / ".git" / "refs" / "heads" / "main").write_text("0" * 40 + "\n")
    (found / "main.tf").write_text(VAULT)
    (found / "main.bicep").write_text(BICEP)
    (found / "main.bicepparam").write_text("using '../secrets/x.bicep'\n")
    (found / "plain.json").write_text(json.dumps(TEMPLATE))
    (found / "bicepconfig.json").symlink_to("../secrets/x.json")
    (found / "kvlint.toml").write_text("output = 'report.json'\nformat = ['json']\n")
    links = {
        "out.txt": "x", "out.json": "x.json", "out.bicep": "x.bicep", "other.tf": "x.tf", "x.auto.tfvars": "x.tfvars",
        "plain.parameters.json": "x.json", ".terraform.lock.hcl": "x", "tmp.json": "x.json",
    }  # fmt: skip
    for name, target in links.items():
        (found / name).symlink_to(secrets / target)
    (found / "linked").symlink_to("../secrets")
    (found / "g").symlink_to(".git")
    (found / ".terraform" / "modules").mkdir(parents=True)
    (found / ".terraform" / "modules" / "modules.json").write_text(
        json.dumps({"Modules": [{"Key": key, "Dir": target} for key, target in (("c", "../secrets"), ("d", "linked"))]})
    )
    return found


def _outside(paths: Iterable[str], checkout: Path) -> list[str]:
    """Return which of the opened real paths are neither of the checkout, without ``.git``, nor of what runs kvlint."""
    own = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(Path(azkvlint.__file__).parents[2])}
    own |= {str(Path(path).resolve()) for path in own}
    system = (
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/local/lib",
        "/proc/self",
        "/proc/sys",
        "/sys/fs/cgroup",
        "/sys/devices/system/cpu",
    )
    files = {
        "/dev/null",
        "/dev/urandom",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/locale.alias",
        "/etc/ssl/openssl.cnf",
    }
    files |= {"/proc/meminfo", "/proc/stat", "/proc/cpuinfo"}
    allowed = (*own, *system, "/usr/share/zoneinfo", "/usr/share/locale")
    # Which commit was checked, and where it comes from, is in reports. The index lists tracked files.
    names = ("HEAD", "config", "commondir", "packed-refs", "refs/heads/main", "index")
    metadata = [checkout / ".git" / name for name in names]
    found = []
    for path in sorted(set(paths)):
        in_checkout = Path(path).is_relative_to(checkout) and ".git" not in Path(path).parts
        # The semaphores of the processes of a pool.
        is_own = (
            path in files
            or path.startswith(SEMAPHORES)
            or any(path == top or path.startswith(top.rstrip("/") + "/") for top in allowed)
        )
        if not in_checkout and not is_own and Path(path) not in metadata:
            found.append(path)
    return found


@pytest.mark.parametrize("words", [(".",), ("main.tf",), ("main.bicep",), ("controls", "."), (".", "-j", "2")])
class TestHostileCheckout:
    def test_audit_hook_sees_no_file_outside_of_the_checkout(
        self, checkout: Path, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        script, log = tmp_path / "hook.py", tmp_path / "log"
        script.write_text(HOOK)
        done = subprocess.run(
            [sys.executable, "-P", script, log, *words], cwd=checkout, capture_output=True, check=False
        )
        assert done.returncode in (2, 3), done.stderr.decode()
        assert b"internal error" not in done.stdout + done.stderr
        events = [line.partition(" ") for line in log.read_text(encoding="utf-8").splitlines()]
        assert {event for event, _, _ in events} <= {
            "open",
            "os.listdir",
            "os.scandir",
            "os.rename",
            "os.mkdir",
            "os.remove",
        }
        paths = [path[1:-1] for _, _, path in events]
        assert str(checkout / "main.tf") in paths or str(checkout / "main.bicep") in paths
        assert _outside(paths, checkout) == []

    @pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
    def test_system_calls_open_no_file_outside_of_the_checkout(
        self, checkout: Path, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        log = tmp_path / "trace"
        calls = "open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,connect,execve,mkdir,mkdirat"
        command: list[str | Path] = [
            "strace",
            "-f",
            "-y",
            "-s",
            "4096",
            "-o",
            log,
            "-e",
            f"trace={calls}",
            sys.executable,
        ]
        command += ["-B", "-m", "azkvlint", *words]
        done = subprocess.run(command, cwd=checkout, capture_output=True, check=False)
        if b"ptrace" in done.stderr:
            pytest.skip("strace may not trace here")
        assert done.returncode in (2, 3), done.stderr.decode()
        text = log.read_text(encoding="utf-8", errors="replace")
        assert text.count("execve(") == 1
        assert "connect(" not in text
        # Calls that fail have opened nothing; that a link was refused by O_NOFOLLOW is one of them.
        opened = re.findall(
            r'\b(?:open|openat|openat2|creat)\((?:[^<"]*<([^>]*)>, )?"([^"]*)".*= \d+<(.*)>$', text, re.MULTILINE
        )
        # Since Python 3.12 a fork reads the number of threads from /proc/self/stat, whose real path has the process ID.
        paths = [
            re.sub(r"^/proc/\d+/", "/proc/self/", real) if asked.startswith("/proc/self/") else real
            for _, asked, real in opened
            if real.startswith("/")
        ]
        assert any(path.startswith(str(checkout)) for path in paths)
        assert _outside(paths, checkout) == []


def test_hook_reports_files_outside_of_the_checkout(checkout: Path, tmp_path: Path) -> None:
    """Not an assertion about kvlint: without it the tests above could hold for the wrong reason."""
    script, log = tmp_path / "hook.py", tmp_path / "log"
    script.write_text(HOOK)
    words: list[str | Path] = [sys.executable, "-P", script, log, "../secrets/x.tf"]
    subprocess.run(words, cwd=checkout, capture_output=True, check=False)
    paths = [line.partition(" ")[2][1:-1] for line in log.read_text(encoding="utf-8").splitlines()]
    assert str(tmp_path / "secrets" / "x.tf") in _outside(paths, checkout)

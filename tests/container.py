"""Build the image of the Dockerfile, and check that it works without network, root and a writable file system.

``python -m tests.container`` runs the steps of the Dockerfile in a bare Debian root, as root on Linux with debootstrap.
The base is Debian's Python there, and not the image that the Dockerfile names. ``--docker`` builds the real image with
docker; ``--image NAME`` checks one that exists. The registry settings of this machine (PIP_*, *_proxy) apply.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = ROOT / "Dockerfile"
SAMPLES = ("main.tf", "plan.json", "main.bicep", "main.json")
_SUITE = "trixie"
# What a step of the build may inherit from this machine.
_INHERITED = ("PIP_", "SSL_CERT_", "REQUESTS_CA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Step(NamedTuple):
    """An instruction of a Dockerfile, in one line."""

    name: str
    words: str


class ContainerResult(NamedTuple):
    """What a container left."""

    code: int
    out: str
    err: str


class Image(Protocol):
    """An image that can run with a folder at /src."""

    def run(self, folder: Path, *words: str, entry: Sequence[str] = ()) -> ContainerResult:
        """Run the entry point, or ``entry``, with words: no network, and nothing that can be written."""
        ...


def steps_of(text: str) -> list[Step]:
    """Return the instructions of a Dockerfile."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines()]


def is_in_context(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a file is sent to the build, by the patterns of .dockerignore. The last that matches decides."""
    path, included = PurePosixPath(name), True
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        candidates = (path, *path.parents)
        if any(one != PurePosixPath() and _matches(one, bare) for one in candidates):
            included = pattern.startswith("!")
    return included


def _matches(path: PurePosixPath, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return path.name == pattern[3:]
    if pattern == "*":
        return len(path.parts) == 1
    return path == PurePosixPath(pattern)


def context() -> Iterator[str]:
    """Yield the files that are sent to the build."""
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for pattern in patterns:
        path = ROOT / pattern.removeprefix("!")
        if pattern.startswith("!"):
            files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
            names = (file.relative_to(ROOT).as_posix() for file in files)
            yield from (name for name in names if is_in_context(name, patterns))


class ChrootImage:
    """The last stage of the Dockerfile, as a folder below ``folder``. ``base`` is the root that it begins with."""

    def __init__(self, folder: Path, base: Path) -> None:
        self._folder, self._base = folder, base
        self._stages: dict[str, Path] = {}
        self._files = list(context())
        self._root = base
        self._environment: dict[str, str] = {}
        self._user, self._place = "0:0", "/"
        self._entry: list[str] = []
        self._command: list[str] = []
        steps: dict[str, Callable[[str], object]] = {
            "FROM": self._begin,
            "ENV": self._set,
            "LABEL": shlex.split,
            "WORKDIR": self._enter,
            "USER": lambda words: setattr(self, "_user", words),
            "COPY": self._copy,
            "RUN": self._build,
            "ENTRYPOINT": lambda words: setattr(self, "_entry", json.loads(words)),
            "CMD": lambda words: setattr(self, "_command", json.loads(words)),
        }
        for step in steps_of(DOCKERFILE.read_text(encoding="utf-8")):
            print(f"{step.name} {' '.join(step.words.split())}"[:110], flush=True)
            steps[step.name](step.words)

    def _begin(self, words: str) -> None:
        source, _, name = words.partition(" AS ")
        self._root = self._folder / f"stage{len(self._stages)}"
        copy = ["cp", "-a", str(self._stages.get(source, self._base)), str(self._root)]
        subprocess.run(copy, check=True)
        self._stages[name or self._root.name] = self._root
        self._environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        self._user, self._place, self._entry, self._command = "0:0", "/", [], []

    def _set(self, words: str) -> None:
        for pair in shlex.split(words):
            name, _, value = pair.partition("=")
            self._environment[name] = value.replace("$PATH", self._environment["PATH"])

    def _enter(self, words: str) -> None:
        self._place = words
        self._inside(words).mkdir(parents=True, exist_ok=True)

    def _inside(self, path: str) -> Path:
        return self._root / str(PurePosixPath(self._place, path)).lstrip("/")

    def _copy(self, words: str) -> None:
        *sources, target = words.split()
        if sources[0].startswith("--from="):
            stage = self._stages[sources[0].partition("=")[2]]
            shutil.copytree(stage / sources[1].lstrip("/"), self._inside(target), symlinks=True)
            return
        for source in sources:
            files = [name for name in self._files if name == source or name.startswith(f"{source}/")]
            assert files, f"{source} is not in the context"
            for name in files:
                destination = self._inside(target) / (Path(name).name if name == source else name[len(source) + 1 :])
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, destination)

    def _build(self, words: str) -> None:
        # A setting that names a file of this machine has no meaning in the root.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name.upper().startswith(_INHERITED) and not value.startswith("/")
        }
        command = ["chroot", f"--userspec={self._user}", str(self._root), "/bin/sh", "-c"]
        command.append(f"cd {self._place} && {words}")
        subprocess.run(command, env=inherited | self._with_tools(), check=True)

    def _with_tools(self) -> dict[str, str]:
        """Return the environment of the image, with the path of the programs that enter it."""
        return self._environment | {"PATH": f"{self._environment['PATH']}:/usr/sbin:/sbin"}

    def run(self, folder: Path, *words: str, entry: Sequence[str] = ()) -> ContainerResult:
        """Run it in namespaces of its own, in which there is no network and nothing can be written."""
        root, source = shlex.quote(str(self._root)), shlex.quote(str(folder))
        script = (
            f"mount --bind {root} {root} && mount --bind {source} {root}/src"
            f" && mount -o remount,ro,bind {root}/src && mount -o remount,ro,bind {root}"
            f' && exec chroot --userspec={self._user} {root} /bin/sh -c \'cd {self._place} && exec "$@"\' sh "$@"'
        )
        command = [*(entry or self._entry), *(words or (() if entry else self._command))]
        return _ran(
            ["unshare", "--net", "--mount", "--ipc", "/bin/sh", "-c", script, "sh", *command],
            self._with_tools(),
        )


class DockerImage:
    """An image of docker."""

    def __init__(self, name: str) -> None:
        self._name = name

    def run(self, folder: Path, *words: str, entry: Sequence[str] = ()) -> ContainerResult:
        """Run a container with the options that docs/container.md shows."""
        options = ["--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--volume", f"{folder}:/src:ro"]
        if entry:
            options += ["--entrypoint", entry[0]]
        return _ran(["docker", "run", *options, self._name, *entry[1:], *words], dict(os.environ))


def _ran(command: Sequence[str], environment: dict[str, str]) -> ContainerResult:
    ran = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=300)
    return ContainerResult(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


_PROBE = """
import os, socket
assert os.getuid() != 0, "it is root"
for path in ("/file", "/src/file", "/opt/kvlint/file", "/tmp/file"):
    try:
        open(path, "w")
    except OSError:
        continue
    raise AssertionError(f"{path} can be written")
try:
    socket.create_connection(("192.0.2.1", 443), timeout=5)
except OSError as error:
    print(f"uid {os.getuid()}, nothing can be written, connect: {error.strerror}")
else:
    raise AssertionError("there is a network")
"""


def check(image: Image) -> None:
    """Check an image. Raise AssertionError if it does not work."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "checkout"
        shutil.copytree(ROOT / "samples", folder / "samples")
        # A checkout of another user, of which kvlint reads the commit without git.
        (folder / ".git").mkdir()
        (folder / ".git" / "HEAD").write_text("0" * 39 + "1\n", encoding="utf-8")
        config = '[remote "origin"]\n\turl = https://github.com/owner/repository\n'
        (folder / ".git" / "config").write_text(config, encoding="utf-8")
        Path(temporary).chmod(0o755)
        probe = image.run(folder, "-c", _PROBE, entry=["/opt/kvlint/bin/python"])
        assert probe.code == 0, probe.err
        print(f"in the container: {probe.out.strip()}")
        version = image.run(folder, "--version")
        assert (version.code, version.err) == (0, ""), version
        print(version.out.strip())
        for kind, code in (("careless", 1), ("hardened", 0)):
            for name in SAMPLES:
                ran = image.run(folder, f"samples/{kind}/{name}")
                expected = (folder / "samples" / kind / f"{name}.expected.txt").read_text(encoding="utf-8")
                assert (ran.code, ran.out, ran.err) == (code, expected, ""), ran
                print(f"kvlint samples/{kind}/{name}: exit code {ran.code}, output as expected")
        report = json.loads(image.run(folder, "samples/careless/main.tf", "-f", "json").out)
        assert report["repository"]["uri"] == "https://github.com/owner/repository", report["repository"]
        print(f"the commit of a checkout of another user: {report['repository']['revision']}")
        everything = image.run(folder)  # the default argument; a folder `samples` has no findings that count
        assert (everything.code, everything.err) == (0, ""), everything
        print(everything.out.splitlines()[-1])


def debian_root(folder: Path) -> Path:
    """Return a bare Debian with Python, in which only the network settings are those of this machine."""
    root = folder / "debian"
    packages = "--include=python3,python3-venv,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", packages, _SUITE, str(root)], check=True, stdout=sys.stderr)
    for file in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
        shutil.copy(file, root / file.lstrip("/"))
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    return root


def main() -> None:
    """Build the image, unless it exists, and check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docker", action="store_true", help="Build with docker.")
    parser.add_argument("--image", default="", help="Check this image of docker.")
    parser.add_argument("--base", type=Path, help="Use this Debian root, without debootstrap.")
    arguments = parser.parse_args()
    if arguments.docker or arguments.image:
        name = arguments.image or "kvlint:check"
        if arguments.docker:
            subprocess.run(["docker", "build", "--tag", name, str(ROOT)], check=True)
        check(DockerImage(name))
        return
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        base = arguments.base or debian_root(Path(temporary))
        image = ChrootImage(Path(temporary), base)
        check(image)


if __name__ == "__main__":
    main()

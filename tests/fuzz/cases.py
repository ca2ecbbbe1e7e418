"""A case: a checkout, a command line, and its expected outputs. The same seed and number return the same case."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from azkvlint.reporters import REPORTERS, SARIF_INCLUDED
from azkvlint.reporters.access import ACCESS_REPORTERS
from azkvlint.reporters.controls import CONTROLS_REPORTERS
from azkvlint.reporters.difference import DIFFERENCE_REPORTERS
from tests.fuzz.canaries import HEADS, OUTSIDE, PARAMETERS, REFERENCES, TOKEN, plant
from tests.fuzz.mutations import Document, Language, encoded, language, mutate_bytes, mutate_text
from tests.fuzz.seeds import CALLED_BICEP, CALLED_TERRAFORM, Seeds
from tests.fuzz.words import CHARACTERS, NAMES, NUMBERS, STRINGS

FORMATS = tuple(REPORTERS)
CONTROLS_FORMATS = tuple(CONTROLS_REPORTERS)
GIT_FILES = {
    ".git/HEAD": b"ref: refs/heads/main\n",
    ".git/refs/heads/main": b"0123456789abcdef0123456789abcdef01234567\n",
    ".git/config": f"""[remote "origin"]
	url = https://user:{TOKEN}@github.com/example/example
[http "https://github.com/"]
	extraheader = AUTHORIZATION: basic {TOKEN}
""".encode(),
}
"""What makes a folder a checkout, with the token that a build keeps there."""
SURROUNDINGS = {
    "secret.txt": OUTSIDE.encode(),
    "secret.json": f'{{"a": "{OUTSIDE}", "name": "{OUTSIDE}", "{OUTSIDE}": 1}}'.encode(),
    "secret.tfvars": f'name = "{OUTSIDE}"\nip = ["{OUTSIDE}"]\n'.encode(),
    "secret.yaml": f"id: {OUTSIDE}\nseverity: {OUTSIDE}\n{OUTSIDE}: x\n".encode(),
    "secret.tf": f'resource "azurerm_key_vault" "kv" {{\n  name = "{OUTSIDE}"\n  sku_name = "{OUTSIDE}"\n}}\n'.encode(),
    "victim": b"untouched",
}
"""The files next to the checkout."""


@dataclass
class Case:
    """``files`` and ``links`` by their path in the checkout, and the ``words`` of the command line.

    ``outputs`` are the formats that are written, each with its file ("" is the standard output). With ``unforeseen``
    outputs, a mutated configuration or command line chooses formats and files. A ``repeated`` case runs twice, a
    ``parallel`` one again with two processes, and ``schema`` validates a SARIF log.
    """

    kind: str
    files: dict[str, bytes]
    words: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    outputs: list[tuple[str, str]] = field(default_factory=list)
    stdin: bytes | None = None
    env: dict[str, str] = field(default_factory=dict)
    unforeseen: bool = False
    repeated: bool = False
    parallel: bool = False
    schema: bool = False

    @property
    def leaves_state(self) -> bool:
        """Whether a run may leave something behind in its process, which then has to be replaced."""
        return "--stdin-filename" in self.words


# Commands and options of runs in one process.
_SINGLE = ("graph", "explain", "rules", "access", "migrate-rbac", "fix", "init", "--show-settings")


class CaseFactory:
    """Builds the cases of a seed."""

    def __init__(self, seeds: Seeds, seed: int) -> None:
        self._seeds = seeds
        self._seed = seed

    def case(self, number: int) -> Case:
        """Return the case of a number."""
        rng = random.Random(f"{self._seed}:{number}")
        (kind,) = rng.choices(list(_KINDS), [weight for weight, _ in _KINDS.values()])
        builder = _Builder(rng, self._seeds, kind, number)
        _KINDS[kind][1](builder)
        return builder.finished()


class _Builder:
    """A case under construction. Half of them have ``planted`` secrets."""

    def __init__(self, rng: random.Random, seeds: Seeds, kind: str, number: int) -> None:
        self.rng = rng
        self.seeds = seeds
        self.number = number
        self.planted = rng.random() < 0.5
        self.case = Case(kind, dict(GIT_FILES) if rng.random() < 0.8 else {})

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def words_of(self, name: str, kind: str) -> Language:
        """Return the vocabulary of a language; ``kind`` is the kind of text to splice from."""
        return language(name, lambda: self._donor(kind), REFERENCES.get(name, ()))

    def _donor(self, kind: str) -> str:
        if kind in self.seeds.texts:
            return self.seeds.text(self.rng, kind)
        return json.dumps(self.seeds.document(self.rng, kind))

    def text(self, file: str, kind: str, name: str, *, mutated: bool = True, start: str | None = None) -> None:
        """Add a text file, after a head that declares secrets."""
        text = self.seeds.text(self.rng, kind) if start is None else start
        head = HEADS.get(kind, "") if self.planted else ""
        if mutated:
            text = mutate_text(self.rng, text, self.words_of(name, kind))
        if head:
            text = head + text.replace("nonsensitive", "sensitive")
        data = encoded(self.rng, text, odd=mutated)
        if mutated and not head and self.chance(0.1):
            data = mutate_bytes(self.rng, data)
        self.case.files[file] = data

    def document(self, file: str, kind: str, name: str, *, mutated: bool = True) -> None:
        """Add a JSON file, with secrets."""
        if mutated and kind in self.seeds.texts and self.chance(0.15):
            self.text(file, kind, name)
            return

        def donor() -> Any:
            return self.seeds.document(self.rng, kind)

        document = Document(donor(), NAMES[name], donor, self.words_of(name, kind))
        if mutated:
            document.mutate(self.rng)
        planted = self.planted and plant(self.rng, kind, document.root)
        text = document.written(self.rng)
        if mutated and not planted and self.chance(0.3):
            text = mutate_text(self.rng, text, self.words_of(name, kind))
        data = encoded(self.rng, text, odd=mutated)
        if mutated and not planted and self.chance(0.25):
            data = mutate_bytes(self.rng, data)
        self.case.files[file] = data

    # --- command lines ----------------------------------------------------------------------------------------------

    def finished(self) -> Case:
        """Return the case, with a command line if it has none yet."""
        case = self.case
        if not case.words:
            self._command()
        case.repeated = self.chance(1 / 16)
        # Another number of processes is wrong use for some commands, and corrects some wrong command lines.
        is_single = case.kind == "options" or {*_SINGLE} & {*case.words}
        case.parallel = self.chance(1 / 128) and not is_single
        case.schema = self.chance(1 / 8)
        return case

    def _command(self) -> None:
        chance = self.rng.random()
        if chance < 0.86:
            self.check()
        elif chance < 0.91:
            form = CONTROLS_FORMATS[self.number % len(CONTROLS_FORMATS)]
            self.case.words = ["controls", self._input(), "-f", form, *self._some(("--framework", "all"), 0.3)]
            self.case.outputs = [(form if form == "html" else f"controls.{form}", "")]
        elif chance < 0.914:
            form = self.rng.choice(("text", "json", "diff"))
            how = ["--diff"] if form == "diff" else ["-f", form]
            classes = [*self._some(("--unsafe",), 0.5), *self._some(("--allow", "access,cost"), 0.3)]
            self.case.words = ["fix", self._input(), *how, *classes]
            self.case.outputs = [(f"fix.{form}", "")]
        elif chance < 0.92:
            form = self.rng.choice(("text", "json"))
            self.case.words = ["migrate-rbac", self._input(), "-f", form, *self._some(("--built-in-roles",), 0.3)]
            self.case.outputs = [(f"migration.{form}", "")]
        elif chance < 0.93:
            form = self.rng.choice(tuple(ACCESS_REPORTERS))
            self.case.words = ["access", self._input(), "-f", form, *self._some(("--deny", "purge"), 0.3)]
            self.case.outputs = [(form if form == "html" else f"access.{form}", "")]
        elif chance < 0.94:
            form = self.rng.choice(tuple(DIFFERENCE_REPORTERS))
            name = self._input()
            self.case.words = ["diff", *([name] if self.chance(0.5) else [name, name]), "-f", form]
            self.case.outputs = [(f"diff.{form}", "")]
        elif chance < 0.95:
            form = self.rng.choice(("text", "json"))
            self.case.words = ["suppressions", self._input(), "-f", form]
            self.case.outputs = [(f"suppressions.{form}", "")]
        elif chance < 0.955:
            # Without --dry-run it writes files.
            self.case.words = ["init", "--dry-run", "--ci", self.rng.choice(("github", "gitlab", "azure", "none"))]
        elif chance < 0.99:
            form = self.rng.choice(("mermaid", "dot"))
            self.case.words = ["graph", self._input(), "-f", form]
            self.case.outputs = [(form, "")]
        else:
            self.case.words = [".", "--show-settings"]

    def check(self, *more: str, formats: bool = True) -> None:
        """Make the command a check with ``more`` options, one format after the other, and often JSON too."""
        words = [self._input(), *more]
        outputs = []
        if formats:
            form = FORMATS[self.number % len(FORMATS)]
            words += ["-f", form]
            outputs.append((form, ""))
            if form != "json" and self.chance(0.4):
                words += ["-f", "json=report.json"]
                outputs.append(("json", "report.json"))
        for option, share in (
            (("--profile", "all"), 0.35),
            (("--select", f"KV{self.rng.randrange(10)}", "--select", f"KV{self.rng.randrange(10)}"), 0.35),
            (("-v",), 0.3),
            (("-q",), 0.05),
            (("--strict",), 0.2),
            (("--show-suppressed",), 0.1),
            (("--statistics",), 0.1),
            (("--closed",), 0.1),
            (("--no-ignores",), 0.05),
            (("--sarif-include", ",".join(SARIF_INCLUDED)), 0.1),
            (("--min-severity", "medium"), 0.03),
            (("--fail-on", "critical"), 0.03),
            (("--as-of", "2027-01-01"), 0.2),
            (("--isolated",), 0.05),
            (("--var", "name=x"), 0.05),
            (("--exit-zero",), 0.03),
            (("--fixes", "--unsafe"), 0.03),
        ):
            words += self._some(option, share)
        if formats and self.chance(0.03):
            words += ["--write-baseline", "written.json"]
            outputs.append(("baseline", "written.json"))
        if formats and self.chance(0.03):
            words += ["--summary-file", "summary.md"]
            outputs.append(("markdown", "summary.md"))
        self.case.words, self.case.outputs = words, outputs

    def mentions(self, name: str) -> bool:
        """Whether a file of the case contains the name of another one that is missing."""
        data = name.encode()
        return name not in self.case.files and any(data in text for text in self.case.files.values())

    def named(self, pattern: bytes) -> list[str]:
        """Return the missing files or folders whose names a pattern finds in the files of the case."""
        found = {match.decode() for data in self.case.files.values() for match in re.findall(pattern, data)}
        return sorted(name for name in found if name not in self.case.files)[:3]

    def _some(self, option: tuple[str, ...], share: float) -> list[str]:
        return list(option) if self.chance(share) else []

    def _input(self) -> str:
        """Return what to check: mostly the folder, else one of its files or standard input."""
        case = self.case
        names = [name for name in case.files if name.partition(".")[0] in ("main", "plan", "azuredeploy", "whatif")]
        if not names or self.chance(0.75):
            return "."
        name = self.rng.choice(names)
        if name.endswith(".json") and self.chance(0.15):
            case.stdin = case.files[name]
            return "-"
        return name


# --- kinds ----------------------------------------------------------------------------------------------------------


def _terraform(builder: _Builder) -> None:
    builder.text("main.tf", "terraform", "terraform")
    _around_terraform(builder)


def _around_terraform(builder: _Builder) -> None:
    """Add the modules that a root module calls, and sometimes its other files."""
    for folder in builder.named(rb'source"?\s*[=:]\s*"\./([\w/-]{1,30})"'):
        _called_terraform(builder, folder, mutated=builder.chance(0.4))
    if builder.chance(0.1):
        builder.text("main_override.tf", "terraform", "terraform")
    if builder.chance(0.15):
        builder.text("terraform.tfvars", "tfvars", "terraform", mutated=builder.chance(0.5))
    if builder.chance(0.05):
        builder.text(".terraform.lock.hcl", "lock", "terraform")
    if builder.mentions("policies.json"):
        builder.case.files["policies.json"] = b'[{"id": "a"}, {"id": null}]'


def _called_terraform(builder: _Builder, folder: str, *, mutated: bool) -> None:
    text = builder.seeds.text(builder.rng, "terraform")
    start = CALLED_TERRAFORM if "./" in text else text
    builder.text(f"{folder}/main.tf", "terraform", "terraform", mutated=mutated, start=start)


def _root(builder: _Builder) -> None:
    """Add a root module as it is, for the mutated file that belongs to it."""
    builder.text("main.tf", "terraform", "terraform", mutated=False, start=builder.seeds.texts["terraform"][0][0])
    _called_terraform(builder, "m", mutated=False)


def _terraform_json(builder: _Builder) -> None:
    builder.document("main.tf.json", "terraform_json", "terraform")
    _around_terraform(builder)


def _tfvars(builder: _Builder) -> None:
    _root(builder)
    builder.text("terraform.tfvars", "tfvars", "terraform")


def _tfvars_json(builder: _Builder) -> None:
    _root(builder)
    builder.document("x.auto.tfvars.json", "tfvars_json", "terraform")


def _manifest(builder: _Builder) -> None:
    _root(builder)
    builder.document(".terraform/modules/modules.json", "manifest", "plan")


def _lock(builder: _Builder) -> None:
    _root(builder)
    builder.text(".terraform.lock.hcl", "lock", "terraform")


def _plan(builder: _Builder) -> None:
    builder.document("plan.json", "plan", "plan")
    if builder.chance(0.15):
        builder.text("main.tf", "terraform", "terraform", mutated=builder.chance(0.3))
        _around_terraform(builder)


def _arm(builder: _Builder) -> None:
    builder.document("azuredeploy.json", "arm", "arm")
    if builder.chance(0.2):
        builder.document("azuredeploy.parameters.json", "parameters", "arm", mutated=builder.chance(0.5))


def _parameters(builder: _Builder) -> None:
    builder.document("azuredeploy.json", "arm", "arm", mutated=False)
    builder.document("azuredeploy.parameters.json", "parameters", "arm")


def _bicep(builder: _Builder) -> None:
    builder.text("main.bicep", "bicep", "bicep")
    _around_bicep(builder, mutated=True)
    if builder.chance(0.1):
        builder.text("main.bicepparam", "bicepparam", "bicep", mutated=builder.chance(0.5))
        _around_bicep(builder, mutated=False)
    if builder.chance(0.1):
        builder.document("main.json", "arm", "arm", mutated=builder.chance(0.5))


def _around_bicep(builder: _Builder, *, mutated: bool) -> None:
    """Add the files that a Bicep file names."""
    for file in builder.named(rb"module \w+ '(?:\./)?([\w/-]{1,40}\.bicep)'"):
        text = builder.seeds.text(builder.rng, "bicep")
        start = CALLED_BICEP if ".bicep'" in text else text
        builder.text(file, "bicep", "bicep", mutated=mutated and builder.chance(0.4), start=start)
    if builder.mentions("types.bicep"):
        builder.text("types.bicep", "types", "bicep", mutated=mutated and builder.chance(0.4))
    if builder.mentions("settings.json"):
        builder.case.files["settings.json"] = b'{"sku": "premium", "list": ["a"], "tags": {"a": "b"}}'
    if builder.mentions("base.bicepparam"):
        builder.case.files["base.bicepparam"] = b"using none\nparam name = 'a'\n"


def _whole_bicep(builder: _Builder) -> None:
    builder.text("main.bicep", "bicep", "bicep", mutated=False, start=builder.seeds.texts["bicep"][0][0])
    _around_bicep(builder, mutated=False)


def _bicepparam(builder: _Builder) -> None:
    _whole_bicep(builder)
    if builder.planted and builder.chance(0.3):
        data = {"$schema": "deploymentParameters.json#", "contentVersion": "1.0.0.0", "parameters": PARAMETERS}
        builder.case.files["main.parameters.json"] = json.dumps(data).encode()
        return
    builder.text("main.bicepparam", "bicepparam", "bicep")
    _around_bicep(builder, mutated=False)


def _bicepconfig(builder: _Builder) -> None:
    _whole_bicep(builder)
    builder.document("bicepconfig.json", "bicepconfig", "bicep")
    if builder.chance(0.5):
        name = "cache/br/example.azurecr.io/bicep$kv$kv/1.0$/main.json"
        builder.case.files[name] = json.dumps(builder.seeds.document(builder.rng, "arm")).encode()


def _what_if(builder: _Builder) -> None:
    builder.document("whatif.json", "whatif", "arm")


def _snapshot(builder: _Builder) -> None:
    builder.document("main.snapshot.json", "snapshot", "arm")


def _config(builder: _Builder) -> None:
    _root(builder)
    builder.document("baseline.json", "baseline", "plan", mutated=False)
    builder.case.files["a.tfvars"] = b'name = "a"\n'
    builder.case.files["own/ACME-1-vault-has-an-owner.yaml"] = builder.seeds.texts["rules"][0][0].encode()
    name, kind = builder.rng.choice(
        (("kvlint.toml", "config"), (".kvlint.toml", "config"), ("pyproject.toml", "pyproject"))
    )
    builder.text(name, kind, "settings")
    if builder.chance(0.3):
        del builder.case.files["main.tf"], builder.case.files["m/main.tf"]
    builder.case.unforeseen = True
    if builder.chance(0.2):
        builder.case.words = [builder.rng.choice(("suppressions", "controls")), "."]
    elif builder.chance(0.2):
        builder.case.words = [".", "--show-settings"]
    else:
        builder.check(formats=builder.chance(0.8))


def _baseline(builder: _Builder) -> None:
    _root(builder)
    builder.document("baseline.json", "baseline", "plan")
    builder.check("--baseline", "baseline.json")


def _rules(builder: _Builder) -> None:
    text = builder.seeds.text(builder.rng, "rules")
    id_, name = re.findall(r"(?m)^(?:id|name): (.+)$", text)[:2]
    # A custom rule must not have the id of a built-in rule, and its file is named after it.
    mine = id_.replace("KV", "ACME-")
    file = f"own/{mine}-{name}.yaml"
    builder.text(file, "rules", "rules", start=text.replace(id_, mine))
    _root(builder)
    chance = builder.rng.random()
    if chance < 0.5:
        builder.case.words = ["rules", "test", "own"]
    elif chance < 0.8:
        builder.check("--rules", file)
    elif chance < 0.9:
        builder.case.words = ["explain", builder.rng.choice((mine, name, "KV001")), "--rules", "own"]
    else:
        builder.case.words = ["rules", "--rules", "own", "-f", builder.rng.choice(("text", "json"))]


def _framework(builder: _Builder) -> None:
    builder.text("acme.yaml", "framework", "rules")
    _root(builder)
    form = builder.rng.choice(CONTROLS_FORMATS)
    builder.case.words = ["controls", "main.tf", "--framework", "acme.yaml", "-f", form]
    builder.case.outputs = [(form if form == "html" else f"controls.{form}", "")]


def _options(builder: _Builder) -> None:
    """Mutate the command line and the environment."""
    rng = builder.rng
    rng.choice((_root, _whole_bicep, _parameters))(builder)
    builder.document("baseline.json", "baseline", "plan", mutated=False)
    builder.check()
    words = builder.case.words
    value = rng.choice((*STRINGS, *NUMBERS, *CHARACTERS))
    options = (
        ("--var", f"name={value}"),
        ("--var", value),
        ("--set", f"KV003.minimum={value}"),
        ("--set", f"KV018.pattern={value}"),
        ("--set", value),
        ("--as-of", value),
        ("--select", value),
        ("--ignore", value),
        ("--profile", value),
        ("--exclude", value),
        ("--jobs", value),
        ("--min-severity", value),
        ("--sarif-category", value),
        ("--sarif-root-uri", f"file:///{value}"),
        ("--var-file", value),
        ("--parameters", value),
        ("--baseline", value),
        ("--config", value),
        ("--source-root", value),
        ("-f", value),
        (value,),
        ("--stdin-filename", "main.tf", "-"),
    )
    words += rng.choice(options)
    if builder.chance(0.2):
        rng.shuffle(words)
    if builder.chance(0.2):
        builder.case.env = {
            rng.choice(("KVLINT_FORMAT", "KVLINT_VAR", "KVLINT_SET", "KVLINT_AS_OF", "KVLINT_X")): value
        }
    builder.case.words = [_without_nul(word) for word in words]
    builder.case.env = {name: _without_nul(text) for name, text in builder.case.env.items()}
    builder.case.outputs = []
    builder.case.unforeseen = True
    if "-" in words:
        builder.case.stdin = builder.case.files.get("main.tf", b"")


def _without_nul(text: str) -> str:
    """Return a text that can be an argument or a file name: lone surrogates stand for bytes that are not UTF-8."""
    return text.replace("\0", "").encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")


def _places(builder: _Builder) -> None:
    """Rename files, and add links out of the checkout, to nothing, or to themselves."""
    rng, case = builder.rng, builder.case
    builder.planted = False
    _ROOTS[rng.choice(list(_ROOTS))](builder)
    if builder.chance(0.5):
        old = rng.choice([name for name in case.files if not name.startswith(".git/")])
        stem, dot, ending = old.rpartition("/")[2].partition(".")
        odd = _without_nul(rng.choice((*STRINGS, *CHARACTERS))).replace("/", "")[:60] or "x"
        folder = f"{rng.choice((odd, 'd'))}/" if builder.chance(0.5) else ""
        name = f"{folder}{rng.choice((odd, stem + odd))}{dot}{ending}".replace("/..", "/x").removeprefix("../")
        if len(name.encode("utf-8", "surrogateescape")) < 200 and not name.startswith("."):
            case.files[name] = case.files.pop(old)
    if builder.chance(0.6):
        case.links.update(rng.sample(_LINKS, rng.choice((1, 1, 2))))
    builder.check()
    if "linked.txt" in case.links:
        case.words += ["-f", "concise=linked.txt"]
        case.unforeseen = True


_LINKS = (
    ("terraform.tfvars", "../outside/secret.tfvars"),
    ("x.auto.tfvars.json", "../outside/secret.json"),
    ("linked.tf", "../outside/secret.tf"),
    ("linked.bicep", "../outside/secret.tf"),
    ("main.parameters.json", "../outside/secret.json"),
    ("azuredeploy.parameters.json", "../outside/secret.json"),
    ("linked", "../outside"),
    ("m", "../outside"),
    ("kvlint.toml", "../outside/secret.tfvars"),
    (".kvlint.toml", ".git/config"),
    ("bicepconfig.json", "../outside/secret.json"),
    (".terraform", "../outside"),
    (".terraform.lock.hcl", "../outside/secret.tfvars"),
    ("report.json", "../outside/victim"),
    ("linked.txt", "../outside/victim"),
    ("loop.tf", "loop.tf"),
    ("loop", "."),
    ("nowhere.json", "nothing"),
    ("zero.tf", "/dev/zero"),
    ("own", "../outside"),
)
_ROOTS = {"terraform": _root, "bicep": _whole_bicep, "arm": _parameters, "plan": _plan}
_KINDS: Mapping[str, tuple[int, Callable[[_Builder], None]]] = {
    "terraform": (22, _terraform),
    "terraform_json": (4, _terraform_json),
    "tfvars": (2, _tfvars),
    "tfvars_json": (1, _tfvars_json),
    "manifest": (3, _manifest),
    "lock": (1, _lock),
    "plan": (16, _plan),
    "arm": (14, _arm),
    "parameters": (3, _parameters),
    "bicep": (18, _bicep),
    "bicepparam": (3, _bicepparam),
    "bicepconfig": (2, _bicepconfig),
    "whatif": (4, _what_if),
    "snapshot": (3, _snapshot),
    "config": (5, _config),
    "baseline": (2, _baseline),
    "rules": (4, _rules),
    "framework": (1, _framework),
    "options": (3, _options),
    "places": (3, _places),
}
"""Each kind of case with its weight, and the function that builds it."""

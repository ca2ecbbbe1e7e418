"""The root module of a plan: where it is looked for, and that none is better than a wrong one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.model.resource import RequiredAttributes
from azkvlint.readers.terraform import locations
from azkvlint.readers.terraform.folder import FolderCache
from azkvlint.readers.terraform.locations import Locator, labels_of
from azkvlint.util.project_boundary import begin_run
from azkvlint.util.project_files import walk

Files: TypeAlias = Mapping[str, str]
Find: TypeAlias = Callable[..., str | None]
KV, RG, DATA, CALL = "azurerm_key_vault.kv", "azurerm_resource_group.rg", "data.azurerm_client_config.me", "module.m"
LABELS = frozenset({KV, RG, DATA, CALL})
EVERYTHING = RequiredAttributes(paths={}, reference_paths={}, everything=True)


def declaring(*labels: str) -> str:
    """A file that declares these."""
    texts = []
    for label in labels:
        *kind, type_, name = ["resource", *label.split(".")]
        if type_ == "module":
            texts.append(f'module "{name}" {{\n  source = "./{name}"\n}}\n')
        else:
            texts.append(f'{kind[-1]} "{type_}" "{name}" {{\n}}\n')
    return "".join(texts)


WHOLE = declaring(*LABELS)


def configuration_of(labels: Iterable[str], constants: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The configuration of a plan whose root module declares ``labels``, with these expressions by label."""
    resources, calls = [], {}
    for label in labels:
        expressions = (constants or {}).get(label, {})
        if label.startswith("module."):
            calls[label.removeprefix("module.")] = {"source": "./m", "expressions": expressions}
        else:
            mode = "data" if label.startswith("data.") else "managed"
            resources.append({"address": label, "mode": mode, "expressions": expressions})
    return {"root_module": {"resources": resources, "module_calls": calls}}


def constant(value: Any) -> dict[str, Any]:
    return {"constant_value": value}


@pytest.mark.parametrize(
    ("argument", "planned"),
    [
        ('name = "kv"', "other"), ('name = "kv"', "KV"), ("enabled = true", False), ("days = 90", 7),
        ('days = "90"', 7), ("", "missing in the source"),
    ],
)  # fmt: skip
def test_a_module_with_another_constant_is_not_the_source(argument: str, planned: Any, find: Find) -> None:
    name = argument.partition(" ")[0] or "name"
    text = WHOLE.replace('"azurerm_key_vault" "kv" {', f'"azurerm_key_vault" "kv" {{\n  {argument}')
    assert find({"plans/main.tf": text}, constants={KV: {name: constant(planned)}}) == f"plans ({KV}.{name})"


@pytest.mark.parametrize(
    ("argument", "planned"),
    [
        ('name = "kv"', constant("kv")), ("days = 90", constant("90")), ('days = "90"', constant(90.0)),
        ("enabled = true", constant("true")), ("name = var.x", constant("kv")), ('name = "kv"', {"references": ["a"]}),
        ('name = "kv"', {}), ("name = null", constant("kv")), ("acl {\n    days = 1\n  }", [{"days": constant(1)}]),
        ('dynamic "acl" {\n    for_each = var.x\n  }', [{"days": constant(1)}]),
    ],
)  # fmt: skip
def test_equal_or_incomparable_constants_match(argument: str, planned: Any, find: Find) -> None:
    name = "acl" if "acl" in argument else argument.partition(" ")[0]
    text = WHOLE.replace('"azurerm_key_vault" "kv" {', f'"azurerm_key_vault" "kv" {{\n  {argument}\n')
    assert find({"plans/main.tf": text}, constants={KV: {name: planned}}) == "plans"


def test_constants_in_blocks_calls_and_modules_are_compared(find: Find) -> None:
    text = WHOLE.replace('"azurerm_key_vault" "kv" {', '"azurerm_key_vault" "kv" {\n  acl {\n    days = 1\n  }\n')
    found = find({"plans/main.tf": text}, constants={KV: {"acl": [{"days": constant(2)}]}})
    assert found == f"plans ({KV}.acl.days)"
    text = WHOLE.replace('source = "./m"', 'source = "./m"\n  size = 1')
    assert find({"plans/main.tf": text}, constants={CALL: {"size": constant(2)}}) == f"plans ({CALL}.size)"


def test_of_two_modules_that_of_the_same_constants_is_the_source(find: Find) -> None:
    files = {
        f"{name}/main.tf": WHOLE.replace(
            '"azurerm_key_vault" "kv" {', f'"azurerm_key_vault" "kv" {{\n  name = "{name}"'
        )
        for name in ("dev", "prod", "plans")
    }
    assert find(files, constants={KV: {"name": constant("prod")}}) == "prod"
    assert find(files, constants={KV: {"name": constant("test")}}) == f"plans ({KV}.name)"
    assert find(files, asked="dev", constants={KV: {"name": constant("prod")}}) == f"dev ({KV}.name)"


@pytest.fixture
def find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Find:
    """What is found in a project for a plan in the folder ``beside``, as its path below the project."""
    (tmp_path / "project").mkdir()
    project = Path(os.path.realpath(tmp_path / "project"))

    def found(
        files: Files,
        beside: str = "plans",
        asked: str = "",
        here: str = "",
        labels: Iterable[str] = LABELS,
        constants: Mapping[str, Mapping[str, Any]] | None = None,
        is_checkout: bool = True,
    ) -> str | None:
        if is_checkout:
            (project / ".git").mkdir(exist_ok=True)
        for name, text in files.items():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_text(text, encoding="utf-8")
        (project / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.chdir(project / (here or "elsewhere"))
        cache = FolderCache(EVERYTHING)
        locator = Locator(str(project), lambda _: cache)
        asked = str(project / asked) if asked else ""
        root = locator.root_module(configuration_of(labels, constants), asked, str(project / beside) if beside else "")
        if root is not None:
            assert root.base == str(project)
            assert root.folder.path == os.path.relpath(root.folder.directory, project)
        if root is None:
            return None
        return f"{root.folder.path} ({root.difference})" if root.difference else root.folder.path

    return found


def test_folder_of_the_option_is_the_source(find: Find) -> None:
    files = {"a/main.tf": WHOLE, "b/main.tf": declaring("azurerm_subnet.other"), "plans/main.tf": WHOLE}
    assert find(files, asked="b") == "b", "whatever is in it"
    assert find(files, asked="elsewhere") is None, "there is no module"
    assert find(files, asked="missing") is None
    assert find({}, asked="b", labels=()) == "b", "a plan may say nothing of its configuration"


def test_the_folder_of_the_plan_comes_before_the_current_one(find: Find) -> None:
    files = {"a/main.tf": declaring(KV), "plans/main.tf": declaring(KV)}
    assert find(files, here="a") == "plans"
    assert find({"plans/main.tf": declaring("azurerm_subnet.other")}, here="a") == "a", "it shares nothing"


def test_plan_from_standard_input_has_its_source_in_the_current_folder(find: Find) -> None:
    assert find({"a/main.tf": declaring(KV), "plans/main.tf": declaring(KV)}, beside="", here="a") == "a"


@pytest.mark.parametrize("label", sorted(LABELS))
def test_a_folder_beside_has_to_share_a_label(label: str, find: Find) -> None:
    assert find({"plans/main.tf": declaring(label)}) == "plans"
    assert find({"plans/main.tf": declaring(f"{label}x")}) is None


def test_only_module_with_the_same_declarations_is_the_source(find: Find) -> None:
    files = {"deep/er/infra/main.tf": declaring(KV, RG), "deep/er/infra/data.tf": declaring(DATA, CALL)}
    other = {"other/main.tf": declaring(KV, RG, DATA), "more/main.tf": declaring(*LABELS, "azurerm_subnet.other")}
    assert find(files | other) == "deep/er/infra"
    assert find({"copy/main.tf": WHOLE}) is None, "there are two"


def test_plan_without_declarations_has_no_source(find: Find) -> None:
    files = {"empty/main.tf": "", "plans/main.tf": "locals {\n}\n", "a/main.tf": WHOLE}
    assert find(files, labels=()) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("main.tofu", WHOLE),
        ("main.tf", WHOLE.replace("\n", "\r\n")),
        ("main.tf", WHOLE.replace('" {', '"   {').replace("resource ", "  resource\t")),
        ("main.tf", "\ufeff" + WHOLE),
        ("main.tf", "# größer\n" + WHOLE),
        ("main.tf", WHOLE + '# resource "azurerm_key_vault" "commented" {\n'),
        ("main.tf", WHOLE + 'ephemeral "x_y" "z" {\n}\n'),
        ("main.tf.json", json.dumps({
            "resource": {"azurerm_key_vault": {"kv": {}}, "azurerm_resource_group": {"rg": {}}},
            "data": {"azurerm_client_config": {"me": {}}}, "module": {"m": {"source": "./m"}},
        })),
    ],
)  # fmt: skip
def test_source_is_found_with_any_formatting(name: str, text: str, find: Find) -> None:
    assert find({f"infra/{name}": text, "other/main.tf": declaring(KV)}) == "infra"


def test_vendored_folders_are_not_searched(find: Find) -> None:
    copies = {f"{folder}/x/main.tf": WHOLE for folder in (".terraform", ".git", "node_modules", ".venv")}
    assert find(copies) is None
    assert find({"infra/main.tf": WHOLE}) == "infra"


def test_search_that_exceeds_its_limit_finds_no_source(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only one that was seen need not be the only one."""
    files = {f"f{number}/main.tf": declaring(KV) for number in range(9)} | {"a/main.tf": WHOLE}
    assert find(files) == "a"
    wide = locations._WIDE
    monkeypatch.setattr(locations, "_WIDE", msgspec.structs.replace(wide, folders=5))
    assert find({}) is None
    assert find({}, beside="a") == "a", "no search is needed"
    monkeypatch.setattr(locations, "_WIDE", msgspec.structs.replace(wide, size=50))
    assert find({}) is None


@pytest.mark.parametrize(
    ("folder", "here", "found"),
    [
        ("a/b", ".", True), ("a/b/c", ".", False), ("a/b/c", "a", True), ("plans/x/y", "elsewhere", True),
        ("plans/x/y", ".", True), ("plans/x/y/z", ".", False),
    ],
)  # fmt: skip
def test_outside_of_a_checkout_two_levels_are_searched(folder: str, here: str, found: bool, find: Find) -> None:
    """Below the folder of the plan and below the current folder."""
    files = {f"{folder}/main.tf": WHOLE, "plans/plan.json": "", "elsewhere/x": ""}
    assert find(files, here=here, is_checkout=False) == (folder if found else None)
    assert find(files, here=here) == folder


def test_a_folder_that_the_command_line_names_is_searched_as_a_whole(find: Find, tmp_path: Path) -> None:
    files = {"live/a/b/c/d/main.tf": WHOLE, "plans/plan.json": ""}
    assert find(files, here=".", is_checkout=False) is None
    begin_run([str(tmp_path / "project" / "live")])
    assert find(files, here=".", is_checkout=False) == "live/a/b/c/d"


@pytest.mark.parametrize(("folders", "most"), [(40, 1 + 40 * 3), (1_500, 1)])
def test_the_search_outside_of_a_checkout_reads_few_folders(
    folders: int, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(folders):
        (tmp_path / f"{number}/a/b/c").mkdir(parents=True)
        (tmp_path / f"{number}/d").mkdir()
    read: list[str] = []
    scan = os.scandir

    def counted(path: str) -> Any:
        read.append(os.fspath(path))
        return scan(path)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "scandir", counted)
    root = os.path.realpath(tmp_path)
    locator = Locator(root, lambda _: FolderCache(EVERYTHING))
    assert locator.root_module(configuration_of(LABELS), "", "") is None
    parts = ("", "/a", "/d")
    assert set(read) <= {root, *(f"{root}/{number}{part}" for number in range(folders) for part in parts)}
    assert len(read) <= most


def test_only_candidate_folders_are_parsed(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    load = FolderCache.load

    def counted(cache: FolderCache, path: str, directory: str) -> Any:
        parsed.append(path)
        return load(cache, path, directory)

    monkeypatch.setattr(FolderCache, "load", counted)
    assert find({f"f{number}/main.tf": declaring(KV, RG) for number in range(9)} | {"a/main.tf": WHOLE}) == "a"
    assert parsed == ["a"]


def test_a_folder_is_looked_through_once_for_all_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[str] = []

    def counted(top: str) -> Any:
        walked.append(top)
        return walk(top)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locations, "walk", counted)
    locator = Locator(os.path.realpath(tmp_path), lambda _: FolderCache(EVERYTHING))
    for _ in range(3):
        assert locator.root_module(configuration_of(LABELS), "", "") is None
    assert walked == [os.path.realpath(tmp_path)]


@pytest.mark.parametrize(
    "configuration",
    [None, {}, {"root_module": None}, {"root_module": {"resources": {}, "module_calls": []}},
     {"root_module": {"resources": [None, 1, {"mode": "managed"}, {"address": 5, "mode": "data"}]}}],
)  # fmt: skip
def test_configuration_of_another_shape_has_no_labels(configuration: Any) -> None:
    assert labels_of(configuration) <= {"None", "5"}


def test_labels_are_those_of_resources_and_calls() -> None:
    resources = [
        {"address": KV, "mode": "managed"}, {"address": DATA, "mode": "data"}, {"address": "x.y", "mode": "other"},
    ]  # fmt: skip
    assert labels_of({"root_module": {"resources": resources, "module_calls": {"m": {}}}}) == {KV, DATA, CALL}


def test_plan_in_a_removed_folder_has_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = {"resource_changes": [], "configuration": {"root_module": {"module_calls": {"m": {}}}}}
    (tmp_path / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    report = check(Config(paths=(str(tmp_path / "plan.json"),)))
    assert not [problem for problem in report.problems if "internal error" in problem.message]

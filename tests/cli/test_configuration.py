"""Configuration files and environment variables: which count, before what, and what is said of mistakes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.config.config_file import KEYS
from azkvlint.config.option import Option
from azkvlint.config.options import OPTIONS
from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
from azkvlint.reporters import REPORTERS, Options

if TYPE_CHECKING:
    from tests.cli.conftest import CommandOutput, Kvlint

VAULT = 'resource "azurerm_key_vault" "this" {\n  name = "kv-prod"\n}\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a module in infra/app; the current folder."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    write(folder / "infra" / "app" / "main.tf", VAULT)
    monkeypatch.chdir(folder)
    return folder


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def rules(said: CommandOutput) -> list[str]:
    """The ids of the rules of all findings; one line may stand for the findings of several resources."""
    assert said.code in (0, 1), said
    lines = re.findall(r"(?m)^infra\S+: [a-z]+\[(KV\d+)\] .+?(?: \[and (\d+) more: .*\])?$", said.out)
    return [rule for rule, more in lines for _ in range(1 + int(more or 0))]


# --- which file counts ------------------------------------------------------------------------------------------------


def test_nearest_configuration_file_up_to_the_checkout_applies(kvlint: Kvlint, project: Path) -> None:
    write(project.parent / "kvlint.toml", "select = ['KV301']")
    assert len(rules(kvlint("infra/app"))) > 2
    write(project / "pyproject.toml", "[tool.kvlint]\nselect = ['KV001']")
    assert rules(kvlint("infra/app")) == ["KV001"]
    assert rules(kvlint("infra/app/main.tf")) == ["KV001"]
    write(project / "infra" / ".kvlint.toml", "select = ['KV101']")
    assert rules(kvlint("infra/app")) == ["KV101"]
    write(project / "infra" / "app" / "pyproject.toml", "[project]\nname = 'kvlint-user'")
    assert rules(kvlint("infra/app")) == ["KV101"]
    for table in (
        "[tool]\nkvlint.select = ['KV301']",
        "tool.kvlint.select = ['KV301']",
        "[ tool . 'kvlint' ]\nselect = ['KV301']",
    ):
        write(project / "infra" / "app" / "pyproject.toml", table)
        assert rules(kvlint("infra/app")) == ["KV301"]
    write(project / "infra" / "app" / "kvlint.toml", "select = ['KV201']")
    assert rules(kvlint("infra/app")) == ["KV201"]
    assert rules(kvlint("infra/app", "--config", "pyproject.toml")) == ["KV001"]
    assert len(rules(kvlint("infra/app", "--isolated"))) > 2


def test_configuration_above_is_not_read_outside_of_a_checkout(
    kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "kvlint.toml", "select = ['KV001']")
    write(tmp_path / "infra" / "app" / "main.tf", VAULT)
    assert rules(kvlint("infra/app")) == ["KV001"]  # the current folder
    monkeypatch.chdir(tmp_path / "infra")
    assert kvlint("app").out.count("\n") > 2
    write(tmp_path / "infra" / "app" / "kvlint.toml", "select = ['KV101']")
    assert "KV101" in kvlint("app").out
    assert kvlint("app").out.count("\n") == 2


def test_standard_input_uses_the_configuration_of_the_current_folder(
    kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project / "kvlint.toml", "select = ['KV999']")
    monkeypatch.chdir(project / "infra")
    assert kvlint("-").err.startswith("kvlint: error: ../kvlint.toml:1:1: select: no rule matches 'KV999'")


def test_second_configuration_file_in_a_folder_is_reported_as_ignored(kvlint: Kvlint, project: Path) -> None:
    write(project / "kvlint.toml", "select = ['KV001']")
    write(project / "pyproject.toml", "[tool.kvlint]\nselect = ['KV101']")
    said = kvlint("infra")
    assert rules(said) == ["KV001"]
    assert (
        "\npyproject.toml: warning[KVE011] this configuration file is ignored: kvlint.toml in the same folder"
        in said.out
    )


def test_nearer_configuration_file_of_another_input_is_reported_as_ignored(kvlint: Kvlint, project: Path) -> None:
    write(project / "infra" / "net" / "main.tf", VAULT)
    write(project / "infra" / "net" / "kvlint.toml", "select = ['KV101']")
    assert "infra/net/kvlint.toml: warning[KVE011]" in kvlint("infra/app", "infra/net").out
    write(project / "infra" / "app" / "kvlint.toml", "select = ['KV001']")
    said = kvlint("infra/app", "infra/net")
    assert rules(said) == ["KV001", "KV001"]
    assert "infra/net/kvlint.toml: warning[KVE011]" in said.out


# --- what counts before what ------------------------------------------------------------------------------------------


def test_options_override_variables_and_variables_override_files(
    kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project / "kvlint.toml", "select = ['KV001', 'KV101']\nfail-on = 'high'")
    assert kvlint("infra").code == 1
    monkeypatch.setenv("KVLINT_SELECT", "KV201,KV301")
    said = kvlint("infra")
    assert (rules(said), said.code) == (["KV201", "KV301"], 0)
    monkeypatch.setenv("KVLINT_FAIL_ON", "medium")
    assert kvlint("infra").code == 1
    monkeypatch.setenv("KVLINT_FAIL_ON", "critical")
    assert kvlint("infra").code == 0
    said = kvlint("infra", "--select", "KV301", "--fail-on", "info")  # the default, but said
    assert (rules(said), said.code) == (["KV301"], 1)
    monkeypatch.setenv("KVLINT_SELECT", "")
    assert rules(kvlint("infra")) == ["KV001", "KV101"]


def test_environment_variable_accepts_each_kind_of_value(
    kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVLINT_SET", "KV003.minimum=30\nKV003.maximum=40")
    monkeypatch.setenv("KVLINT_STRICT", "yes")
    shown = kvlint("infra", "--show-settings").out
    assert "strict = true # KVLINT_STRICT\n" in shown
    assert '[set] # KVLINT_SET\nKV003.minimum = "30"\nKV003.maximum = "40"\n' in shown
    monkeypatch.setenv("KVLINT_STRICT", "perhaps")
    assert kvlint("infra") == (2, "", "kvlint: error: KVLINT_STRICT=perhaps: expected true or false\n")


def test_unknown_environment_variable_of_kvlint_is_reported(
    kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVLINT_SELCT", "KV001")
    told = "note[KVE011] environment variable KVLINT_SELCT is not a setting of kvlint (did you mean 'KVLINT_SELECT'?)"
    assert f"\nkvlint: {told}\n" in kvlint("infra").out


def test_the_file_may_be_named_by_a_variable(kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / "other.toml", "select = ['KV001']")
    monkeypatch.setenv("KVLINT_CONFIG", "other.toml")
    assert rules(kvlint("infra")) == ["KV001"]
    assert len(rules(kvlint("infra", "--isolated"))) > 2
    monkeypatch.setenv("KVLINT_CONFIG", "nowhere.toml")
    assert kvlint("infra") == (
        2,
        "",
        "kvlint: error: configuration file nowhere.toml cannot be read: the file does not exist\n",
    )


def test_quiet_on_the_command_line_is_quiet(kvlint: Kvlint, project: Path) -> None:
    write(project / "kvlint.toml", "verbose = true\nformat = ['json']\noutput = 'report.json'")
    assert "    why: " in kvlint("infra", "-f", "text", "-v").out
    said = kvlint("infra", "-q", "-f", "text")
    assert said.out.count("\n") == len(rules(said))
    assert not Path("report.json").exists()
    said = kvlint("infra")
    assert (said.code, said.out) == (1, "")
    assert said.err == "kvlint: Found 4 issues (2 high, 2 medium) in 1 key vault. (written to report.json)\n"
    assert kvlint("infra", "-q") == (1, "", "")
    assert kvlint("infra", "-f", "json", "-o", "other.json") == (1, "", "")
    assert Path("report.json").exists()


def test_controls_use_their_settings_of_the_configuration(kvlint: Kvlint, project: Path) -> None:
    plain = kvlint("controls", "infra").out
    write(project / "kvlint.toml", "select = ['KV001']\nformat = ['sarif']\nframework = ['mcsb']")
    assert kvlint("controls", "infra").out not in (plain, "")
    assert kvlint("controls", "infra", "--framework", "key-vault").out == plain
    assert 'framework = ["mcsb"] # kvlint.toml:3:1' in kvlint("controls", "infra", "--show-settings").out


def test_missing_folder_of_custom_rules_is_reported_with_its_setting(
    kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project / "infra" / "kvlint.toml", "strict = true\nrules = ['policies']")
    told = "{}: the file or folder does not exist\n"
    for command in ("check", "controls", "suppressions"):
        ran = kvlint(command, "infra")
        assert ran == (2, "", "kvlint: error: infra/kvlint.toml:2:1: rules " + told.format("infra/policies"))
    monkeypatch.setenv("KVLINT_RULES", "nowhere")
    assert kvlint("infra").err == "kvlint: error: KVLINT_RULES " + told.format("nowhere")


def test_paths_start_from_the_file(kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / "vars" / "x.tfvars", 'name = "kv-x"')
    write(project / "infra" / "kvlint.toml", "var-file = ['../vars/x.tfvars']\nformat = ['text', 'json=app/out.json']")
    assert kvlint("infra").code == 1
    assert (project / "infra" / "app" / "out.json").exists()
    monkeypatch.chdir(project / "vars")
    assert 'var-file = ["x.tfvars"]' in kvlint("../infra", "--show-settings").out


def test_excluded_file_is_read_only_if_the_command_line_names_it(kvlint: Kvlint, project: Path) -> None:
    write(project / "infra" / "old" / "main.tf", VAULT)
    write(project / "infra" / "app" / "old" / "main.tf", VAULT)
    write(project / "infra" / "x" / "main.tf", VAULT)
    write(project / "infra" / "kvlint.toml", "select = ['KV001']\nexclude = ['old/']\nextend-exclude = ['/x']")

    def read(*words: str) -> list[str]:
        return re.findall(r"([^\s(]+):\d+:\d+", kvlint(*words).out)

    assert read("infra") == ["infra/app/main.tf"]
    assert read("infra/old") == ["infra/old/main.tf"]
    assert read("infra/old/main.tf", "infra") == ["infra/app/main.tf", "infra/old/main.tf"]
    assert read("infra", "--exclude", "infra/app", "--extend-exclude", "nothing") == [
        "infra/old/main.tf",
        "infra/x/main.tf",
    ]
    said = kvlint("infra/x", "--exclude", "*.tf")
    assert (said.code, "nothing to check" in said.out) == (3, True)
    assert kvlint("infra", "--exclude", "!x").err.startswith("kvlint: error: --exclude: '!x' is not a valid glob: ")


def test_an_option_excludes_in_folders_outside_the_current_one(kvlint: Kvlint, project: Path) -> None:
    elsewhere = project.parent / "elsewhere"
    for folder in ("new", "old", "deep/old", "deep/x"):
        write(elsewhere / folder / "main.tf", VAULT)
    found = kvlint(str(elsewhere), "--select", "KV001", "--exclude", "old", "--exclude", "deep/x", "--format", "json")
    paths = {one["location"]["path"].rpartition("elsewhere/")[2] for one in json.loads(found.out)["findings"]}
    assert paths == {"new/main.tf"}


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_settings_are_shown_without_an_input(kvlint: Kvlint, project: Path) -> None:
    write(project / "kvlint.toml", "strict = true")
    assert kvlint("--show-settings") == kvlint(".", "--show-settings") == kvlint("check", "--show-settings")
    assert "strict = true # kvlint.toml:1:1\n" in kvlint("--show-settings").out
    assert kvlint("--select", "--show-settings").code == 2


def test_every_setting_is_shown_with_its_place(kvlint: Kvlint, project: Path) -> None:
    write(project / "kvlint.toml", "strict = true\n[set]\nKV003.minimum = 30")
    shown = kvlint("infra", "--select", "KV003", "--var", "password=hunter2", "--show-settings")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("# kvlint.toml\n")
    for line in (
        'select = ["KV003"] # --select',
        'fail-on = "info" # default',
        "strict = true # kvlint.toml:1:1",
        "jobs = 0 # default",
        "[set] # kvlint.toml:2:1",
        'var = ["password=(not shown)"] # --var',
    ):
        assert f"{line}\n" in shown.out
    assert "# KVLINT_CACHE_BY: time (default)\n" in shown.out
    keys = {option.key for option in OPTIONS if option.is_configured("check") and option.in_files} - {"set"}
    assert {line.partition(" =")[0] for line in shown.out.splitlines() if " = " in line} == keys | {"KV003.minimum"}


def test_a_value_without_its_name_is_not_shown(kvlint: Kvlint, project: Path) -> None:
    write(project / "kvlint.toml", "var = ['hunter2', 'x=hunter2']")
    shown = kvlint("infra", "--show-settings")
    assert "hunter2" not in shown.out + shown.err
    assert 'var = ["(not shown)", "x=(not shown)"] # kvlint.toml:1:1' in shown.out


# --- mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nselct = []", "kvlint.toml:2:1: unknown setting 'selct' (did you mean 'select'?)"),
        ("fail_on = 'high'", "kvlint.toml:1:1: unknown setting 'fail_on' (did you mean 'fail-on'?)"),
        ("isolated = true", "kvlint.toml:1:1: unknown setting 'isolated' (--isolated is available on the command "),
        ("select = 'KV001'", 'kvlint.toml:1:1: select must be a list of strings (write select = ["..."])'),
        ("select = [1]", 'kvlint.toml:1:1: select must be a list of strings (write select = ["..."])'),
        ("strict = 'yes'", "kvlint.toml:1:1: strict must be true or false"),
        ("strict = 1", "kvlint.toml:1:1: strict must be true or false"),
        ("jobs = true", "kvlint.toml:1:1: jobs must be an integer"),
        ("jobs = '2'", "kvlint.toml:1:1: jobs must be an integer"),
        ("jobs = -1", "kvlint.toml:1:1: jobs -1: expected a number of processes (0 means automatic)"),
        ("as-of = 1979-05-27T07:32:00", "kvlint.toml:1:1: as-of must be a date"),
        ("as-of = 'today'", "kvlint.toml:1:1: as-of today: expected a date (write YYYY-MM-DD, such as 2027-03-01)"),
        ("fail-on = ['high']", "kvlint.toml:1:1: fail-on must be a string"),
        (
            "fail-on = 'hgh'",
            "kvlint.toml:1:1: fail-on hgh: unknown severity (did you mean 'high'?)",
        ),
        ("format = ['xml']", f"kvlint.toml:1:1: format: unknown format 'xml' (one of {', '.join(REPORTERS)})"),
        ("ignore = ['KV001', 'KV0O1']", "kvlint.toml:1:1: ignore: no rule matches 'KV0O1' (did you mean "),
        (
            "profile = ['strikt']",
            "kvlint.toml:1:1: profile: unknown profile or control framework 'strikt' (did you mean 'strict'?)",
        ),
        ("set = 1", "kvlint.toml:1:1: set must be a table (write [set], then KV003.minimum = 30)"),
        ("\n[set]\nKV003 = 1", "kvlint.toml:2:1: set must be a table of rules with parameters"),
        (
            "[set.KV003]\nminimun = 1",
            "kvlint.toml:1:1: set: KV003.minimun: KV003 has no parameter 'minimun' (did you mean 'minimum'?)",
        ),
        ("[set]\nKV003.minimum = {}", "kvlint.toml:1:1: set must be strings, numbers, booleans, or lists of them"),
        ("exclude = ['a', '!b']", "kvlint.toml:1:1: exclude: '!b' is not a valid glob: "),
        ("var = ['x']", "kvlint.toml:1:1: var ...: expected NAME=VALUE"),
        ("var-file = ['x.tfvars']", "kvlint.toml:1:1: var-file x.tfvars: the file does not exist"),
        ("source-root = 'x'", "kvlint.toml:1:1: source-root x: the folder does not exist"),
        (
            "[set]\nKV018.pattern = '(?=a)(a+)+$'",
            "kvlint.toml:1:1: set: KV018.pattern=(?=a)(a+)+$: matching this pattern has no time limit (use fewer ",
        ),
        ("jobs = 0x" + "f" * 5_000, "kvlint.toml:1:1: jobs: a number is too large"),
        ("\njobs = " + "9" * 5_000, "kvlint.toml: a number is too large"),
        ("[set]\nKV003.minimum = 0x" + "f" * 5_000, "kvlint.toml:1:1: set: a number is too large"),
        ('[set."KV003\\nx: y"]\nminimum = 1', r"kvlint.toml:1:1: set: KV003\nx: y.minimum: unknown rule 'KV003\nx: y'"),
        ("exclude = ['[a&&b]', '[a||b]', '[a~~b]', '[a--b]']", "kvlint.toml:1:1: exclude: '[a--b]' is not a valid "),
        ("ignore = ['\u212aV001']", "kvlint.toml:1:1: ignore: no rule matches '\u212aV001'"),
        ("select = [", "kvlint.toml: invalid TOML: "),
        ("a = 1\nb = \x01", "kvlint.toml:2:5: invalid TOML: "),
        ("x = " + "[" * 20_000, "kvlint.toml: the file is nested"),
        ("x = " + "{a=" * 20_000, "kvlint.toml: the file is nested"),
        (".".join(["a"] * 100_000) + " = 1", "kvlint.toml:1: more than 1,000 dots on one line are not supported"),
        ("select = [" + "'KV0'," * 5_000 + "]", "kvlint.toml:1:1: select has more than 1,000 items"),
        ("exclude = [" + "'a'," * 5_000 + "]", "kvlint.toml:1:1: exclude has more than 1,000 items"),
        ("[[override]]\n" * 5_000, "kvlint.toml:1:1: more than 1,000 overrides are not supported"),
        ('"a\\u001b[31m\\n::b" = 1', r"kvlint.toml: unknown setting 'a\x1b[31m\n\x3a:b'"),
    ],
)  # fmt: skip
def test_configuration_errors_have_file_and_line(kvlint: Kvlint, project: Path, text: str, said: str) -> None:
    write(project / "kvlint.toml", text)
    ran = kvlint("infra")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"kvlint: error: {said}")
    assert "\x1b" not in ran.err


@pytest.mark.parametrize("key", ["output", "var-file", "rules", "source-root", "format", "parameters"])
@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "infra/../../x", ".git/config", ".GIT/config", ".git./x", "away/x"]
)
def test_a_file_that_was_found_names_nothing_outside_its_checkout(
    kvlint: Kvlint, project: Path, key: str, path: str
) -> None:
    (project / "away").symlink_to(project.parent)
    value = {"format": f"['json={path}']"}.get(
        key, f"['{path}']" if key not in ("output", "source-root") else f"'{path}'"
    )
    write(project / "kvlint.toml", f"\n{key} = {value}")
    ran = kvlint("infra")
    assert ran.code == 2
    assert ran.err.startswith(
        f"kvlint: error: kvlint.toml:2:1: {key}: '{path}' is outside the repository or inside .git ("
    )
    assert "leads out" not in kvlint("infra", "--config", "kvlint.toml", "--show-settings").err


def test_overrides_are_listed_with_their_lines(kvlint: Kvlint, project: Path) -> None:
    first = "[[override]]\npaths = ['old/']\nrules = ['KV0']\nignore = true\nreason = 'a \"lab\"'\nowner = '@ops'\n"
    second = "until = 2027-03-01\n[[override]]\nresources = ['a*']\nseverity = 'LOW'\nuntil = 'soon'\n"
    write(project / "kvlint.toml", f"strict = true\n{first}{second}")
    shown = kvlint("--show-settings").out
    assert shown.endswith(
        """
[[override]] # kvlint.toml:2:1
paths = ["old/"]
rules = ["KV0"]
ignore = true
reason = "a \\"lab\\""
owner = "@ops"
until = "2027-03-01"

[[override]] # kvlint.toml:9:1
resources = ["a*"]
severity = "low"
# invalid: until is not a valid date
"""
    )
    write(project / "kvlint.toml", shown)
    again = kvlint("--show-settings")
    assert (again.code, again.out.count("[[override]]")) == (0, 2)


def test_ignored_settings_are_reported_with_the_list_of_settings(
    kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project / "kvlint.toml", "strict = true")
    write(project / ".kvlint.toml", "strict = false")
    monkeypatch.setenv("KVLINT_SELCT", "KV001")
    shown = kvlint("--show-settings")
    assert (shown.code, shown.out.count("KVE011")) == (0, 0)
    told = "note[KVE011] environment variable KVLINT_SELCT is not a setting of kvlint (did you mean 'KVLINT_SELECT'?)"
    assert f"kvlint: {told}\n" in shown.err
    assert "kvlint: .kvlint.toml: warning[KVE011] this configuration file is ignored" in shown.err


def test_every_key_is_in_the_table_of_keys(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = page.partition("| key | value |\n")[2].partition("\n\n")[0]
    told = [name for row in table.splitlines() for name in re.findall(r"`\[*([a-z-]+)\]*`", row.split("|")[1])]
    assert sorted(told) == sorted([*KEYS, "override"])


def test_every_option_is_on_the_page_of_the_command_line(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "command-line.md").read_text(encoding="utf-8")
    rows = "\n".join(re.findall(r"^\| `-.*$", page, re.MULTILINE))
    names = [name for option in OPTIONS if "check" in option.commands for name in option.names]
    assert [name for name in names if not re.search(rf"`{name}[ `]", rows)] == []


def test_unusable_configuration_file_is_an_error(kvlint: Kvlint, project: Path) -> None:
    file = project / "kvlint.toml"
    os.mkfifo(file)
    unreadable = "kvlint: error: configuration file {} cannot be read: the path is not a regular file\n"
    assert kvlint("infra").err == unreadable.format("kvlint.toml")
    file.unlink()
    file.symlink_to("nowhere")
    assert kvlint("infra").code == 2
    file.unlink()
    write(project.parent / "elsewhere.toml", "select = ['KV001']")
    file.symlink_to("../elsewhere.toml")
    assert "kvlint.toml is a link to a file outside the repository (" in kvlint("infra").err
    assert rules(kvlint("infra", "--config", "kvlint.toml")) == ["KV001"]
    assert (
        kvlint("infra", "--config=").err
        == "kvlint: error: --config requires a file (use --isolated to read no configuration file)\n"
    )
    file.unlink()
    file.write_bytes(b"\n\xff")
    assert kvlint("infra").err == "kvlint: error: kvlint.toml:2: the file is not UTF-8\n"
    file.write_bytes(b"#" * 2_000_000)
    assert (
        kvlint("infra").err
        == "kvlint: error: configuration file kvlint.toml cannot be read: the file is larger than 250,000 bytes\n"
    )
    file.write_bytes(b"\xef\xbb\xbfselect = ['KV001']")
    assert rules(kvlint("infra")) == ["KV001"]
    file.unlink()
    write(project / "pyproject.toml", "[tool]\nkvlint = 1")
    assert kvlint("infra").err == "kvlint: error: pyproject.toml: tool.kvlint must be a table\n"
    write(project / "pyproject.toml", "[project]")
    assert kvlint("infra").code == 1
    assert (
        kvlint("infra", "--config", "pyproject.toml").err
        == "kvlint: error: pyproject.toml has no table [tool.kvlint] (add the table, or name a kvlint.toml)\n"
    )
    assert kvlint("infra", "--config", "pyproject.toml", "--isolated").code == 2


def test_removed_current_folder_is_an_error(kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.parent / "plan.json").write_bytes((project.parent / "bad.json").read_bytes())
    (project / "gone").mkdir()
    monkeypatch.chdir(project / "gone")
    (project / "gone").rmdir()
    assert kvlint(project / "infra").code == 1
    assert kvlint(project.parent / "plan.json", "-f", "json=/dev/null").code == 1
    write(project / "kvlint.toml", "select = ['KV001']")
    assert kvlint(project / "infra", "-q").out.count("\n") == 1


def test_without_a_file_nothing_is_imported_for_one(project: Path) -> None:
    unwanted = ["config.config_file", "linter.apply_overrides", "linter.baseline", "util.globs"]
    names = {"tomllib", *(f"azkvlint.{name}" for name in unwanted)}
    script = "import sys; from azkvlint import __main__ as entry; "
    script += "entry._run_with_error_handling(['infra', '-q', '-f', 'json=/dev/null']);"
    script += f"print(*sorted(name for name in sys.modules if name in {sorted(names)}))"

    def imported() -> list[str]:
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
        return done.stdout.split()

    assert imported() == []
    write(project / "kvlint.toml", "strict = true")
    assert imported() == ["azkvlint.config.config_file", "tomllib"]


# --- files that somebody else may have written ------------------------------------------------------------------------


def test_ignored_file_above_the_nearest_configuration_file_is_reported(kvlint: Kvlint, project: Path) -> None:
    write(project / "kvlint.toml", "select = ['KV001', 'KV101']")
    assert "KVE011" not in kvlint("infra/app").out
    write(project / "infra" / "app" / "kvlint.toml", "select = ['KV101']")
    said = kvlint("infra/app")
    assert rules(said) == ["KV101"]
    why = "this configuration file is ignored: infra/app/kvlint.toml is closer to the input"
    assert f"\nkvlint.toml: warning[KVE011] {why} (select a configuration file with --config FILE)\n" in said.out
    assert said.code == 1
    # Every one of them is told, and who names the file knows what they do.
    write(project / "infra" / "pyproject.toml", "[tool.kvlint]\nstrict = true")
    write(project / "pyproject.toml", "[project]\nname = 'a'")
    out = kvlint("infra/app").out
    assert re.findall(r"(?m)^(\S+): warning\[KVE011\]", out) == ["infra/pyproject.toml", "kvlint.toml"]
    assert "KVE011" not in kvlint("infra/app", "--config", "infra/app/kvlint.toml").out
    # Of the whole project the root's own counts.
    assert rules(kvlint("infra", ".")) == rules(kvlint("infra", "--config", "infra/pyproject.toml"))
    assert kvlint("infra/app", "--show-settings").err.count("is closer to the input") == 2


def test_ignored_configuration_file_is_not_reported_outside_of_a_checkout(
    kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "kvlint.toml", "strict = true")
    write(tmp_path / "app" / "main.tf", VAULT)
    write(tmp_path / "app" / "kvlint.toml", "select = ['KV001']")
    monkeypatch.chdir(tmp_path)
    assert "KVE011" not in kvlint("app").out


def test_a_verbose_report_names_the_file(kvlint: Kvlint, project: Path) -> None:
    assert kvlint("infra", "-v").out.splitlines()[-2] == "configuration: none"
    write(project / "infra" / "kvlint.toml", "select = ['KV001']")
    assert kvlint("infra", "-v").out.splitlines()[-2] == "configuration: infra/kvlint.toml"
    assert kvlint("infra", "-v", "--isolated").out.splitlines()[-2] == "configuration: none"
    assert "configuration:" not in kvlint("infra").out
    write(project.parent / "own.toml", "select = ['KV001']")
    assert kvlint("infra", "-v", "--config", "../own.toml").out.splitlines()[-2] == "configuration: ../own.toml"


def test_configuration_file_has_the_size_limit_of_other_files(kvlint: Kvlint, project: Path) -> None:
    with (project / "pyproject.toml").open("w", encoding="utf-8") as opened:
        opened.write("[project]\nname = 'a'\n")
        opened.truncate(10_000_000)
    assert kvlint("infra").code == 1  # there is no such table, and it is not too large to know that
    with (project / "pyproject.toml").open("a", encoding="utf-8") as opened:
        opened.truncate(1 << 40)
    said = kvlint("infra")
    assert (said.code, said.out) == (2, "")
    why = "the file is larger than 250,000 bytes"
    assert said.err == f"kvlint: error: configuration file pyproject.toml cannot be read: {why}\n"


@pytest.mark.parametrize("setting", ["output = '{}'", "format = ['text={}']"])
def test_configuration_that_was_found_overwrites_no_file(kvlint: Kvlint, project: Path, setting: str) -> None:
    """It is anybody's: it must not make kvlint write over the code that it came with."""
    key = setting.partition(" ")[0]
    for name, why in (
        ("infra/app/main.tf", "its name does not end as that of a report"),
        ("conftest.py", "its name does not end as that of a report"),
        ("package.json", "it exists and is not a report of kvlint"),
        ("notes.md", "it exists and is not a report of kvlint"),
        ("folder.json", "it exists and is not a report of kvlint"),
    ):
        write(project / "package.json", '{"name": "kvlint", "private": true}')
        write(project / "notes.md", "# Notes on kvlint\n")
        (project / "folder.json").mkdir(exist_ok=True)
        write(project / "kvlint.toml", "\n" + setting.format(name))
        ran = kvlint("infra")
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(f"kvlint: error: kvlint.toml:2:1: {key}: '{name}' is not written: {why} (")
        # Who names the file, or the output, means it.
        assert kvlint("infra", "--config", "kvlint.toml", "--show-settings").code == 0
        assert "is not written" not in kvlint("infra", "--output", "-").err
        assert "is not written" not in kvlint("infra", "--format", "concise").err
    assert (project / "package.json").read_text() == '{"name": "kvlint", "private": true}'
    write(project / "kvlint.toml", setting.format("package.json"))
    assert kvlint("infra", "--config", "kvlint.toml").code == 1
    assert "private" not in (project / "package.json").read_text()


@pytest.mark.parametrize("name", sorted(REPORTERS))
@pytest.mark.parametrize("paths", ["infra/app", "empty"])
def test_report_of_an_earlier_run_is_overwritten(kvlint: Kvlint, project: Path, name: str, paths: str) -> None:
    write(project / "empty" / "main.tf", 'resource "azurerm_key_vault_certificate_contacts" "a" {}\n')
    write(project / "kvlint.toml", f"format = ['{name}={name}.json', 'text=report.txt']\nquiet = false")
    first = kvlint(paths)
    assert first.code in (0, 1), first.err
    (project / f"{name}.json").read_bytes()
    assert kvlint(paths) == first
    write(project / f"{name}.json", "")
    assert kvlint(paths) == first


def test_an_empty_option_empties_a_list_of_the_file(kvlint: Kvlint, project: Path) -> None:
    write(project / "kvlint.toml", "ignore = ['KV001']\nexclude = ['infra/']\nextend-exclude = ['infra/']")
    assert "nothing to check" in kvlint(".").out
    said = kvlint(".", "--exclude=", "--extend-exclude", "")
    assert rules(said)
    assert "KV001" not in rules(said)
    assert "KV001" in rules(kvlint(".", "--exclude=", "--extend-exclude=", "--ignore="))
    shown = kvlint("--show-settings", "--ignore=").out
    assert "ignore = [] # --ignore\n" in shown
    assert 'exclude = ["infra/"] # kvlint.toml:2:1' in shown
    # What is empty among others is a mistake.
    assert kvlint(".", "--ignore", ",").code == 2


# --- all errors at once -----------------------------------------------------------------------------------------------


def test_all_errors_of_a_file_are_reported_together_by_line_and_column(kvlint: Kvlint, project: Path) -> None:
    write(
        project / "kvlint.toml",
        """\
fail-on = "hgh"
  selct = ["KV001"]
format = ["sarfi"]
ignore = ["KV001", "KVOO1", "netwok"]
strict = 1
profile = ["cis-azure-2"]
exclude = ["ok/", "!no"]

[set]
KV003.minimun = 1
KV001.x = 2

[[override]]
rules = ["KV0000"]
  severity = "hihg"

[[override]]
rules = ["KV0O0"]
severity = "low"
reasn = "x"

[[override]]
rules = ["purge-protectoin"]
severity = "low"
""",
    )
    said = kvlint("infra")
    assert (said.code, said.out) == (2, "")
    lines = said.err.splitlines()
    assert [re.match(r"kvlint: error: kvlint\.toml:(\d+:\d+): \S+", line)[1] for line in lines] == [  # type: ignore[index]
        "1:1", "2:3", "3:1", "4:1", "4:1", "5:1", "6:1", "7:1", "9:1", "9:1", "15:3", "20:1", "22:1",
    ]  # fmt: skip
    for text in (
        "fail-on hgh: unknown severity (did you mean 'high'?)",
        "unknown setting 'selct' (did you mean 'select'?)",
        "format: unknown format 'sarfi' (did you mean 'sarif'?)",
        "ignore: no rule matches 'KVOO1' (did you mean ",
        "ignore: no rule matches 'netwok'",
        "strict must be true or false",
        "profile: several control frameworks match 'cis-azure-2' (",
        "exclude: '!no' is not a valid glob: negated patterns are not supported",
        "KV003 has no parameter 'minimun' (did you mean 'minimum'?)",
        "override: unknown severity 'hihg' (did you mean 'high'?)",
        "override: unknown key 'reasn' (did you mean 'reason'?)",
        "override: rules: no rule matches 'purge-protectoin' (did you mean 'purge-protection'?)",
    ):
        assert text in said.err
    assert kvlint("infra", "--isolated").code == 1
    for command in ("suppressions", "controls"):
        assert "kvlint.toml:2:3: unknown setting" in kvlint(command, "infra").err
    assert "kvlint.toml:2:3: unknown setting" in kvlint("infra", "--show-settings").err
    assert "kvlint.toml:2:3: unknown setting" in kvlint("infra", "--watch").err


def test_errors_of_the_command_line_follow_those_of_the_file(kvlint: Kvlint, project: Path) -> None:
    write(project / "kvlint.toml", "strict = 1\n")
    assert kvlint("infra", "--jobs", "x", "--as-of", "now").err == (
        "kvlint: error: kvlint.toml:1:1: strict must be true or false\n"
        "kvlint: error: --as-of now: expected a date (write YYYY-MM-DD, such as 2027-03-01)\n"
        "kvlint: error: --jobs x: expected a number of processes (0 means automatic)\n"
    )


def test_errors_in_pyproject_and_inline_tables_have_positions(kvlint: Kvlint, project: Path) -> None:
    write(
        project / "pyproject.toml", "[project]\nname = 'x'\n[tool.kvlint]\nname = 'x'\n[[tool.kvlint.override]]\nx = 1"
    )
    said = kvlint("infra").err
    assert "kvlint: error: pyproject.toml:4:1: unknown setting 'name'" in said
    assert "kvlint: error: pyproject.toml:6:1: override: unknown key 'x'" in said
    (project / "pyproject.toml").unlink()
    write(project / "kvlint.toml", "override = [\n  {rules = ['KV001'], severty = 'low'},\n  {x = 1},\n]")
    assert kvlint("infra").err.count("kvlint: error: kvlint.toml:1:1: override: unknown key '") == 2


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [(), ("--strict",)])
def test_no_severity_fails_on_none(kvlint: Kvlint, project: Path, strict: tuple[str, ...]) -> None:
    assert kvlint("infra", "--fail-on", "info", *strict).code == 1
    said = kvlint("infra", "--fail-on", "None", *strict)
    assert said.code == 0
    assert rules(said)
    write(project / "kvlint.toml", "fail-on = 'none'")
    assert kvlint("infra", *strict).code == 0
    write(project / "infra" / "broken.tf", 'resource "azurerm_key_vault" {')
    assert kvlint("infra", *strict).code == 3
    assert kvlint("infra", "--min-severity", "none").err.startswith(
        "kvlint: error: --min-severity none: unknown severity ("
    )


def test_every_unknown_result_may_be_listed(kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[tuple[bool, bool]] = []

    def spy(report: object, options: Options) -> str:
        passed.append((options.show_unknown, True))
        return ""

    monkeypatch.setitem(REPORTERS, "text", spy)
    kvlint("infra")
    kvlint("infra", "--show-unknown")
    monkeypatch.setenv("KVLINT_SHOW_UNKNOWN", "true")
    kvlint("infra")
    monkeypatch.delenv("KVLINT_SHOW_UNKNOWN")
    write(project / "kvlint.toml", "show-unknown = true")
    kvlint("infra")
    assert [shown for shown, _ in passed] == [False, True, True, True]
    assert "show-unknown = true # kvlint.toml:1:1\n" in kvlint("infra", "--show-settings").out


def test_a_former_word_is_corrected(kvlint: Kvlint, project: Path) -> None:
    assert kvlint("infra", "-f", "sarif", "--sarif-include", "undecided").err == (
        "kvlint: error: --sarif-include undecided: unknown value (did you mean 'unknown'?)\n"
    )
    assert kvlint("infra", "-f", "sarif", "--sarif-include", "passd").err == (
        "kvlint: error: --sarif-include passd: unknown value (did you mean 'passed'?)\n"
    )


# --- help -------------------------------------------------------------------------------------------------------------

VERBS = {
    "Accept", "Add", "Append", "Assess", "Check", "Color", "Compare", "Continue", "Count", "Evaluate", "Exit", "Ignore",
    "List", "Map", "Name", "Print", "Read", "Report", "Respect", "Run", "Set", "Skip", "Stop", "Treat", "Trust", "Use",
    "Write",
}  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"{option.commands[0]} {option.names[0]}")
def test_the_help_of_an_option_begins_with_a_verb_and_fits(option: Option) -> None:
    assert len(option.help) <= 60
    assert option.help.endswith(".")
    assert option.help.split()[0] in VERBS
    assert bool(option.metavar) is option.takes_value
    assert not option.metavar or option.metavar.isupper()


@pytest.mark.parametrize("command", ["check", "controls", "suppressions"])
def test_help_names_the_kind_of_each_value(kvlint: Kvlint, command: str) -> None:
    text = kvlint(command, "--help").out
    assert "<str>" not in text
    for option in OPTIONS:
        if command in option.commands and option.metavar:
            assert re.search(rf"^  (-\w, )?{option.names[0]} {re.escape(option.metavar)}\s", text, re.MULTILINE)


def test_help_lists_formats_and_frameworks(kvlint: Kvlint) -> None:
    assert f"Formats: {', '.join(REPORTERS)}." in " ".join(kvlint("check", "--help").out.split())
    families = {framework.family for framework in builtin_frameworks(builtin_rules())}
    text = kvlint("controls", "--help").out.partition("Frameworks: ")[2]
    assert families <= set(re.findall(r"[a-z0-9-]+", text))


def test_the_tool_is_set_by_an_option_or_a_key(kvlint: Kvlint, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'
    write(project / "both" / "main.tf", text)
    write(project / "both" / "main.tofu", "")
    words = ("--select", "KV001", "both")
    assert kvlint(*words).code == 1
    assert kvlint("--tool", "opentofu", *words).code == 0
    write(project / "kvlint.toml", 'tool = "opentofu"\n')
    assert kvlint(*words).code == 0
    assert kvlint("--tool", "terraform", *words).code == 1
    monkeypatch.setenv("KVLINT_TOOL", "terraform")
    assert kvlint(*words).code == 1
    refused = kvlint("--tool", "terrafrom", *words)
    assert (refused.code, "--tool terrafrom: unknown tool (did you mean 'terraform'?)" in refused.err) == (2, True)
    write(project / "kvlint.toml", 'tool = "tofu"\n')
    monkeypatch.delenv("KVLINT_TOOL")
    assert "kvlint.toml:1:1: tool tofu: unknown tool" in kvlint(*words).err

"""``--untrusted``: nothing in a checkout hides a finding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from azkvlint.config.influences import BY_FIELD, CANNOT_LOWER, INFLUENCES
from azkvlint.config.options import OPTIONS
from tests.cli.conftest import Kvlint
from tests.untrusted_ways import LINK, TERRAFORM, Way, ways

WAYS = ways()
_GROUPS = 12


def test_every_setting_is_classified() -> None:
    fields = {option.field for option in OPTIONS}
    assert set(BY_FIELD) | set(CANNOT_LOWER) == fields
    assert not set(BY_FIELD) & set(CANNOT_LOWER)
    assert len({(one.kind, one.field) for one in INFLUENCES}) == len(INFLUENCES)


def test_settings_of_the_command_line_alone_are_in_no_configuration_file() -> None:
    in_files = {option.field for option in OPTIONS if option.is_configured(option.commands[0]) and option.in_files}
    alone = {field for field, why in CANNOT_LOWER.items() if why == "available on the command line only"}
    assert not alone & in_files


def test_at_least_a_hundred_settings_are_tested() -> None:
    assert len({way.name for way in WAYS}) == len(WAYS) >= 100


def written(way: Way, folder: Path) -> Path:
    """Write a checkout and return its folder."""
    for file, text in {".git/HEAD": "ref: refs/heads/main\n", **way.files}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        if text.startswith(LINK):
            (folder / file).symlink_to(text.removeprefix(LINK))
        else:
            (folder / file).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("group", range(_GROUPS))
def test_no_setting_hides_a_finding_of_an_untrusted_checkout(
    kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    plain = written(Way("plain", {"main.tf": TERRAFORM}), tmp_path / "plain")
    monkeypatch.chdir(plain)
    kvlint("check", ".", "--select", "KV001", "--write-baseline", tmp_path / "baseline.json")
    baseline = (tmp_path / "baseline.json").read_text("utf-8")
    for number, way in enumerate(WAYS[group::_GROUPS]):
        folder = written(way._replace(files={**way.files, "baseline.json": baseline}), tmp_path / f"way{number}")
        monkeypatch.chdir(folder)
        ran = kvlint("check", ".", "--untrusted", "--select", "KV001", *way.words, "-f", "json")
        assert ran.code == 1, (way.name, ran)
        found = [one for one in json.loads(ran.out)["findings"] if one["ruleId"] == "KV001"]
        assert {one["severity"] for one in found} == {"high"}, way.name


def test_most_ways_hide_the_finding_without_the_option(
    kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = 0
    for number, way in enumerate(WAYS[::4]):
        monkeypatch.chdir(written(way, tmp_path / f"way{number}"))
        ran = kvlint("check", ".", "-f", "json")
        found = json.loads(ran.out)["findings"] if ran.out.startswith("{") else []
        hidden += not any(one["ruleId"] == "KV001" and one["severity"] == "high" for one in found)
    assert hidden > len(WAYS[::4]) / 2

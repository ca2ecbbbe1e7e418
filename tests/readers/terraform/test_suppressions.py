"""Comments in Terraform files that switch rules off, and what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from azkvlint.linter.rule_tests import expand
from tests.readers.terraform.conftest import call, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import CheckedModule, Judge

KV = "azurerm_key_vault.kv"
IGNORE = "kvlint: ignore[KV001] a sandbox"
DAY = {"as_of": "2026-11-24"}


def suppressed(found: CheckedModule, rule: str = "KV001") -> dict[str, str]:
    """The reason, by each resource of which what is found counts for nothing."""
    return {
        one.address: finding.suppressed.justification
        for finding in found.report.suppressed
        if finding.rule.id == rule and finding.suppressed is not None
        for one in finding.occurrences
    }


@pytest.mark.parametrize(
    "text",
    [
        vault(f"false # {IGNORE}"),
        vault(f"false // {IGNORE}"),
        vault(f"false /* {IGNORE} */"),
        vault("false").replace("\n  purge", f"\n  # {IGNORE}\n  purge"),
        vault("false").replace("\n  purge", f"\n  /* {IGNORE} */\n  purge"),
        vault("false").replace("\n  purge", f"\n  // {IGNORE}\n\n  # the rest is about something else\n  purge"),
        f"# {IGNORE}\n" + vault("false"),
        vault("false").replace('"kv" {', f'"kv" {{ # {IGNORE}'),
        f"/*\n * {IGNORE}\n */\n" + vault("false"),
        "# kvlint: ignore-file[KV001] a sandbox\n" + vault("false"),
        vault("false") + "\n\n# kvlint: ignore-file[KV001] a sandbox\n",
        f"# {IGNORE.replace('KV001', 'purge-protection')}\n" + vault("false"),
        f"# {IGNORE.replace('KV001', 'KV101, KV001')}\n" + vault("false"),
        f"# {IGNORE.replace('a sandbox', 'until=2026-11-24 a sandbox')}\n" + vault("false"),
        (f"# {IGNORE}\n" + vault("false")).replace("\n", "\r\n"),
        vault("var.p").replace("\n  name", f" # {IGNORE}\n  name") + variable("p", "false"),
        f"# {IGNORE}\n" + vault("var.p") + variable("p", "false"),
    ],
)
def test_directive_suppresses_the_finding(text: str, judge: Judge) -> None:
    found = judge(text, **DAY)
    assert suppressed(found) == {KV: "a sandbox"}
    assert found.told("KV001") == []
    assert not [message for *_, message in found.notes() if "KV001" in message]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (vault(f"false # {IGNORE.replace('KV001', 'KV101')}"), "unused suppression: KV101 is not reported here"),
        (
            vault("false") + f"# {IGNORE}\n",
            "invalid suppression: no attribute or block follows",
        ),
        (
            vault("false").replace("\n  name", f"\n  # {IGNORE}\n  name"),
            "unused suppression: KV001 is not reported here",
        ),
        (
            f"# {IGNORE.replace('KV001', 'KV999')}\n" + vault("false"),
            "invalid suppression: rule `KV999` does not exist",
        ),
        ("# kvlint: ignore[KV001]\n" + vault("false"), "invalid suppression: "),
        ("# kvlint: ignore a sandbox\n" + vault("false"), "invalid suppression: "),
        (
            f"# {IGNORE} until=2026-11-23\n" + vault("false"),
            "expired suppression: it ended on 2026-11-23 and no longer applies",
        ),
        (f"# {IGNORE} until=soon\n" + vault("false"), "invalid suppression: "),
        (f'locals {{\n  x = "# {IGNORE}"\n}}\n' + vault("false"), ""),
        (f"locals {{\n  x = <<E\n# {IGNORE}\nE\n}}\n" + vault("false"), ""),
        (f"# {IGNORE}\n" + variable("p", "false") + vault("var.p"), "unused suppression: KV001 is not reported here"),
    ],
)
def test_directive_of_another_rule_or_place_suppresses_nothing(text: str, says: str, judge: Judge) -> None:
    found = judge(text, **DAY)
    assert suppressed(found) == {}
    assert list(found.outcomes("KV001")) == [KV]
    assert bool(says) == bool([message for *_, message in found.notes() if message.startswith(says)])
    assert len(found.notes()) == bool(says)


def test_directive_suppresses_an_unknown_result(judge: Judge) -> None:
    found = judge(variable("p") + vault(f"var.p # {IGNORE}"), **DAY)
    assert suppressed(found) == {KV: "a sandbox"}
    assert found.outcomes("KV001") == {}


def test_comment_at_a_json_member_suppresses_or_is_reported(judge: Judge) -> None:
    """Nothing but a comma stands behind such a comment."""
    text = '{"resource": {"azurerm_key_vault": {"kv": {\n  "//": "%s",\n  "purge_protection_enabled": false\n}}}}'
    found = judge({"main.tf.json": text % IGNORE}, **DAY)
    assert suppressed(found).keys() | found.outcomes("KV001").keys() == {KV}
    assert bool(found.notes()) is (not suppressed(found))


class TestModules:
    FILES = {  # noqa: RUF012  # it is not changed
        "main.tf": f"# {IGNORE}\n" + call(name="a") + call(name="b"),
        "m/main.tf": vault("false"),
    }

    def test_directive_on_one_of_two_calls_applies_to_that_call(self, judge: Judge) -> None:
        found = judge(self.FILES, **DAY)
        assert suppressed(found) == {f"module.a.{KV}": "a sandbox"}
        assert found.outcomes("KV001") == {f"module.b.{KV}": "fail"}

    def test_directive_in_the_module_applies_to_all_calls(self, judge: Judge) -> None:
        found = judge(
            {**self.FILES, "main.tf": call(name="a") + call(name="b"), "m/main.tf": vault(f"false # {IGNORE}")}, **DAY
        )
        assert set(suppressed(found)) == {f"module.{name}.{KV}" for name in "ab"}

    def test_directive_on_an_argument_applies_to_its_call(self, judge: Judge) -> None:
        calls = call(more=f"  p = false # {IGNORE}\n", name="a") + call(more="  p = false\n", name="b")
        found = judge({"main.tf": calls, "m/main.tf": variable("p") + vault("var.p")}, **DAY)
        assert suppressed(found) == {f"module.a.{KV}": "a sandbox"}
        assert found.outcomes("KV001") == {f"module.b.{KV}": "fail"}

    def test_directive_on_the_resource_suppresses_a_finding_in_an_argument(self, judge: Judge) -> None:
        files = {"main.tf": call(more="  p = false\n"), "m/main.tf": variable("p") + f"# {IGNORE}\n" + vault("var.p")}
        assert set(suppressed(judge(files, **DAY))) == {f"module.m.{KV}"}

    def test_directive_on_an_outer_call_applies_to_inner_modules(self, judge: Judge) -> None:
        files = {
            "main.tf": f"# {IGNORE}\n" + call("./outer", name="o"),
            "outer/main.tf": call("../m"),
            "m/main.tf": vault("false"),
        }
        assert set(suppressed(judge(files, **DAY))) == {f"module.o.module.m.{KV}"}

    def test_directive_on_the_call_of_an_installed_module_applies(self, judge: Judge) -> None:
        files = {
            "main.tf": f"# {IGNORE}\n" + call("ns/name/azurerm"),
            ".terraform/modules/modules.json": '{"Modules": [{"Key": "m", "Dir": ".terraform/modules/m"}]}',
            ".terraform/modules/m/main.tf": vault("false"),
        }
        assert set(suppressed(judge(files, **DAY))) == {f"module.m.{KV}"}

    def test_directive_used_by_one_of_two_roots_is_used(self, judge: Judge) -> None:
        files = {
            "dev/main.tf": call("../kv", "  p = false\n"),
            "prod/main.tf": call("../kv", "  p = true\n"),
            "kv/main.tf": variable("p") + f"# {IGNORE}\n" + vault("var.p"),
        }
        found = judge(files, **DAY)
        assert set(suppressed(found)) == {f"module.m.{KV}"}
        assert found.notes() == []


class TestPlans:
    PLAN = expand(f"{KV}: {{name: kv, purge_protection_enabled: false}}")

    @pytest.mark.parametrize("paths", [("plan.json",), (".",)])
    def test_comments_in_the_source_apply_to_a_plan(self, paths: tuple[str, ...], judge: Judge) -> None:
        found = judge({"main.tf": vault(f"false # {IGNORE}"), "plan.json": self.PLAN}, *paths, **DAY)
        assert suppressed(found) == {KV: "a sandbox"}
        assert found.outcomes("KV001") == {}

    def test_finding_of_a_plan_is_reported_in_its_source(self, judge: Judge) -> None:
        found = judge({"main.tf": vault("false"), "plan.json": self.PLAN}, "plan.json", **DAY)
        assert found.told("KV001") == [("fail", "main.tf", 2)]

    def test_directive_of_another_rule_does_not_apply_to_a_plan(self, judge: Judge) -> None:
        found = judge({"main.tf": vault("false # kvlint: ignore[KV101] x"), "plan.json": self.PLAN}, "plan.json", **DAY)
        assert found.told("KV001") == [("fail", "main.tf", 2)]

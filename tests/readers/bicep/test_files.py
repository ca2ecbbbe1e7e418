"""What a Bicep file loads from others, parameter files, directives, and hostile input."""

from __future__ import annotations

from pathlib import Path

import pytest

from azkvlint.model.location import Location, Region
from azkvlint.model.value import Unknown
from azkvlint.readers.bicep.suppressions import is_suppressed
from tests.readers.bicep.conftest import Read, messages, plain, shown, value

KV = "Microsoft.KeyVault/vaults@2023-07-01"


def vault(members: str) -> str:
    return f"resource kv '{KV}' = {{\n  name: 'kv'\n  properties: {{\n    {members}\n  }}\n}}\n"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("loadTextContent('a.txt')", "text"),
        ("loadJsonContent('a.json').x[0]", 1),
        ("loadJsonContent('a.json', '$.x[1].y')", True),
        ("loadYamlContent('a.yaml').x[0]", 1),
        ("loadYamlContent('a.yaml', 'x[1].y')", "on"),
        ("loadFileAsBase64('a.txt')", "dGV4dA=="),
        ("loadDirectoryFileInfo('sub', '*.txt')[0].baseName", "b.txt"),
    ],
)
def test_content_of_loaded_files_is_known(read: Read, call: str, expected: object) -> None:
    files = {
        "a.txt": "text",
        "a.json": '{"x": [1, {"y": true}] // c\n}',
        "a.yaml": "x: [1, {y: on}]",
        "sub/b.txt": "",
        "sub/c.md": "",
    }
    found = read(vault(f"v: {call}"), files)
    assert plain(found, "kv", "properties", "v") == expected
    assert found.problems == []


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/passwd", "link.txt", "missing.txt", "large.txt", "."])
@pytest.mark.parametrize("function", ["loadTextContent", "loadJsonContent", "loadYamlContent", "loadFileAsBase64"])
def test_files_outside_of_the_project_and_large_files_are_not_loaded(
    read: Read, tmp_path: Path, path: str, function: str
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "project" / "link.txt").symlink_to(tmp_path / "secret.txt")
    with (tmp_path / "project" / "large.txt").open("wb") as file:
        file.truncate(1_000_001)
    found = read(vault(f"v: {function}('{path}')"))
    assert isinstance(value(found, "kv", "properties", "v"), Unknown)
    assert [(code, level) for code, level, _ in messages(found)] == [("KVE002", "warning")]
    assert "secret" not in messages(found)[0][2].replace("secret.txt", "")


def test_index_of_thousands_of_digits_is_unknown(read: Read) -> None:
    digits = "1" * 5000
    members = f"v: loadJsonContent('a.json', '$[{digits}]')"
    found = read(f"type t = [string]\nparam p t[{digits}]\n{vault(members)}", {"a.json": "[1]"})
    assert isinstance(value(found, "kv", "properties", "v"), Unknown)


def test_parameter_file_sets_parameters(read: Read) -> None:
    found = read(
        "using 'kv.bicep'\nextends 'base.bicepparam'\nvar off = false\nparam purge = off\n"
        "param name = readEnvironmentVariable('NAME')\nparam password = az.getSecret('s', 'g', 'v', 'n')\n",
        {
            "base.bicepparam": "using none\nparam purge = true\nparam days = 10\n",
            "kv.bicep": "param purge bool = true\nparam days int = 90\nparam name string\n"
            "@secure()\nparam password string\n"
            + vault("enablePurgeProtection: purge\n    days: days\n    name: name\n    password: password"),
        },
        parameters=True,
    )
    assert plain(found, "kv", "properties", "enablePurgeProtection") is False
    assert plain(found, "kv", "properties", "days") == 10
    assert value(found, "kv", "properties", "days").at.path == "base.bicepparam"
    assert shown(found, "kv", "properties", "days") == "10"
    assert isinstance(value(found, "kv", "properties", "name"), Unknown)
    assert value(found, "kv", "properties", "password").sensitive
    assert Path(found.used).name == "kv.bicep"
    assert found.problems == []


def test_parameter_file_for_an_arm_template_sets_its_parameters(read: Read) -> None:
    template = (
        '{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",'
        '"parameters": {"Days": {"type": "int"}}, "resources": [{"type": "Microsoft.KeyVault/vaults", "name": "kv",'
        '"apiVersion": "2023-07-01", "properties": {"softDeleteRetentionInDays": "[parameters(\'days\')]"}}]}'
    )
    found = read("using 't.json'\nparam days = 9\n", {"t.json": template}, parameters=True)
    (address,) = found.resources
    assert plain(found, address, "properties", "softDeleteRetentionInDays") == 9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("using none\n", []),
        ("using 'x.bicep'\n", ["`x.bicep`, named in `using`, cannot be read: the file does not exist"]),
        (
            "using '../x.bicep'\n",
            ["`../x.bicep`, named in `using`, cannot be read: the path is outside the project"],
        ),
        ("using 'br/public:a:1'\n", ["module `br/public:a:1` is not restored, so its resources are not evaluated"]),
        (
            "using none\nextends 'main.bicepparam'\n",
            ["parameter file `main.bicepparam` cannot be read: the file extends itself or too many others"],
        ),
    ],
)
def test_unusable_template_of_a_parameter_file_is_a_problem(read: Read, text: str, expected: list[str]) -> None:
    assert [message for _, _, message in messages(read(text, parameters=True))] == expected


def test_directives_suppress_findings_that_begin_on_the_next_line(read: Read) -> None:
    text = (
        f"#disable-next-line KV001 other\n{vault('a: 1')}"
        f"#disable-diagnostics KV002\n{vault('b: 1').replace('kv ', 'two ', 1)}#restore-diagnostics KV002\n"
        f"{vault('c: 1').replace('kv ', 'three ', 1)}"
    )
    found = read(text)
    places = {address: one.at for address, one in found.resources.items()}
    inside = value(found, "kv", "properties", "a").at
    assert [is_suppressed(found, places["kv"], rule) for rule in ("KV001", "kv001", "KV002")] == [True, True, False]
    assert not is_suppressed(found, inside, "KV001")
    assert [is_suppressed(found, places[one], "KV002") for one in ("kv", "two", "three")] == [False, True, False]
    assert is_suppressed(found, Location(path="main.bicep", region=Region(2, 1, 2, 5)), "KV001")
    assert not is_suppressed(found, Location(path="main.bicep", region=Region(3, 1, 3, 5)), "KV001")
    assert not is_suppressed(found, Location(path="main.bicep"), "KV001")
    assert not is_suppressed(found, Location(path="other.bicep", span=(0, 1)), "KV001")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("".join(f"var a{i} = a{i + 1}\n" for i in range(2000)) + "var a2000 = 1\n" + vault("v: a0"), ""),
        ("".join(f"var a{i} = [a{i + 1}, a{i + 1}]\n" for i in range(60)) + "var a60 = 1\n" + vault("v: a0"), "values"),
        (
            "".join(f"var a{i} = '${{a{i + 1}}}${{a{i + 1}}}'\n" for i in range(60))
            + "param a60 string\n"
            + vault("v: a0"),
            "",
        ),
        (f"resource kv '{KV}' = [for i in range(0, 1000000): {{\n  name: 'a'\n}}]\n", ""),
        (f"resource kv '{KV}' = [for i in kv: {{\n  name: 'a'\n}}]\n", ""),
        (vault("v: " + "{ x: " * 2000 + "1" + " }" * 2000), "the nesting is too deep"),
        (vault("v: 1" + " + 1" * 20000), "too many operators in one expression"),
        (vault("v: loadTextContent('a\\u{0}b')"), "the path is invalid"),
        ("module m 'a\\u{0}b.bicep' = {\n  name: 'x'\n}\n", "the path is invalid"),
        (
            "resource a 'Microsoft.KeyVault/vaults/keys@2023-07-01' = {\n  parent: a\n  scope: a\n  name: a.name\n}\n",
            "",
        ),
    ],
)
def test_hostile_text_is_read_or_a_problem(read: Read, text: str, problem: str) -> None:
    found = read(text)
    assert all(problem in message for _, _, message in messages(found))
    assert bool(messages(found)) is bool(problem)

"""Files, templates, and the functions of Terraform's own provider."""

from __future__ import annotations

import pytest

from azkvlint.model.value import Unknown
from tests.evaluation.terraform.conftest import Terraform, shown

FILES = {
    "a.txt": "hello",
    "a.tpl": "%{ for k, v in names ~}\n${k}=${v}\n%{ endfor ~}\n",
    "self.tpl": '${templatefile("self.tpl", {})}',
    "bad.tpl": "${",
    "other.tpl": "${elsewhere}",
    "a.json": '{"purge": true}',
}


@pytest.fixture
def files(terraform: Terraform) -> Terraform:
    terraform.files = FILES
    return terraform


def test_file_functions_read_files_of_the_module(files: Terraform) -> None:
    assert files('file("a.txt")') == "hello"
    assert files('filebase64("a.txt")') == "aGVsbG8="
    assert files('filemd5("a.txt") == md5("hello")') is True
    assert files('filebase64sha256("a.txt") == base64sha256("hello")') is True
    assert files('fileexists("a.txt")') is True
    assert files('jsondecode(file("a.json")).purge') is True
    for text in ('file("b.txt")', 'fileexists("b.txt")', 'filesha1("b.txt")', "file(u)", 'try(file("b.txt"), "")'):
        assert isinstance(files.result(text), Unknown), text
    assert files('file("b.txt") == file("b.txt")') is True


def test_template_functions_render_templates(files: Terraform) -> None:
    assert files('templatefile("a.tpl", {names = {b = 1, a = 2}})') == "a=2\nb=1\n"
    assert files('templatefile("a.tpl", {names = {b = u}})') == "?b=⟨u⟩\n"
    assert isinstance(files.result('templatefile("a.tpl", u)'), Unknown)
    assert "elsewhere" in files.fails('templatefile("other.tpl", {})')
    assert files.fails('templatefile("bad.tpl", {})') == "`templatefile()` expects a valid template"
    assert "accept a template that includes itself" in files.fails('templatefile("self.tpl", {})')
    assert files('templatestring("a$${x}", {x = 1})') == "a1"
    assert files('templatestring(t, {name = "kv"})', t="${name}-x") == "kv-x"


def test_the_text_of_a_template_is_secret_with_its_values(files: Terraform) -> None:
    found = files.result("templatestring(t, {x = secret})", t="a${x}")
    assert shown(found) == "ahunter2"
    assert "hunter2" not in repr(found)


def test_tfvars_functions_are_evaluated(files: Terraform) -> None:
    name = "provider::terraform::"
    assert files(f'{name}decode_tfvars("a = 1\\nb = [true]\\n")') == {"a": 1, "b": [True]}
    assert files(f'{name}encode_expr({{a = "x$${{"}})') == '{\n  a = "x$${"\n}'
    assert files(f'{name}encode_tfvars({{bb = 1, a = "x"}})') == 'a  = "x"\nbb = 1\n'
    assert files.fails(f'{name}decode_tfvars("a = var.x\\n")')
    assert files.fails(f'{name}decode_tfvars("a {{}}\\n")')


def test_functions_of_opentofu_and_old_versions_are_evaluated(files: Terraform) -> None:
    assert files('cidrcontains("10.0.0.0/8", "10.1.2.3")') is True
    assert files('cidrcontains("10.0.0.0/8", "11.0.0.0/16")') is False
    assert files('cidrcontains("fd00::/8", "fd00::1")') is True
    assert files('urldecode("a+b%26")') == "a b&"
    assert files('base64gunzip("H4sIAAAAAAAA/8tIzcnJBwCGphA2BQAAAA==")') == "hello"
    assert files('list("a", 1)') == ["a", "1"]
    assert files('map("a", 1)') == {"a": 1}

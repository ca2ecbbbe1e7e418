"""What the pipelines and scripts of a checkout deploy."""

from __future__ import annotations

from pathlib import Path

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.linter.test_folders import NAMES
from azkvlint.readers import deployments
from azkvlint.readers.deployments import Deployments, deployments_in
from azkvlint.readers.discover import SKIPPED

AZ = "az deployment group create --resource-group rg"
NEW = "New-AzResourceGroupDeployment -ResourceGroupName rg"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (".git/HEAD", "samples/kv/main.bicep", "samples/kv/main.tf", "samples/other.bicep"):
        write(tmp_path, "", name)
    write(tmp_path, "using 'main.bicep'\n", "samples/kv/prod.bicepparam")
    return tmp_path


def write(folder: Path, text: str, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def found_in(checkout: Path, name: str, text: str) -> Deployments:
    write(checkout, text, name)
    return deployments_in([str(checkout)], SKIPPED, NAMES)


COMMANDS = {
    "the long option": ("deploy.sh", f"{AZ} --template-file samples/kv/main.bicep\n"),
    "an equals sign": ("deploy.sh", f"{AZ} --template-file=samples/kv/main.bicep\n"),
    "the short option": ("deploy.sh", f"{AZ} -f ./samples/kv/main.bicep -p a=b\n"),
    "quotes": ("deploy.sh", f'{AZ} -f "samples/kv/main.bicep"\n'),
    "several lines": ("deploy.sh", f"{AZ} \\\n  --name x \\\n  --template-file \\\n  samples/kv/main.bicep\n"),
    "the former command": ("deploy.sh", "az group deployment create -g rg --template-file samples/kv/main.bicep\n"),
    "a subscription": ("deploy.sh", "az deployment sub create -l westeurope -f samples/kv/main.bicep\n"),
    "a stack": ("deploy.sh", "az stack group create -n s -f samples/kv/main.bicep --dm none\n"),
    "the folder of the script": ("ops/deploy.sh", f'{AZ} -f "$(dirname "$0")/../samples/kv/main.bicep"\n'),
    "a variable of the checkout": ("a.yml", f"run: {AZ} -f ${{{{ github.workspace }}}}/samples/kv/main.bicep\n"),
    "a variable of the shell": ("deploy.sh", f"TEMPLATE=samples/kv/main.bicep\n{AZ} -f $TEMPLATE\n"),
    "a variable in the middle": ("deploy.sh", f'{AZ} -f "samples/${{APP}}/main.bicep"\n'),
    "a folded text": (".github/workflows/a.yml", f"run: >\n  {AZ}\n  --template-file samples/kv/main.bicep\n"),
    "a matrix": (
        ".github/workflows/a.yml",
        f"matrix:\n  app:\n    - other\n    - kv\nrun: {AZ} -f samples/${{{{ matrix.app }}}}/main.bicep\n",
    ),
    "a folder that is changed to": ("deploy.sh", f"cd samples/kv\n{AZ} -f main.bicep\n"),
    "a working directory": (
        ".github/workflows/a.yml", f"run: {AZ} -f main.bicep\nworking-directory: ./samples/kv\n",
    ),
    "PowerShell": ("deploy.ps1", f"{NEW} -TemplateFile samples\\kv\\main.bicep\n"),
    "the folder of a PowerShell script": ("ops/d.ps1", f'{NEW} -TemplateFile "$PSScriptRoot/../samples/kv/main.bicep"'),
    "lines of PowerShell": ("job.yml", f"{NEW} `\n  -TemplateFile $(System.Folder)/samples/kv/main.bicep `\n"),
    "a variable of PowerShell": ("d.ps1", f'$file = "$Root/samples/kv/main.bicep"\n{NEW} -TemplateFile $file\n'),
    "Join-Path": ("d.ps1", f'{NEW} -TemplateFile (Join-Path $Root "samples/kv/main.bicep")\n'),
    "a variable with Join-Path": (
        "d.ps1", f'$file = Join-Path $Root "samples/kv/main.bicep"\n{NEW} -TemplateFile $file\n',
    ),
    "a stack of PowerShell": ("d.ps1", "New-AzResourceGroupDeploymentStack -TemplateFile samples/kv/main.bicep\n"),
    "an action": ("a.yml", "uses: azure/arm-deploy@v2\nwith:\n  template: ./samples/kv/main.bicep\n"),
    "the newer action": (
        ".github/workflows/a.yaml", "uses: azure/bicep-deploy@v2\nwith:\n  template-file: samples/kv/main.bicep\n",
    ),
    "a task": (
        "azure-pipelines.yml",
        "task: AzureResourceManagerTemplateDeployment@3\ncsmFile: '$(Build.Folder)/samples/kv/main.bicep'",
    ),
    "a parameter file": ("deploy.sh", f"{AZ} --parameters samples/kv/prod.bicepparam\n"),
    "a parameter file elsewhere": ("prod/main.bicepparam", "using '../samples/kv/main.bicep'\n"),
    "azd": ("azure.yaml", "name: app\ninfra:\n  provider: bicep\n  path: samples/kv\nservices: {}\n"),
    "Makefile": ("Makefile", f"deploy:\n\t{AZ} -f samples/kv/main.bicep\n"),
    "an array": ("d.sh", 'args=(-f samples/kv/main.bicep)\naz deployment group create "${args[@]}"\n'),
    "a folded command": ("d.yml", "script: >-\n  az\n  deployment group create\n  -f samples/kv/main.bicep\n"),
    "a list of Python": ("d.py", 'run(["az", "deployment", "group", "create", "-f", "samples/kv/main.bicep"])\n'),
    "a script without an ending": ("bin/deploy", f"#!/bin/sh\n{AZ} -f samples/kv/main.bicep\n"),
    "a Jenkinsfile with an ending": ("Jenkinsfile.prod", f"sh '{AZ} -f samples/kv/main.bicep'\n"),
    "tasks of TOML": ("mise.toml", f'[tasks.deploy]\nrun = "{AZ} -f samples/kv/main.bicep"\n'),
    "splatting": ("d.ps1", "$p = @{\n  TemplateFile = 'samples/kv/main.bicep'\n}\nNew-AzDeployment @p\n"),
    "a template spec": ("d.ps1", "New-AzTemplateSpec -TemplateFile samples/kv/main.bicep\n"),
    "a loop": ("d.sh", f'for f in samples/*/main.bicep; do\n  {AZ} -f "$f"\ndone\n'),
    "a search": ("d.ps1", f"Get-ChildItem samples/kv | ForEach-Object {{ {NEW} -TemplateFile $_.FullName }}\n"),
    "a default value": ("d.sh", 'FILE="${1:-samples/kv/main.bicep}"\naz deployment group create -f "$FILE"\n'),
    "a file that is compiled": ("d.sh", f"bicep build samples/kv/main.bicep --outfile o.json\n{AZ} -f o.json\n"),
    "a workflow of another repository": (
        "a.yml", "uses: org/x/.github/workflows/bicep.yml@v1\nwith:\n  file: samples/kv/main.bicep\n",
    ),
    "azd on one line": ("azure.yaml", "infra: { path: samples/kv }\n"),
    "layers of azd": ("azure.yaml", "infra:\n  layers:\n    - name: a\n      path: samples/kv\n"),
    "GitLab": (".gitlab-ci.yml", f"deploy:\n  script:\n    - {AZ} -f samples/kv/main.bicep\n"),
}  # fmt: skip


@pytest.mark.parametrize("form", COMMANDS)
def test_a_command_deploys_a_template(form: str, checkout: Path) -> None:
    found = found_in(checkout, *COMMANDS[form])
    assert found.include(str(checkout / "samples/kv/main.bicep"))
    assert not found.include(str(checkout / "samples/other.bicep"))


ROOTS = {
    "chdir": ("deploy.sh", "terraform -chdir=samples/kv apply -auto-approve\n"),
    "cd": ("deploy.sh", "cd samples/kv && tofu init && tofu apply tfplan\n"),
    "a working directory": (
        ".github/workflows/a.yml",
        "defaults:\n  run:\n    working-directory: samples/kv\nrun: terraform apply\n",
    ),
    "a variable of GitLab": (".gitlab-ci.yml", "variables:\n  TF_ROOT: ${CI_PROJECT_DIR}/samples/kv\n"),
    "a task": ("azure-pipelines.yml", "command: 'apply'\nworkingDirectory: '$(Build.SourcesDirectory)/samples/kv'\n"),
    "an action": ("a.yml", "uses: dflook/terraform-apply@v1\nwith:\n  path: samples/kv\n"),
    "a folded command": ("a.yml", "run: >-\n  terraform\n  -chdir=samples/kv\n  apply\n"),
    "a container": ("d.sh", "docker run -w /w/samples/kv hashicorp/terraform:1.9 apply\n"),
    "Atlantis": ("atlantis.yaml", "version: 3\nprojects:\n  - dir: samples/kv\n"),
    "Digger": ("digger.yml", "projects:\n  - name: p\n    dir: samples/kv\n"),
    "Spacelift": (".spacelift/config.yml", "stack_defaults:\n  project_root: samples/kv\n"),
    "Terrateam": (".terrateam/config.yml", "dirs:\n  samples/kv:\n    tags: [prod]\n"),
    "a component of GitLab": (
        ".gitlab-ci.yml",
        "- component: gitlab.com/components/opentofu/full-pipeline@1\n  inputs:\n    d: samples/kv\n",
    ),
    "Ansible": ("play.yml", "- community.general.terraform:\n    project_path: samples/kv\n"),
    "Atmos": ("d.sh", "atmos terraform deploy kv -s prod\ncd samples/kv\n"),
    "a copy": ("d.sh", "cp -r samples/kv/. build/\ncd build && terraform apply\n"),
    "Terragrunt": ("deploy.sh", "terragrunt apply --working-dir samples/kv\n"),
    "azd": ("azure.yaml", "infra:\n  provider: terraform\n  path: ./samples/kv\n"),
}


@pytest.mark.parametrize("form", ROOTS)
def test_a_command_deploys_the_module_in_a_folder(form: str, checkout: Path) -> None:
    found = found_in(checkout, *ROOTS[form])
    assert found.include(str(checkout / "samples/kv"))
    assert not found.include(str(checkout / "samples"))
    assert not found.include(str(checkout / "samples/other.bicep"))


CALLED = {
    "a reusable workflow": (
        ("w/a.yml", "uses: ./w/r.yml\nwith:\n  stack: samples/kv\n"),
        ("w/r.yml", "run: terraform -chdir=${{ inputs.stack }} apply\n"),
    ),
    "an action": (
        ("w/a.yml", "- uses: ./actions/tf\n  with:\n    dir: samples/kv\n"),
        ("actions/tf/action.yml", "run: terraform apply\nworking-directory: ${{ inputs.dir }}\n"),
    ),
    "a template": (
        ("p.yml", "- template: pl/tf.yml\n  parameters:\n    root: samples/kv\n"),
        ("pl/tf.yml", "- script: terraform apply\n  workingDirectory: ${{ parameters.root }}\n"),
    ),
    "a script": (("a.yml", "run: ./tf.sh samples/kv\n"), ("tf.sh", 'cd "$1"\nterraform apply\n')),
    "a file of variables": (("prod.env", "ROOT=samples/kv\n"), ("a.sh", ". prod.env\nterraform -chdir=$ROOT apply\n")),
    "a loop": (("d.sh", "for d in samples/*/; do\n  (cd $d && terraform apply)\ndone\n"), ("x.sh", "")),
    "a search": (("d.sh", "find samples -name main.tf -execdir terraform apply \\;\n"), ("x.sh", "")),
    "all folders": (
        ("d.sh", "for d in samples/**/*.tf; do terraform -chdir=$d apply; done\n"),
        ("x.sh", ""),
    ),
    "all units below": (("d.sh", "cd samples && terragrunt run --all apply\n"), ("x.sh", "")),
    "a stack of Terramate": (("d.sh", "terramate run -- terraform apply\n"), ("x.sh", "")),
}


@pytest.mark.parametrize("form", CALLED)
def test_files_that_call_each_other_are_deployed_by_the_name_of_one(form: str, checkout: Path) -> None:
    for name, text in CALLED[form]:
        write(checkout, text, name)
    assert found_in(checkout, "x.yml", "").include(str(checkout / "samples/kv"))


def test_a_script_that_is_too_long_to_read_rules_nothing_out(checkout: Path) -> None:
    found = found_in(checkout, "deploy.sh", "#" * 200_000 + f"\n{AZ} -f samples/kv/main.bicep\n")
    assert found.include(str(checkout / "samples/kv/main.bicep"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".github/workflows/ci.yml", "run: terraform -chdir=samples/kv validate\n"),
        ("lint", f"{AZ} -f samples/kv/main.bicep\n"),
        ("tests/deploy.sh", f"{AZ} -f ../samples/kv/main.bicep\n"),
        (".github/workflows/e2e-test.yml", f"{AZ} -f samples/kv/main.bicep\n"),
        ("lint.sh", "az bicep build --file samples/kv/main.bicep\n"),
        ("deploy.sh", f"{AZ} -f samples/kv/other.bicep\n"),
        ("deploy.sh", f"{AZ} -f ../../samples/kv/main.bicep\n"),
        ("notes.txt", f"{AZ} -f samples/kv/main.bicep\n"),
        ("azure.yaml", "name: app\n"),
    ],
)
def test_other_text_deploys_no_template(name: str, text: str, checkout: Path) -> None:
    assert not found_in(checkout, name, text).include(str(checkout / "samples/kv/main.bicep"))


def test_a_search_that_was_cut_short_rules_nothing_out(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployments, "_MOST_FILES", 3)
    for number in range(4):
        write(checkout, "deploy", f"{number}.sh")
    assert found_in(checkout, "x.yml", "").include(str(checkout / "samples/kv/main.bicep"))


@pytest.mark.parametrize(
    "text",
    [
        f"{AZ} -f " + "$x" * 10_000,
        f"{AZ} -f " + "$(" * 20_000,
        f"{AZ} -f '" + "$x/" * 5_000 + "'",
        "x: $x\n" * 5_000 + f"{AZ} -f $x",
        "x:\n" + "  - $x\n" * 5_000 + f"{AZ} -f $x/$x/$x",
        f"{AZ} -f $x\n" * 2_000,
        "cd $x\n" * 5_000 + f"{AZ} -f $x",
        "infra:\n" + "  a\n" * 10_000,
        f"{AZ} -f ((((" * 2_000,
        "terraform " * 5_000,
        "apply " * 10_000,
        "dir" * 20_000 + AZ,
        AZ + "a/" * 90_000,
        AZ + "a" * 190_000,
        AZ + "*" * 190_000 + "/samples",
        AZ + " samples/" + "${" * 90_000,
        AZ + " find" + " " * 190_000,
        AZ + "uses: a/" * 20_000,
        "terraform -" + "a -" * 60_000,
        "terragrunt " * 18_000,
    ],
    ids=range(20),
)
def test_hostile_scripts_are_searched_quickly(text: str, checkout: Path) -> None:
    write(checkout, text, "azure.yaml")
    found_in(checkout, "deploy.sh", text)


def test_a_script_is_searched_once_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    add_commands = deployments._add_commands

    def counted(found: Deployments, script: str, text: str, checkout: str) -> None:
        searched.append(script)
        add_commands(found, script, text, checkout)

    monkeypatch.setattr(deployments, "_add_commands", counted)
    names = [f"m{number}" for number in range(6)]
    for name in names:
        write(tmp_path, "param name string\n", f"modules/{name}.bicep")
    calls = "".join(
        f"module {name} 'modules/{name}.bicep' = {{\n  name: '{name}'\n  params: {{ name: '{name}' }}\n}}\n"
        for name in names
    )
    write(tmp_path, calls, "main.bicep")
    write(tmp_path, "".join(f"{AZ} -f modules/{name}.bicep\n" for name in names), "deploy.sh")
    report = check(Config(paths=(str(tmp_path),), jobs=1))
    assert len(report.sources) == 7
    assert searched == [str(tmp_path / "deploy.sh")]

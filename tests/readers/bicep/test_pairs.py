"""Bicep files that nobody on this team wrote, and the templates that they are compiled to: both say the same.

They lie beside the checkout and are other people's files, so they are read in place, and absent for most.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from azkvlint.derived.build_graph import build_graph, with_needs
from azkvlint.engine.evaluator import RuleEvaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.readers.bicep.files import BicepRun, ModuleCache
from azkvlint.readers.bicep.read import read_bicep, read_bicepparam
from azkvlint.readers.deployment.read import read_template
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.syntax.json_decoder import decode
from azkvlint.syntax.texts import decoded
from azkvlint.util.errors import InputError
from azkvlint.util.project_boundary import begin_run

pytestmark = pytest.mark.slow(8)

CORPORA = Path(__file__).resolve().parents[4] / "shared" / "corpora"
FILES = sorted([*CORPORA.rglob("*.bicep"), *CORPORA.rglob("*.bicepparam")])
PAIRS = [
    (file, compiled)
    for file in sorted((CORPORA / "pairs").rglob("main.bicep"))
    for compiled in (file.with_suffix(".json"), file.with_suffix(".symbolicnames.json"))
    if compiled.exists()
]
# The compiler makes what it can of a file with faults.
FAULTY = "InvalidLambdas_LF"

if not FILES:
    pytest.skip(f"the corpora are not here: no Bicep files in {CORPORA}", allow_module_level=True)

RULES = builtin_rules()
DEMAND = with_needs(required_by(RULES))
EVALUATOR = RuleEvaluator(RULES, True)
# What a template deploys that is written out in a resource, which is told but not read in a Bicep file.
TOLD_APART = {"Microsoft.Resources/deployments", "Microsoft.Resources/deployments/outputs", "Microsoft.Web/sites"}
# Where an id is known only after deployment, or a conditional value has several origins, one of both may be unknown.
COARSER = {"KV009", "KV612"}


def said(read: TemplateRead) -> tuple[Counter[str], Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """How many resources of each type, and how often each rule fails or is unknown for each type."""
    verdicts = EVALUATOR.evaluate(build_graph(read.resources, DEMAND, read.closed))
    return (
        Counter(one.type for one in read.resources.values() if not one.existing and one.type not in TOLD_APART),
        Counter((one.rule.id, one.type) for one in verdicts.findings if one.rule.id not in COARSER),
        Counter((one.rule.id, one.type) for one in verdicts.unknown if one.rule.id not in COARSER),
    )


def test_every_file_is_read() -> None:
    cache = ModuleCache()
    for file in FILES:
        reader = read_bicep if file.suffix == ".bicep" else read_bicepparam
        name = file.relative_to(CORPORA).as_posix()
        read = reader(BicepRun(name, decoded(file.read_bytes()), DEMAND, cache, str(CORPORA)), str(file))
        said(read)
        assert "/" not in {path[:1] for path in read.files}


def test_bicep_files_and_their_compiled_templates_have_the_same_findings() -> None:
    begin_run([str(CORPORA)])
    cache, compared, differ = ModuleCache(), 0, []
    for file, compiled in PAIRS:
        name = file.relative_to(CORPORA).as_posix()
        read = read_bicep(BicepRun(name, decoded(file.read_bytes()), DEMAND, cache, str(CORPORA)), str(file))
        try:
            template = read_template(compiled.name, decode(compiled.read_bytes()), DEMAND, {})
        except InputError:
            continue
        at_hand = not any("is not restored" in problem.message for problem in read.problems)
        if at_hand and FAULTY not in name:
            compared += 1
            if said(read) != said(template):
                differ.append(f"{name} and {compiled.name}")
    assert differ == []
    assert compared > len(PAIRS) // 2

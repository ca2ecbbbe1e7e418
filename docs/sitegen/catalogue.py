"""The catalogue of known checks, and the names of the tools whose keys are in rule files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from azkvlint.syntax.yaml_nodes import compose, data

_IDEAS = Path(__file__).resolve().parents[1] / "ideas.yaml"
TOOLS: Mapping[str, str] = {
    "alz-guardrails": "Azure landing zone guardrails",
    "amba": "Azure Monitor Baseline Alerts",
    "aprl": "Azure Proactive Resiliency Library",
    "arm-ttk": "ARM Template Test Toolkit",
    "avm": "Azure Verified Modules policy library",
    "azts": "Azure Tenant Security",
    "azure-advisor": "Azure Advisor",
    "azure-policy": "Azure Policy",
    "bicep-linter": "Bicep linter",
    "brainiac": "Brainiac",
    "checkov": "Checkov",
    "cloud-custodian": "Cloud Custodian",
    "cloudbeat": "Elastic cloudbeat",
    "cloudsploit": "CloudSploit",
    "defender": "Defender for Cloud",
    "kics": "KICS",
    "monkey365": "Monkey365",
    "prancer": "Prancer",
    "prowler": "Prowler",
    "psrule": "PSRule for Azure",
    "regula": "Regula",
    "review-checklists": "Azure Review Checklists",
    "scoutsuite": "ScoutSuite",
    "semgrep": "Semgrep",
    "snyk": "Snyk",
    "sonarqube": "SonarQube",
    "steampipe": "Steampipe",
    "template-analyzer": "Template Analyzer",
    "terrascan": "Terrascan",
    "tflint": "tflint",
    "tfsec": "tfsec",
    "trivy": "Trivy",
}


def catalogue() -> tuple[dict[str, str], dict[str, str]]:
    """Return the checks, and why some of them are out of scope, both by ID."""
    root = compose(_IDEAS.read_text(encoding="utf-8")).root
    if root is None:
        raise ValueError(f"{_IDEAS} is empty")
    content: Any = data(root)
    return content["ideas"], content["out_of_scope"]

import type { DocumentSelector } from "vscode-languageclient/node";

/** The files that the server checks, and those that configure it. */
export const PATTERNS = [
  "**/*.{tf,tofu,tfvars}",
  "**/*.{bicep,bicepparam}",
  "**/*.{json,jsonc}",
  "**/terragrunt*.hcl",
  "**/kvlint.toml",
  "**/pyproject.toml",
] as const;

export const DOCUMENTS: DocumentSelector = PATTERNS.map((pattern) => ({ scheme: "file", pattern }));

import { execFile } from "node:child_process";

export interface RuleItem {
  readonly label: string;
  readonly description: string;
}

interface Coded {
  readonly source?: string | undefined;
  readonly code?: string | number | { readonly value: string | number } | undefined;
}

const ID = /^[A-Z][A-Z0-9]*-?[0-9]+$/;

/** Return the rules of the findings at a place, without repetitions. */
export function rulesOf(diagnostics: readonly Coded[]): string[] {
  const own = diagnostics.filter((one) => one.source === "kvlint");
  const codes = own.map((one) => String(typeof one.code === "object" ? one.code.value : one.code));
  return [...new Set(codes.filter((code) => ID.test(code)))];
}

/** Return the built-in rules from the settings in package.json, which name each of them with its title. */
export function builtinRules(packageJson: unknown): RuleItem[] {
  const items = at(packageJson, "contributes", "configuration", "properties", "kvlint.select", "items", "anyOf", "0");
  const [ids, titles] = [at(items, "enum"), at(items, "enumDescriptions")];
  if (!Array.isArray(ids) || !Array.isArray(titles)) {
    return [];
  }
  const all = ids.map((id, index) => ({ label: String(id), description: String(titles[index]) }));
  return all.filter((item) => ID.test(item.label));
}

function at(value: unknown, ...keys: string[]): unknown {
  return keys.reduce((inner, key) => (inner as Record<string, unknown> | null | undefined)?.[key], value);
}

/** Return the text of `kvlint explain`. The rule is an ID, so that it cannot be read as an option. */
export function explain(program: string, rule: string, cwd: string): Promise<string> {
  if (!ID.test(rule)) {
    return Promise.reject(new Error(`${rule} is not the ID of a rule`));
  }
  const options = { cwd, encoding: "utf8", timeout: 30_000, windowsHide: true } as const;
  return new Promise((resolve, reject) => {
    execFile(program, ["explain", rule], options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
      } else {
        reject(new Error(stderr.trim() || error.message));
      }
    });
  });
}

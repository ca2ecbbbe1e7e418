export type State = "starting" | "running" | "stopped" | "missing" | "incomplete" | "disabled";

/** What to install if kvlint is there without its language server. */
export const INCOMPLETE = "kvlint is installed without its language server. Install the extra `lsp`: pipx inject azkvlint pygls";

export interface Counts {
  readonly file: number;
  readonly workspace: number;
}

/** What the status bar shows. */
export interface Display {
  readonly text: string;
  readonly tooltip: string;
  readonly command: string;
  readonly isWarning: boolean;
}

interface Diagnosed {
  readonly source?: string | undefined;
}

/** Return the number of findings of kvlint in one file and in all files. */
export function count(all: Iterable<readonly [{ toString(): string }, readonly Diagnosed[]]>, file?: string): Counts {
  const counts = { file: 0, workspace: 0 };
  for (const [uri, diagnostics] of all) {
    const own = diagnostics.filter((one) => one.source === "kvlint").length;
    counts.workspace += own;
    if (own > 0 && uri.toString() === file) {
      counts.file += own;
    }
  }
  return counts;
}

/** Return what the status bar shows, or undefined if it shows nothing. */
export function display(state: State, counts: Counts): Display | undefined {
  const shown = (text: string, tooltip: string, command: string, isWarning = false): Display => ({
    text,
    tooltip,
    command,
    isWarning,
  });
  switch (state) {
    case "disabled":
      return undefined;
    case "missing":
      return shown("$(warning) kvlint: not installed", "Show how to install kvlint", "kvlint.openDocumentation", true);
    case "incomplete":
      return shown("$(warning) kvlint: install the extra lsp", INCOMPLETE, "kvlint.openDocumentation", true);
    case "stopped":
      return shown("$(error) kvlint: stopped", "Show the output of the kvlint server", "kvlint.showOutput", true);
    case "starting":
      return shown("$(sync~spin) kvlint", "The kvlint server is starting", "kvlint.showOutput");
    case "running": {
      const tooltip = `${findings(counts.file)} in this file, ${findings(counts.workspace)} in the workspace`;
      return shown(`$(key) kvlint ${counts.file}/${counts.workspace}`, tooltip, "workbench.actions.view.problems");
    }
  }
}

function findings(number: number): string {
  return number === 1 ? "1 finding" : `${number} findings`;
}

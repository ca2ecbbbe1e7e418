import { homedir } from "node:os";
import * as vscode from "vscode";
import { builtinRules, explain, rulesOf } from "./rules";
import { Server } from "./server";
import { count, display, INCOMPLETE, type State } from "./status";

const DOCUMENTATION = vscode.Uri.parse("https://github.com/kvlint/kvlint/blob/main/docs/editors.md");
const SCHEME = "kvlint-rule";
const FIX_ALL = "source.fixAll.kvlint";
// Settings that decide which program runs. The server reads the others itself.
const OF_THE_PROGRAM = ["kvlint.path", "kvlint.enable"];

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel("kvlint", { log: true });
  const status = new Status();
  const current = (server = new Server(output, (state) => status.show(state)));
  const open = () => vscode.env.openExternal(DOCUMENTATION);
  const restart = async () => {
    await current.restart();
    if (current.state === "missing" || current.state === "incomplete") {
      void suggestInstallation(current.state, open);
    }
  };
  context.subscriptions.push(
    output,
    status,
    vscode.commands.registerCommand("kvlint.restart", restart),
    vscode.commands.registerCommand("kvlint.showOutput", () => output.show()),
    vscode.commands.registerCommand("kvlint.openDocumentation", open),
    vscode.commands.registerCommand("kvlint.fixAll", fixAll),
    vscode.commands.registerCommand("kvlint.showRule", (rule?: unknown) => showRule(context, rule)),
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, { provideTextDocumentContent: explanation }),
    vscode.workspace.onDidGrantWorkspaceTrust(restart),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (OF_THE_PROGRAM.some((setting) => change.affectsConfiguration(setting))) {
        void restart();
      }
    }),
  );
  await restart();
}

export function deactivate(): Promise<void> | undefined {
  return server?.stop();
}

/** Apply the safe fixes of the active document, which the server offers as one action. */
async function fixAll(): Promise<void> {
  await vscode.commands.executeCommand("editor.action.codeAction", { kind: FIX_ALL, apply: "first" });
}

async function suggestInstallation(state: State, open: () => Thenable<boolean>): Promise<void> {
  const [documentation, settings] = ["Show Documentation", "Open Settings"];
  const missing = "kvlint is not installed, or its folder is not in PATH. Install it, or set `kvlint.path`.";
  const text = state === "missing" ? missing : `${INCOMPLETE}. Then run the command Restart Server.`;
  const chosen = await vscode.window.showWarningMessage(text, documentation, settings);
  if (chosen === documentation) {
    await open();
  } else if (chosen === settings) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "kvlint.path");
  }
}

async function showRule(context: vscode.ExtensionContext, rule: unknown): Promise<void> {
  const chosen = typeof rule === "string" ? rule : await chooseRule(context);
  if (chosen !== undefined) {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.from({ scheme: SCHEME, path: `${chosen}.txt` }));
    await vscode.window.showTextDocument(document, { preview: true });
  }
}

async function chooseRule(context: vscode.ExtensionContext): Promise<string | undefined> {
  const editor = vscode.window.activeTextEditor;
  const all = editor === undefined ? [] : vscode.languages.getDiagnostics(editor.document.uri);
  const here = rulesOf(all.filter((one) => editor !== undefined && one.range.intersection(editor.selection)));
  if (here.length === 1) {
    return here[0];
  }
  const builtin = builtinRules(context.extension.packageJSON);
  const first = here.map((id) => builtin.find((item) => item.label === id) ?? { label: id, description: "" });
  const items = [...first, ...builtin.filter((item) => !here.includes(item.label))];
  const chosen = await vscode.window.showQuickPick(items, { matchOnDescription: true, placeHolder: "Show a rule" });
  return chosen?.label;
}

async function explanation(uri: vscode.Uri): Promise<string> {
  if (server?.program === undefined) {
    return "kvlint is not installed.\n";
  }
  try {
    return await explain(server.program, uri.path.replace(/\.txt$/, ""), homedir());
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n`;
  }
}

/** The item in the status bar. */
class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("kvlint", vscode.StatusBarAlignment.Left);
  private readonly listeners: vscode.Disposable[];
  private state: State = "disabled";
  private timer: NodeJS.Timeout | undefined;

  constructor() {
    this.item.name = "kvlint";
    this.listeners = [
      vscode.languages.onDidChangeDiagnostics(() => this.schedule()),
      vscode.window.onDidChangeActiveTextEditor(() => this.schedule()),
    ];
  }

  show(state: State): void {
    this.state = state;
    this.refresh();
  }

  dispose(): void {
    clearTimeout(this.timer);
    vscode.Disposable.from(this.item, ...this.listeners).dispose();
  }

  // Diagnostics change often, and counting them reads those of all files.
  private schedule(): void {
    this.timer ??= setTimeout(() => this.refresh(), 200);
  }

  private refresh(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const file = vscode.window.activeTextEditor?.document.uri.toString();
    const shown = display(this.state, count(vscode.languages.getDiagnostics(), file));
    if (shown === undefined) {
      this.item.hide();
      return;
    }
    this.item.text = shown.text;
    this.item.tooltip = shown.tooltip;
    this.item.command = shown.command;
    this.item.backgroundColor = shown.isWarning ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
    this.item.show();
  }
}

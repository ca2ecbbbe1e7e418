/** Runs in Visual Studio Code, as the value of --extensionTestsPath; a copy of a sample without its plan is open. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import * as vscode from "vscode";

const RESULT = process.env["RESULT_FILE"];

async function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const found = await look();
    if (found) {
      return found;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`there is no ${what} after 60 seconds`);
}

async function check(): Promise<void> {
  const extension = vscode.extensions.getExtension("kvlint.kvlint");
  assert.ok(extension);
  const [file] = await vscode.workspace.findFiles("main.tf");
  assert.ok(file);
  const document = await vscode.workspace.openTextDocument(file);
  await vscode.window.showTextDocument(document);
  await until("active extension", () => extension.isActive);
  const own = () => vscode.languages.getDiagnostics(file).filter((one) => one.source === "kvlint");
  const find = (id: string) => own().find((one) => typeof one.code === "object" && one.code.value === id);
  const purge = await until("finding of KV001", () => find("KV001"));

  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>("vscode.executeHoverProvider", file, purge.range.start);
  assert.ok(hovers.some((hover) => hover.contents.some((one) => typeof one === "object" && one.value.includes("KV001"))));
  const quickFix = vscode.CodeActionKind.QuickFix.value;
  const request = ["vscode.executeCodeActionProvider", file, purge.range, quickFix, 100] as const;
  const action = async (title: RegExp): Promise<vscode.WorkspaceEdit | undefined> => {
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(...request);
    return actions.find((one) => title.test(one.title))?.edit;
  };
  const fix = await until("fix of KV001", () => action(/^Set `purge_protection_enabled = true`/));
  const ignore = await until("suppression of KV001", () => action(/^Ignore KV001/));
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>("vscode.executeCodeLensProvider", file, 100);
  assert.ok(lenses.length > 0);

  const text = document.getText();
  const comment = /^# kvlint: ignore\[KV001\] state the reason until=\d{4}-\d{2}-\d{2}$/m;
  for (const [edit, expected] of [[ignore, comment], [fix, /^  purge_protection_enabled += true$/m]] as const) {
    assert.ok(await vscode.workspace.applyEdit(edit));
    assert.match(document.getText(), expected);
    await until("diagnostics without KV001", () => find("KV001") === undefined && own().length > 0);
    await vscode.commands.executeCommand("workbench.action.files.revert");
    assert.equal(document.getText(), text);
    await until("finding of KV001", () => find("KV001"));
  }

  const settings = vscode.workspace.getConfiguration("kvlint");
  await settings.update("ignore", ["KV001"], vscode.ConfigurationTarget.Global);
  await until("change of the settings", () => find("KV001") === undefined && own().length > 0);
  await settings.update("ignore", undefined, vscode.ConfigurationTarget.Global);
  await until("finding of KV001", () => find("KV001"));

  await vscode.commands.executeCommand("kvlint.restart");
  await until("finding of KV001 after the restart", () => find("KV001"));
  await vscode.commands.executeCommand("kvlint.showRule", "KV001");
  assert.match(vscode.window.activeTextEditor?.document.getText() ?? "", /^KV001 purge-protection/);
}

/** Check the extension, and write the result to a file if the environment names one. */
export async function run(): Promise<void> {
  const error: unknown = await check().then(() => undefined, (reason: unknown) => reason);
  if (RESULT !== undefined) {
    writeFileSync(RESULT, error === undefined ? "ok\n" : `${error instanceof Error ? error.stack : String(error)}\n`);
  }
  if (error !== undefined) {
    throw error;
  }
}

export const activate = run; // as an extension of its own

/** Runs in Visual Studio Code, as the value of --extensionTestsPath; the folder with the samples is open. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import * as vscode from "vscode";

const RESULT = process.env["KVLINT_TEST_RESULT"];

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
  const [file] = await vscode.workspace.findFiles("careless/main.tf");
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
  const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(...request);
  const ignore = actions.find((one) => /^Ignore KV001/.test(one.title));
  assert.ok(ignore?.edit, JSON.stringify(actions.map((one) => one.title)));
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>("vscode.executeCodeLensProvider", file, 100);
  assert.ok(lenses.length > 0);

  const text = document.getText();
  assert.ok(await vscode.workspace.applyEdit(ignore.edit));
  assert.match(document.getText(), /^# kvlint: ignore\[KV001\] state the reason until=\d{4}-\d{2}-\d{2}$/m);
  await until("suppression of KV001", () => find("KV001") === undefined && own().length > 0);
  await vscode.commands.executeCommand("workbench.action.files.revert");
  assert.equal(document.getText(), text);
  await until("finding of KV001", () => find("KV001"));

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

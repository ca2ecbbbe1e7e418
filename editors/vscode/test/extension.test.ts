import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import packageJson from "../package.json";
import { activate, deactivate } from "../src/extension";
import { CloseAction, LanguageClient, State } from "./client";
import { editor, Uri, window, workspace } from "./vscode";

const folder = mkdtempSync(join(tmpdir(), "kvlint-"));
const program = join(folder, "kvlint");
const otherProgram = join(folder, "other");
for (const [file, word] of [[program, "kvlint"], [otherProgram, "other"]] as const) {
  writeFileSync(file, `#!/bin/sh\necho "${word} $@"\n[ "$2" != KV999 ] || { echo 'unknown rule' >&2; exit 2; }\n`);
  chmodSync(file, 0o755);
}
after(() => rmSync(folder, { recursive: true }));

let subscriptions: { dispose(): unknown }[];

beforeEach(() => {
  Object.assign(editor, { global: {}, workspace: {}, answer: undefined, diagnostics: [] });
  for (const list of [editor.executed, editor.opened, editor.messages, editor.items, editor.log, editor.documents]) {
    list.length = 0;
  }
  LanguageClient.all.length = 0;
  LanguageClient.fails = false;
  Object.assign(workspace, { isTrusted: true, workspaceFolders: [] });
  window.activeTextEditor = undefined;
  subscriptions = [];
});

afterEach(async () => {
  await deactivate();
  subscriptions.forEach((one) => one.dispose());
});

type Context = Parameters<typeof activate>[0];
const start = () => activate({ subscriptions, extension: { packageJSON: packageJson } } as unknown as Context);
const clients = () => LanguageClient.all.map((client) => client.server.command);
const run = (command: string, ...values: unknown[]) => editor.commands.get(command)?.(...values);

test("the server is the program of the settings, with `lsp`, outside of the workspace", async () => {
  editor.global["kvlint.path"] = program;
  await start();
  const [client] = LanguageClient.all;
  assert.deepEqual(client?.server, { command: program, args: ["lsp"], options: { cwd: homedir() } });
  assert.ok(client.options.documentSelector.every((one) => one.scheme === "file"));
  assert.equal(editor.items[0]?.text, "$(key) kvlint 0/0");
  assert.ok(editor.items[0].isVisible);
});

test("a workspace that is not trusted does not choose the program", async () => {
  workspace.isTrusted = false;
  workspace.workspaceFolders = [{ uri: Uri.parse(`file://${folder}`) }];
  editor.global["kvlint.path"] = program;
  editor.workspace["kvlint.path"] = otherProgram;
  await start();
  assert.deepEqual(clients(), [program]);
  editor.global["kvlint.path"] = "${workspaceFolder}/other";
  await run("kvlint.restart");
  assert.deepEqual(clients(), [program]);
  workspace.isTrusted = true;
  await editor.trust.fire();
  assert.deepEqual(clients(), [program, otherProgram]);
});

test("a program that is not installed is reported once, with the documentation", async () => {
  editor.global["kvlint.path"] = join(folder, "missing");
  editor.answer = "Show Documentation";
  await start();
  await turn();
  assert.deepEqual(clients(), []);
  assert.equal(editor.messages.length, 1);
  assert.deepEqual(editor.opened, ["https://github.com/kvlint/kvlint/blob/main/docs/editors.md"]);
  const item = editor.items[0];
  assert.equal(item?.text, "$(warning) kvlint: not installed");
  assert.equal(item.backgroundColor?.id, "statusBarItem.warningBackground");
  await run(item.command);
  assert.equal(editor.opened.length, 2);
  editor.answer = "Open Settings";
  await run("kvlint.restart");
  await turn();
  assert.deepEqual(editor.executed, [["workbench.action.openSettings", "kvlint.path"]]);
});

test("a server that does not start, or ends, is reported", async () => {
  editor.global["kvlint.path"] = program;
  LanguageClient.fails = true;
  await start();
  const item = editor.items[0];
  assert.equal(item?.text, "$(error) kvlint: stopped");
  assert.ok(editor.log.some((line) => line.includes("the server did not start")));
  assert.equal(LanguageClient.all[0]?.options.errorHandler.closed().action, CloseAction.DoNotRestart);
  LanguageClient.fails = false;
  await run("kvlint.restart");
  assert.equal(item.text, "$(key) kvlint 0/0");
  assert.equal(LanguageClient.all.at(-1)?.options.errorHandler.closed().action, CloseAction.Restart);
  await LanguageClient.all.at(-1)?.change(State.Stopped);
  assert.equal(item.text, "$(error) kvlint: stopped");
  await run(item.command);
  assert.deepEqual(editor.executed, [["output"]]);
});

test("a program without its language server is reported with what to install", { skip: process.platform === "win32" }, async () => {
  const bare = join(folder, "bare");
  writeFileSync(bare, "#!/bin/sh\necho 'kvlint: error: kvlint lsp requires the package pygls (install the extra `lsp`)' >&2\nexit 2\n");
  chmodSync(bare, 0o755);
  editor.global["kvlint.path"] = bare;
  LanguageClient.fails = true;
  await start();
  await turn();
  const item = editor.items[0];
  assert.equal(item?.text, "$(warning) kvlint: install the extra lsp");
  assert.match(item.tooltip, /pipx inject azkvlint pygls/);
  assert.match(editor.messages[0] ?? "", /without its language server/);
  await run(item.command);
  assert.equal(editor.opened.length, 1);
  LanguageClient.fails = false;
  await run("kvlint.restart");
  assert.equal(item.text, "$(key) kvlint 0/0");
});

test("all safe fixes of the file are a command", async () => {
  await start();
  await run("kvlint.fixAll");
  assert.deepEqual(editor.executed, [["editor.action.codeAction", { kind: "source.fixAll.kvlint", apply: "first" }]]);
});

test("another program or state restarts the server, other settings do not", async () => {
  editor.global["kvlint.path"] = program;
  await start();
  const change = (setting: string) =>
    editor.configuration.fire({ affectsConfiguration: (section) => setting === section || setting.startsWith(`${section}.`) });
  await change("kvlint.select");
  assert.deepEqual(clients(), [program]);
  editor.workspace["kvlint.path"] = otherProgram;
  await change("kvlint.path");
  await run("kvlint.restart");
  assert.deepEqual(clients(), [program, otherProgram, otherProgram]);
  assert.equal(LanguageClient.all[0]?.state, State.Stopped);
  editor.global["kvlint.enable"] = false;
  await change("kvlint.enable");
  await run("kvlint.restart");
  assert.equal(clients().length, 3);
  assert.equal(editor.items[0]?.isVisible, false);
});

test("restarts that overlap leave one server", async () => {
  editor.global["kvlint.path"] = program;
  await start();
  await Promise.all([run("kvlint.restart"), run("kvlint.restart"), run("kvlint.restart")]);
  assert.deepEqual(LanguageClient.all.map((client) => client.state), [...Array(3).fill(State.Stopped), State.Running]);
});

test("the status bar counts the findings of the file and of the workspace", async () => {
  editor.global["kvlint.path"] = program;
  await start();
  const [here, there] = [Uri.parse("file:///main.tf"), Uri.parse("file:///other.tf")];
  const [own, foreign] = [{ source: "kvlint" }, { source: "tflint" }];
  editor.diagnostics = [[here, [own, foreign]], [there, [own, own]]];
  window.activeTextEditor = { document: { uri: here } };
  await editor.changed.fire();
  await pause(300);
  assert.equal(editor.items[0]?.text, "$(key) kvlint 1/3");
  assert.equal(editor.items[0].tooltip, "1 finding in this file, 3 findings in the workspace");
});

test("a rule is shown: of an argument, of the finding at the cursor, or of all rules", { skip: process.platform === "win32" }, async () => {
  editor.global["kvlint.path"] = program;
  await start();
  await run("kvlint.showRule", "KV001");
  const uri = Uri.parse("file:///main.tf");
  const at = (line: number) => ({ intersection: (other: { line: number }) => (other.line === line ? {} : undefined) });
  editor.diagnostics = [
    [uri, [{ source: "kvlint", code: { value: "KV002" }, range: at(1) }, { source: "kvlint", code: "KV003", range: at(2) }]],
  ];
  window.activeTextEditor = { document: { uri }, selection: { line: 1 } };
  await run("kvlint.showRule");
  window.activeTextEditor = undefined;
  editor.answer = "KV101";
  await run("kvlint.showRule");
  assert.deepEqual(editor.documents.map((document) => document.path), ["KV001.txt", "KV002.txt", "KV101.txt"]);
  const text = (path: string) => editor.provider?.provideTextDocumentContent(Uri.from({ scheme: "kvlint-rule", path }));
  assert.equal(await text("KV001.txt"), "kvlint explain KV001\n");
  assert.equal(await text("KV999.txt"), "unknown rule\n");
  assert.equal(await text("--help.txt"), "--help is not the ID of a rule\n");
});

test("the commands of package.json exist", async () => {
  await start();
  const contributed = packageJson.contributes.commands.map((command) => command.command);
  assert.deepEqual([...editor.commands.keys()].sort(), contributed.sort());
});

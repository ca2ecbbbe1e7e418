/** The server, through the library of its clients. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, afterEach, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  type CodeAction,
  type CodeLens,
  type Diagnostic,
  type Hover,
  type InitializeResult,
  type MessageConnection,
  type PublishDiagnosticsParams,
  StreamMessageReader,
  StreamMessageWriter,
  createMessageConnection,
} from "vscode-languageserver-protocol/node";

const root = resolve(__dirname, "../../..");
const named = process.env["KVLINT"];
const program =
  named !== undefined ? resolve(named) : [".venv/bin", ".venv/Scripts"].map((one) => join(root, one, "kvlint")).find(existsSync);
const skip = program === undefined && "there is no kvlint: set KVLINT, or run make extension";
const folder = realpathSync(mkdtempSync(join(tmpdir(), "kvlint-")));
const file = join(folder, "main.tf");
const uri = pathToFileURL(file).href;
const text = readFileSync(join(root, "samples/careless/main.tf"), "utf8");
copyFileSync(join(root, "samples/careless/main.tf"), file);
cpSync(join(root, "samples/careless/grant"), join(folder, "grant"), { recursive: true });
after(() => rmSync(folder, { recursive: true }));

/** A session with the server, as the extension has it. */
class Session {
  settings: Record<string, unknown> = {};
  stderr = "";
  readonly published = new Map<string, PublishDiagnosticsParams>();
  private readonly connection: MessageConnection;
  private readonly process: ChildProcess;
  private readonly ended: Promise<number | null>;
  private waiting: (() => void)[] = [];

  constructor() {
    const server = spawn(program ?? "", ["lsp"], { cwd: homedir(), stdio: "pipe" });
    this.process = server;
    server.stderr.on("data", (data) => (this.stderr += String(data)));
    this.ended = new Promise((done) => server.once("close", done));
    this.connection = createMessageConnection(new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));
    this.connection.onNotification("textDocument/publishDiagnostics", (params: PublishDiagnosticsParams) => {
      this.published.set(params.uri, params);
      this.waiting.splice(0).forEach((done) => done());
    });
    this.connection.onRequest("workspace/configuration", ({ items }: { items: unknown[] }) => items.map(() => this.settings));
    this.connection.onRequest("client/registerCapability", () => null);
    this.connection.onRequest("workspace/codeLens/refresh", () => null);
    this.connection.onRequest("window/workDoneProgress/create", () => null);
    this.connection.listen();
  }

  request<Result>(method: string, params?: unknown): Promise<Result> {
    return params === undefined ? this.connection.sendRequest(method) : this.connection.sendRequest(method, params);
  }

  notify(method: string, params?: unknown): Promise<void> {
    return params === undefined ? this.connection.sendNotification(method) : this.connection.sendNotification(method, params);
  }

  async start(): Promise<InitializeResult> {
    const result = await this.request<InitializeResult>("initialize", {
      processId: process.pid,
      rootUri: null,
      workspaceFolders: [{ uri: pathToFileURL(folder).href, name: "infra" }],
      capabilities: {
        workspace: { configuration: true, didChangeConfiguration: { dynamicRegistration: true }, workspaceFolders: true },
        textDocument: {
          publishDiagnostics: { relatedInformation: true, codeDescriptionSupport: true, versionSupport: true },
          codeAction: { codeActionLiteralSupport: { codeActionKind: { valueSet: ["quickfix"] } } },
          hover: { contentFormat: ["markdown", "plaintext"] },
        },
      },
    });
    await this.notify("initialized", {});
    return result;
  }

  async open(): Promise<Diagnostic[]> {
    await this.notify("textDocument/didOpen", { textDocument: { uri, languageId: "terraform", version: 1, text } });
    return this.diagnostics((all) => all.length > 0);
  }

  /** Wait until the diagnostics of the file fulfill a condition. */
  async diagnostics(isExpected: (all: Diagnostic[]) => boolean): Promise<Diagnostic[]> {
    for (;;) {
      const published = this.published.get(uri);
      if (published !== undefined && isExpected(published.diagnostics)) {
        return published.diagnostics;
      }
      await new Promise<void>((done) => this.waiting.push(done));
    }
  }

  async stop(): Promise<number | null> {
    await this.request("shutdown");
    await this.notify("exit");
    return this.ended;
  }

  kill(): void {
    this.connection.dispose();
    this.process.kill("SIGKILL");
  }
}

let session: Session;

beforeEach(() => {
  if (!skip) {
    session = new Session();
  }
});
afterEach(() => {
  if (!skip) {
    session.kill();
  }
});

const codes = (all: Diagnostic[]) => all.map((one) => one.code);
const limit = { skip, timeout: 60_000 };

test("a session: open, diagnostics, hover, code actions, change, shutdown", limit, async () => {
  const { serverInfo } = await session.start();
  assert.equal(serverInfo?.name, "kvlint");
  const found = await session.open();
  assert.ok(codes(found).includes("KV001"));
  assert.ok(found.every((one) => one.source === "kvlint"));
  const purge = found.find((one) => one.code === "KV001") as Diagnostic;
  assert.match(String(purge.message), /Purge protection is not enabled/);
  assert.match(purge.codeDescription?.href ?? "", /^https:\/\//);

  const hover = await session.request<Hover>("textDocument/hover", { textDocument: { uri }, position: purge.range.start });
  assert.match(JSON.stringify(hover.contents), /KV001/);
  const lenses = await session.request<CodeLens[]>("textDocument/codeLens", { textDocument: { uri } });
  assert.ok(lenses.length > 0);
  const params = { textDocument: { uri }, range: purge.range, context: { diagnostics: [purge] } };
  const actions = await session.request<CodeAction[]>("textDocument/codeAction", params);
  for (const title of [/^Set `purge_protection_enabled = true`/, /^Ignore KV001 here until/]) {
    assert.ok(actions.some((one) => title.test(one.title) && one.edit !== undefined), JSON.stringify(actions));
  }

  const fixed = text.replace('resource "azurerm_key_vault" "app" {', "$&\n  purge_protection_enabled = true");
  assert.notEqual(fixed, text);
  await session.notify("textDocument/didChange", { textDocument: { uri, version: 2 }, contentChanges: [{ text: fixed }] });
  const after = await session.diagnostics((all) => !codes(all).includes("KV001"));
  assert.ok(after.length > 0);
  assert.equal(session.published.get(uri)?.version, 2);

  assert.equal(await session.stop(), 0);
  assert.equal(session.stderr, "");
});

test("settings: those of the start, and changes", limit, async () => {
  session.settings = { select: ["KV001"], profile: [], ignore: [], minSeverity: "", configuration: "", includeTests: null, path: "kvlint" };
  await session.start();
  assert.deepEqual([...new Set(codes(await session.open()))], ["KV001"]);
  session.settings = { select: ["KV002", "KV402"], minSeverity: "medium" };
  await session.notify("workspace/didChangeConfiguration", { settings: null });
  const changed = await session.diagnostics((all) => !codes(all).includes("KV001"));
  assert.deepEqual([...new Set(codes(changed))], ["KV402"]);
  assert.equal(await session.stop(), 0);
});

test("a server that starts again has the same diagnostics", limit, async () => {
  await session.start();
  const before = await session.open();
  await session.stop();
  session = new Session();
  await session.start();
  assert.deepEqual(await session.open(), before);
  assert.equal(await session.stop(), 0);
});

test("a file with a syntax error keeps the findings of another file", limit, async () => {
  const other = join(folder, "other.bicep");
  writeFileSync(other, "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n  location: 'westeurope'\n  properties: {}\n}\n");
  await session.start();
  await session.open();
  const broken = `${text}\nresource "azurerm_key_vault" {{\n`;
  await session.notify("textDocument/didChange", { textDocument: { uri, version: 2 }, contentChanges: [{ text: broken }] });
  await session.diagnostics((all) => codes(all).includes("KVE001"));
  const published = session.published.get(pathToFileURL(other).href);
  assert.ok(codes(published?.diagnostics ?? []).includes("KV001"));
  rmSync(other);
  assert.equal(await session.stop(), 0);
});

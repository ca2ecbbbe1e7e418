import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import * as vscode from "vscode";
import { CloseAction, LanguageClient, RevealOutputChannelOn, State as ClientState } from "vscode-languageclient/node";
import { DOCUMENTS } from "./documents";
import { findProgram } from "./program";
import type { State } from "./status";

/** The language server, which runs once for all folders of the workspace. */
export class Server {
  state: State = "disabled";
  program: string | undefined;
  private client: LanguageClient | undefined;
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly output: vscode.LogOutputChannel,
    private readonly onState: (state: State) => void,
  ) {}

  /** Stop the server if it runs, and start it with the current settings. Calls are processed one after the other. */
  restart(): Promise<void> {
    return this.enqueue(async () => {
      await this.close();
      await this.open();
    });
  }

  stop(): Promise<void> {
    return this.enqueue(() => this.close());
  }

  private enqueue(step: () => Promise<void>): Promise<void> {
    this.last = this.last.then(step).catch((error: unknown) => {
      this.output.error(String(error));
      this.set("stopped");
    });
    return this.last;
  }

  private set(state: State): void {
    this.state = state;
    this.onState(state);
  }

  private async open(): Promise<void> {
    const settings = vscode.workspace.getConfiguration("kvlint");
    this.program = findConfigured(settings);
    if (!settings.get<boolean>("enable", true)) {
      return this.set("disabled");
    }
    if (this.program === undefined) {
      this.output.warn(`${settings.get<string>("path") ?? "kvlint"} is not an absolute path or a command of PATH`);
      return this.set("missing");
    }
    this.set("starting");
    this.output.info(`Starting ${this.program} lsp`);
    let hasRun = false;
    const client: LanguageClient = new LanguageClient(
      "kvlint",
      "kvlint",
      { command: this.program, args: ["lsp"], options: { cwd: homedir() } },
      {
        documentSelector: DOCUMENTS,
        outputChannel: this.output,
        revealOutputChannelOn: RevealOutputChannelOn.Never,
        initializationFailedHandler: () => false,
        errorHandler: {
          error: (...fault) => restarts.error(...fault),
          // A program without the language server would end again, such as without the extra `lsp`.
          closed: () => (hasRun ? restarts.closed() : { action: CloseAction.DoNotRestart, handled: true }),
        },
      },
    );
    const restarts = client.createDefaultErrorHandler();
    this.client = client;
    client.onDidChangeState(({ newState }) => {
      hasRun ||= newState === ClientState.Running;
      if (this.client === client) {
        this.set(newState === ClientState.Running ? "running" : newState === ClientState.Starting ? "starting" : "stopped");
      }
    });
    try {
      await client.start();
    } catch (error) {
      const reason = hasRun ? "" : await refusal(this.program);
      // kvlint names the extra that its language server needs (MISSING in cli/lsp.py).
      if (!reason.includes("kvlint lsp requires")) {
        throw error;
      }
      this.output.error(reason);
      this.set("incomplete");
    }
  }

  private async close(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    // A client whose server ended by itself, or never started, refuses to stop.
    await client?.dispose().catch((error: unknown) => this.output.debug(String(error)));
    this.set("disabled");
  }
}

/** Return why the program does not start the language server; empty if it does, and ends because there is no client. */
function refusal(program: string): Promise<string> {
  const options = { cwd: homedir(), encoding: "utf8", timeout: 30_000, windowsHide: true } as const;
  return new Promise((resolve) => {
    execFile(program, ["lsp"], options, (_error, _stdout, stderr) => resolve(stderr.trim())).stdin?.end();
  });
}

function findConfigured(settings: vscode.WorkspaceConfiguration): string | undefined {
  const { isTrusted, workspaceFolders } = vscode.workspace;
  // The editor ignores the setting of a workspace that is not trusted (package.json); this does not depend on it.
  const values = settings.inspect<string>("path");
  const path = isTrusted ? settings.get<string>("path") : (values?.globalValue ?? values?.defaultValue);
  return findProgram(path ?? "kvlint", {
    platform: process.platform,
    searchPath: process.env["PATH"] ?? "",
    home: homedir(),
    folder: isTrusted ? workspaceFolders?.[0]?.uri.fsPath : undefined,
    isProgram,
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

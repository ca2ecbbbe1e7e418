/** The language client of the extension, without a server. */

import { Emitter } from "./vscode";

export enum State {
  Stopped = 1,
  Running = 2,
  Starting = 3,
}

export enum CloseAction {
  DoNotRestart = 1,
  Restart = 2,
}

export enum RevealOutputChannelOn {
  Never = 4,
}

export class LanguageClient {
  static readonly all: LanguageClient[] = [];
  static fails = false;
  state = State.Stopped;
  private readonly changes = new Emitter<{ newState: State }>();
  readonly onDidChangeState = this.changes.event;

  constructor(
    readonly id: string,
    readonly name: string,
    readonly server: { command: string; args: string[]; options: { cwd: string } },
    readonly options: {
      documentSelector: { scheme: string; pattern: string }[];
      errorHandler: { closed(): { action: CloseAction } };
    },
  ) {
    LanguageClient.all.push(this);
  }

  createDefaultErrorHandler() {
    return { closed: () => ({ action: CloseAction.Restart }) };
  }

  async start(): Promise<void> {
    await this.change(State.Starting);
    await this.change(LanguageClient.fails ? State.Stopped : State.Running);
    if (LanguageClient.fails) {
      throw new Error("the server did not start");
    }
  }

  async dispose(): Promise<void> {
    if (this.state !== State.Running) {
      throw new Error("the client is not running");
    }
    await this.change(State.Stopped);
  }

  async change(state: State): Promise<void> {
    this.state = state;
    await this.changes.fire({ newState: state });
  }
}

/** The part of the module `vscode` that the extension uses, with a record of what it did. */

export class Emitter<T> {
  private readonly listeners = new Set<(value: T) => unknown>();
  readonly event = (listener: (value: T) => unknown) => {
    this.listeners.add(listener);
    return { dispose: () => this.listeners.delete(listener) };
  };
  async fire(value: T): Promise<void> {
    await Promise.all([...this.listeners].map((listener) => listener(value)));
  }
}

type Values = Record<string, unknown>;

/** What a test sets, and what the extension did. */
export const editor = {
  global: {} as Values,
  workspace: {} as Values,
  answer: undefined as string | undefined,
  diagnostics: [] as [Uri, unknown[]][],
  configuration: new Emitter<{ affectsConfiguration(section: string): boolean }>(),
  trust: new Emitter<void>(),
  changed: new Emitter<void>(),
  commands: new Map<string, (...values: unknown[]) => unknown>(),
  executed: [] as unknown[][],
  opened: [] as string[],
  messages: [] as string[],
  items: [] as StatusBarItem[],
  log: [] as string[],
  documents: [] as Uri[],
  provider: undefined as { provideTextDocumentContent(uri: Uri): Promise<string> } | undefined,
};

export class Uri {
  private constructor(
    readonly scheme: string,
    readonly path: string,
  ) {}
  static parse(text: string): Uri {
    const [scheme = "", path = ""] = text.split(/:(.*)/s);
    return new Uri(scheme, path);
  }
  static from(parts: { scheme: string; path: string }): Uri {
    return new Uri(parts.scheme, parts.path);
  }
  get fsPath(): string {
    return this.path.replace(/^\/\//, "");
  }
  toString(): string {
    return `${this.scheme}:${this.path}`;
  }
}

export class Disposable {
  constructor(readonly dispose: () => void) {}
  static from(...all: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => all.forEach((one) => one.dispose()));
  }
}

export class ThemeColor {
  constructor(readonly id: string) {}
}

export enum StatusBarAlignment {
  Left = 1,
}

class StatusBarItem {
  text = "";
  command = "";
  tooltip = "";
  name = "";
  backgroundColor: ThemeColor | undefined;
  isVisible = false;
  show = () => (this.isVisible = true);
  hide = () => (this.isVisible = false);
  dispose = () => (this.isVisible = false);
}

export const window = {
  activeTextEditor: undefined as unknown,
  onDidChangeActiveTextEditor: editor.changed.event,
  createOutputChannel: () => {
    const write = (text: string) => editor.log.push(text);
    return { info: write, warn: write, error: write, debug: write, show: () => editor.executed.push(["output"]), dispose() {} };
  },
  createStatusBarItem: () => {
    const item = new StatusBarItem();
    editor.items.push(item);
    return item;
  },
  showWarningMessage: async (text: string) => {
    editor.messages.push(text);
    return editor.answer;
  },
  showQuickPick: async (items: { label: string }[]) => items.find((item) => item.label === editor.answer) ?? items[0],
  showTextDocument: async (uri: Uri) => editor.documents.push(uri),
};

export const workspace = {
  isTrusted: true,
  workspaceFolders: [] as { uri: Uri }[],
  getConfiguration: (section: string) => ({
    get: (key: string, otherwise?: unknown) => {
      const name = `${section}.${key}`;
      return editor.workspace[name] ?? editor.global[name] ?? otherwise;
    },
    inspect: (key: string) => ({ globalValue: editor.global[`${section}.${key}`], defaultValue: undefined }),
  }),
  onDidChangeConfiguration: editor.configuration.event,
  onDidGrantWorkspaceTrust: editor.trust.event,
  openTextDocument: async (uri: Uri) => uri,
  registerTextDocumentContentProvider: (_: string, provider: typeof editor.provider) => {
    editor.provider = provider;
    return { dispose() {} };
  },
};

export const languages = {
  getDiagnostics: (uri?: Uri) =>
    uri === undefined ? editor.diagnostics : (editor.diagnostics.find(([one]) => String(one) === String(uri))?.[1] ?? []),
  onDidChangeDiagnostics: editor.changed.event,
};

export const commands = {
  registerCommand: (name: string, command: (...values: unknown[]) => unknown) => {
    editor.commands.set(name, command);
    return { dispose: () => editor.commands.delete(name) };
  },
  executeCommand: async (...words: unknown[]) => editor.executed.push(words),
};

export const env = { openExternal: async (uri: Uri) => editor.opened.push(String(uri)) > 0 };

import { isAbsolute, join } from "node:path";

/** Where a program is searched. */
export interface Place {
  readonly platform: NodeJS.Platform;
  readonly searchPath: string;
  readonly home: string;
  /** The folder of the workspace; undefined if the workspace is not trusted, because a repository must not choose it. */
  readonly folder: string | undefined;
  readonly isProgram: (path: string) => boolean;
}

/**
 * Return the absolute path of the program that a setting names, or undefined if it is not installed.
 *
 * A name is searched in the absolute folders of the search path only. The operating system would also search the
 * current folder, on Windows always, where a repository may contain a program of that name.
 */
export function findProgram(setting: string, place: Place): string | undefined {
  const path = expand(setting.trim(), place);
  if (path === undefined || path === "") {
    return undefined;
  }
  const isWindows = place.platform === "win32";
  const names = isWindows && !/\.exe$/i.test(path) ? [`${path}.exe`] : [path];
  if (/[/\\]/.test(path)) {
    return isAbsolute(path) ? names.find(place.isProgram) : undefined;
  }
  const folders = place.searchPath.split(isWindows ? ";" : ":").filter((folder) => isAbsolute(folder));
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(place.isProgram);
}

function expand(setting: string, place: Place): string | undefined {
  if (setting.includes("${workspaceFolder}")) {
    return place.folder === undefined ? undefined : setting.replaceAll("${workspaceFolder}", () => place.folder ?? "");
  }
  return /^~[/\\]/.test(setting) ? join(place.home, setting.slice(2)) : setting;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { findProgram, type Place } from "../src/program";

const programs = ["/usr/bin/kvlint", "/home/me/bin/kvlint", "/work/.venv/bin/kvlint", "bin/kvlint", "./kvlint", "kvlint"];
const place: Place = {
  platform: "linux",
  searchPath: ".:bin::/sbin:/usr/bin",
  home: "/home/me",
  folder: "/work",
  isProgram: (path) => programs.includes(path),
};

test("a name is searched in the absolute folders of the search path", () => {
  assert.equal(findProgram("kvlint", place), "/usr/bin/kvlint");
  assert.equal(findProgram(" kvlint ", place), "/usr/bin/kvlint");
  assert.equal(findProgram("other", place), undefined);
  assert.equal(findProgram("kvlint", { ...place, searchPath: ".:bin:" }), undefined);
});

test("a path is absolute, in the home folder or in a trusted workspace", () => {
  assert.equal(findProgram("/usr/bin/kvlint", place), "/usr/bin/kvlint");
  assert.equal(findProgram("~/bin/kvlint", place), "/home/me/bin/kvlint");
  assert.equal(findProgram("${workspaceFolder}/.venv/bin/kvlint", place), "/work/.venv/bin/kvlint");
  assert.equal(findProgram("${workspaceFolder}/.venv/bin/kvlint", { ...place, folder: undefined }), undefined);
  assert.equal(findProgram("/usr/bin/other", place), undefined);
});

test("a relative path is never used", () => {
  for (const setting of ["./kvlint", "bin/kvlint", "../kvlint", "", " ", ".", "~"]) {
    assert.equal(findProgram(setting, place), undefined, setting);
  }
});

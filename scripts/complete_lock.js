#!/usr/bin/env node
// npm leaves an optional package out of the lock when the registry at hand does not carry it,
// and `npm ci` then refuses the lock. This enters what the parent packages ask for, by version.
"use strict";
const { readFileSync, writeFileSync } = require("node:fs");

const file = "package-lock.json";
const lock = JSON.parse(readFileSync(file, "utf8"));
const OS = { linux: "linux", darwin: "darwin", win32: "win32" };
const CPU = { amd64: "x64", arm64: "arm64" };

for (const parent of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const match = name.match(/-(linux|darwin|win32)-(amd64|arm64)$/);
    if (!match || lock.packages[`node_modules/${name}`]) continue;
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [CPU[match[2]]],
      dev: true,
      optional: true,
      os: [OS[match[1]]],
    };
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(sorted);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);

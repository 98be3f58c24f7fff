#!/usr/bin/env node
// Compiles one version of the contracts after the other without starting anew each time.
// Every line on stdin is a compiler input; every line on stdout is the compiler's output to it.
// Imports that the input does not carry are read from the working directory.
"use strict";
const { existsSync, readFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const solc = require("solc");
const unoptimized = require("./unoptimized.js");

function find(name) {
  return existsSync(name) ? { contents: readFileSync(name, "utf8") } : { error: `${name} is missing` };
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const input = JSON.parse(line);
  unoptimized(input);
  const output = solc.compile(JSON.stringify(input), { import: find });
  process.stdout.write(`${JSON.stringify(JSON.parse(output))}\n`);
});

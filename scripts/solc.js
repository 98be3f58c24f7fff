#!/usr/bin/env node
// Lets forge use the WebAssembly compiler from npm as if it were a native solc.
// forge calls an executable in two ways: `--version`, and `--standard-json` with the
// compiler input on stdin. `solcjs` refuses `--allow-paths`, which forge always adds.
// SOLC_PACKAGE names the package, where it is not `solc`: `solc-0.8.19` is an older version.
"use strict";
const { readFileSync, writeSync } = require("node:fs");
const solc = require(process.env.SOLC_PACKAGE || "solc");

function writeAll(text) {
  const bytes = Buffer.from(text);
  for (let sent = 0; sent < bytes.length; ) {
    try {
      sent += writeSync(1, bytes, sent);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // a full pipe: the reader is still busy
    }
  }
}

// `adjust` changes the compiler input in place.
function answer(adjust) {
  if (process.argv.includes("--version")) {
    writeAll(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
  } else if (process.argv.includes("--standard-json")) {
    const input = JSON.parse(readFileSync(0, "utf8"));
    adjust(input);
    writeAll(solc.compile(JSON.stringify(input)));
  } else {
    process.stderr.write(`${process.argv[1]}: only --version and --standard-json are supported\n`);
    process.exit(2);
  }
}

module.exports = { answer };
if (require.main === module) answer(() => {});

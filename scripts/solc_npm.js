#!/usr/bin/env node
// npm's solc behind the two flags that py-solc-x and forge use, --version and --standard-json (stdin to
// stdout). It is the same release of the compiler as the native one, built for WebAssembly.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const solc = require(path.join(__dirname, "..", "node_modules", "solc"));

function main(args) {
  if (args.includes("--version")) {
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
    return 0;
  }
  if (!args.includes("--standard-json")) {
    process.stderr.write("solc_npm.js knows --version and --standard-json only\n");
    return 2;
  }
  process.stdout.write(solc.compile(fs.readFileSync(0, "utf8")));
  return 0;
}

process.exitCode = main(process.argv.slice(2));

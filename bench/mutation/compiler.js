// Compiles contracts, some of whose sources may be replaced, for as long as requests come: one JSON object a line in,
// one a line out. The compiler is loaded once, which takes longer than most compilations.
//   in:  {"files": [path, …], "replaced": {path: text}, "optimized": bool}
//   out: {"code": {name: hex}} or {"error": text}
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");

const root = path.join(__dirname, "..", "..");
const solc = require(path.join(root, "node_modules", "solc"));

function compile({ files, replaced, optimized }) {
  const source = (file) => (file in replaced ? replaced[file] : fs.readFileSync(path.join(root, file), "utf8"));
  const found = (file) => {
    try {
      return { contents: source(file) };
    } catch (error) {
      return { error: error.message };
    }
  };
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(files.map((file) => [file, { content: source(file) }])),
    settings: {
      remappings: ["@openzeppelin/=node_modules/@openzeppelin/"],
      evmVersion: "prague",
      viaIR: optimized,
      optimizer: { enabled: optimized, runs: 1_000_000 },
      metadata: { appendCBOR: false, bytecodeHash: "none" },
      outputSelection: Object.fromEntries(files.map((file) => [file, { "*": ["evm.bytecode.object"] }])),
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: found }));
  const errors = (output.errors || []).filter((error) => error.severity === "error");
  if (errors.length) return { error: errors[0].formattedMessage };
  const code = {};
  for (const contracts of Object.values(output.contracts)) {
    for (const [name, contract] of Object.entries(contracts)) code[name] = contract.evm.bytecode.object;
  }
  return { code };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(compile(JSON.parse(line))) + "\n");
});

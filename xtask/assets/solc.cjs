#!/usr/bin/env node
// The Solidity compiler as a program with the command line of a native solc.
//
// The npm package `solc` carries the compiler as WebAssembly. Its own command line
// prints a line about SMT solvers before the JSON and has another version format;
// forge accepts neither. Only the two calls that forge makes are answered: `--version`,
// and `--standard-json` with the request on stdin. Requests carry every source, so the
// options about paths that forge adds have nothing left to do.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const solc = require(path.join(fs.realpathSync(__dirname), "..", "npm", "node_modules", "solc"));
const asked = process.argv.slice(2);

if (asked.includes("--version")) {
  const version = solc.version();
  fs.writeSync(1, `solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (asked.includes("--standard-json")) {
  fs.writeFileSync(1, solc.compile(fs.readFileSync(0, "utf8")));
} else {
  process.stderr.write("solc: only --version and --standard-json are answered here\n");
  process.exitCode = 1;
}

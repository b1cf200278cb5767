/**
 * Runs every packet script, and holds the changes of state that they show to RFC 9293 and to
 * docs/state_machine.md.
 */

import { assert, assertEquals } from "@std/assert";
import { ALLOWED } from "../tcp/transitions.ts";
import { parseFile, type Script } from "./parser.ts";
import { linksOf, run, type Transitions, versionsOf } from "./runner.ts";

const ROOT = new URL("../../", import.meta.url);
const FOLDER = "tests/scripts/";
const COMMON = "common.pkt";

const definitions = new Map<string, Script>();
const all: Script[] = [];

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

parseFile(`${FOLDER}${COMMON}`, read(`${FOLDER}${COMMON}`), definitions);
const files = [...Deno.readDirSync(new URL(FOLDER, ROOT))].map((entry) => entry.name)
  .filter((name) => name.endsWith(".pkt") && name !== COMMON).sort();

for (const file of files) {
  for (const script of parseFile(`${FOLDER}${file}`, read(`${FOLDER}${file}`), definitions)) {
    all.push(script);
    for (const version of versionsOf(script)) {
      for (const offload of linksOf(script)) {
        const link = offload ? ", over a link with offload" : "";
        Deno.test(`${file}, IPv${version}${link}: ${script.name}`, () => {
          run(script, version, undefined, offload);
        });
      }
    }
  }
}

Deno.test("no two scripts have the same name", () => {
  const names = all.map((script) => script.name);
  assertEquals(names.filter((name, i) => names.indexOf(name) !== i), []);
});

Deno.test("the scripts show every change of state that RFC 9293 allows, and no other happens", () => {
  const seen: Transitions = new Map();
  for (const script of all) run(script, undefined, seen);
  assertEquals([...seen.keys()].sort(), Object.keys(ALLOWED).sort());
});

/** The rows of the tables under a heading of docs/state_machine.md, cell by cell. */
function tableUnder(heading: string): string[][] {
  const section = read("docs/state_machine.md").split(/^## /m)
    .find((part) => part.startsWith(`${heading}\n`));
  assert(section !== undefined, `There is no heading "${heading}"`);
  return section.split("\n").filter((line) => line.startsWith("| "))
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()))
    .filter(([from]) => /^[A-Z_0-9]+$/.test(from!));
}

Deno.test("docs/state_machine.md lists the changes of state that RFC 9293 allows, each once", () => {
  const listed = tableUnder("Connections").map(([from, to]) => `${from}>${to}`);
  assertEquals(listed.sort(), Object.keys(ALLOWED).sort());
  assertEquals(tableUnder("Listeners").map(([from, to]) => `${from}>${to}`), [
    "CLOSED>LISTEN",
    "LISTEN>CLOSED",
  ]);
});

Deno.test("docs/state_machine.md names functions that exist where it says", () => {
  const functions = read("docs/state_machine.md").matchAll(/`(#?\w+)` in\s+`(src\/\S+)`/g);
  let count = 0;
  for (const [, name, path] of functions) {
    const defined = new RegExp(`(^export function |^function |^  )${name}\\(`, "m");
    assert(defined.test(read(path!)), `${path} has no function ${name}`);
    count++;
  }
  assert(count > Object.keys(ALLOWED).length, `Only ${count} functions are named`);
});

/** The sections of RFC 9293 that say when a connection changes its state. */
const SECTIONS: Readonly<Record<string, string>> = {
  "§3.6.1": "Half-Closed Connections",
  "§3.8.3": "TCP Connection Failures",
  "§3.10.1": "OPEN Call",
  "§3.10.4": "CLOSE Call",
  "§3.10.5": "ABORT Call",
  "§3.10.7.2": "LISTEN STATE",
  "§3.10.7.3": "SYN-SENT STATE",
  "§3.10.7.4": "Other States",
  "§3.10.8": "Timeouts",
};

Deno.test("docs/state_machine.md cites the sections of RFC 9293 about changes of state", () => {
  const cited = [...tableUnder("Connections"), ...tableUnder("Listeners")]
    .flatMap((row) => row[4]!.split(", "));
  assertEquals([...new Set(cited)].sort(), Object.keys(SECTIONS).sort());
});

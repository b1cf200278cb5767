/**
 * Writes docs/conformance.md: which test shows that a requirement is met, for every requirement in
 * docs/requirements/.
 *
 * Tests carry the ids of what they show in their names, as in `[MUST-13] TIME_WAIT lasts 2 MSL`.
 * docs/requirements/not_met.tsv says of what is deliberately not so why not.
 *
 * Fails if a mark or a reason cannot be right, or if a requirement is missing.
 *
 * @module
 */

/** One requirement. */
export interface Requirement {
  id: string;
  /** `MUST`, `SHOULD` and so on; `-` where the source only informs. */
  level: string;
  section: string;
  feature: string;
  /** What is required, in one line. */
  text: string;
}

/** A test that carries ids in its name. */
export interface MarkedTest {
  file: string;
  /** Its name, without the marks. */
  name: string;
  ids: string[];
}

/** A requirement and what is known of it. */
export interface Row {
  requirement: Requirement;
  tests: MarkedTest[];
  /** Why it is deliberately not met. */
  reason?: string;
}

/** One list of requirements. */
export interface Source {
  title: string;
  rows: Row[];
}

/** Everything that the document is made of. */
export interface Conformance {
  sources: Source[];
  /** What is wrong with the marks and the reasons, in words. */
  mistakes: string[];
}

const ROOT = new URL("../", import.meta.url);
const DOCUMENT = "docs/conformance.md";
const REQUIREMENTS = "docs/requirements/";
const NOT_MET = `${REQUIREMENTS}not_met.tsv`;
const SOURCES: Readonly<Record<string, string>> = {
  "rfc9293.tsv": "RFC 9293",
  "tcp.tsv": "The RFCs beside it",
  "ip.tsv": "The link and Internet layers, and UDP",
};

const ID = String.raw`(?:MUST|SHLD|MAY|REC|RFC\d+)-\d+`;
const MARK = new RegExp(String.raw`\[(${ID}(?:, ${ID})*)\] ?`, "g");
/** Names of tests: of `Deno.test()`, of wrappers of it such as `pairTest()`, and of packet scripts. */
const TEST_NAMES: Readonly<Record<string, RegExp>> = {
  ts: /\b\w*[tT]est\(\s*(?:\{\s*name:\s*)?(["'`])((?:\\.|(?!\1).)*)\1/g,
  pkt: /^(===) (?!define )(.+)$/gm,
};

/** The rows of a table of values separated by tabs, without the headings. */
function rowsOf(source: string): string[][] {
  return source.split("\n").slice(1).filter((line) => line !== "").map((line) => line.split("\t"));
}

/** Reads a list of requirements. */
export function parseRequirements(source: string): Requirement[] {
  return rowsOf(source).map(([id, level, section, feature, text]) => ({
    id: id!,
    level: level!,
    section: section!,
    feature: feature!,
    text: text!,
  }));
}

/** The tests in a file that carry ids. */
export function markedTests(file: string, source: string): MarkedTest[] {
  const names = TEST_NAMES[file.slice(file.lastIndexOf(".") + 1)];
  if (names === undefined) return [];
  return [...source.matchAll(names)].map(([, , name]) => ({
    file,
    name: name!.replaceAll(MARK, ""),
    ids: [...name!.matchAll(MARK)].flatMap(([, ids]) => ids!.split(", ")),
  })).filter(({ ids }) => ids.length > 0);
}

/** Brings together what is required, which tests show it, and why some of it is not met. */
export function collect(
  sources: { title: string; requirements: Requirement[] }[],
  tests: MarkedTest[],
  reasons: Map<string, string>,
): Conformance {
  const mistakes: string[] = [];
  const rows = new Map<string, Row>();
  for (const { requirements } of sources) {
    for (const requirement of requirements) {
      if (rows.has(requirement.id)) mistakes.push(`${requirement.id} is there twice`);
      rows.set(requirement.id, { requirement, tests: [], reason: reasons.get(requirement.id) });
    }
  }
  for (const test of tests) {
    for (const id of test.ids) {
      const row = rows.get(id);
      if (row === undefined) mistakes.push(`${test.file}: "${test.name}" names ${id}: no such id`);
      else row.tests.push(test);
    }
  }
  for (const id of reasons.keys()) {
    const row = rows.get(id);
    if (row === undefined) mistakes.push(`${NOT_MET} names ${id}: no such id`);
    else if (row.tests.length > 0) mistakes.push(`${NOT_MET} names ${id}, which a test shows`);
  }
  return {
    sources: sources.map(({ title, requirements }) => ({
      title,
      rows: requirements.map(({ id }) => rows.get(id)!),
    })),
    mistakes,
  };
}

/** Whether nothing is known of a requirement: no test shows it, and nothing says why not. */
export function isMissing({ tests, reason }: Row): boolean {
  return tests.length === 0 && reason === undefined;
}

/** Whether it binds: MUST and MUST NOT. */
function isMust({ requirement }: Row): boolean {
  return requirement.level.startsWith("MUST");
}

function statusOf(row: Row): string {
  if (row.tests.length === 0) return isMissing(row) ? "**missing**" : `not met: ${row.reason}`;
  const shown = row.tests.map(({ file, name }) => `${file.replace(/^tests\//, "")}: ${name}`);
  return `met: ${shown.join("<br>")}`;
}

/** The document. */
export function render({ sources }: Conformance): string {
  const all = sources.flatMap(({ rows }) => rows);
  const shown = (rows: Row[]) => rows.filter(({ tests }) => tests.length > 0).length;
  const counts = [
    ["MUST, MUST NOT", all.filter(isMust)] as const,
    ["The others", all.filter((row) => !isMust(row))] as const,
  ].map(([level, rows]) => {
    const missing = rows.filter(isMissing).length;
    return [level, rows.length, shown(rows), rows.length - shown(rows) - missing, missing];
  });
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  const table = (headings: string[], rows: (readonly (string | number)[])[]) =>
    [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n");
  return [
    "<!-- deno-fmt-ignore-file -->",
    "# Conformance\n",
    "Which tests show that a requirement is met. `deno task conformance` writes this page: change",
    "the tests' names and docs/requirements/ instead.\n",
    table(["Level", "Requirements", "Met", "Deliberately not", "Missing"], counts),
    ...sources.flatMap(({ title, rows }) => [
      `\n## ${title}\n`,
      table(
        ["Id", "Level", "Section", "Requirement", "Status"],
        rows.map((row) => {
          const { id, level, section, feature, text } = row.requirement;
          return [id, level, section, `${feature}: ${text}`, statusOf(row)];
        }),
      ),
    ]),
    "",
  ].join("\n");
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

function* filesUnder(folder: string): Generator<string> {
  const entries = [...Deno.readDirSync(new URL(folder, ROOT))];
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (isDirectory) yield* filesUnder(`${folder}${name}/`);
    // The test of this tool names ids in its examples.
    else if (/_test\.ts$|\.pkt$/.test(name) && name !== "conformance_test.ts") {
      yield `${folder}${name}`;
    }
  }
}

/** What the project's own lists and tests say. */
export function conformance(): Conformance {
  const sources = Object.entries(SOURCES).map(([file, title]) => ({
    title,
    requirements: parseRequirements(read(`${REQUIREMENTS}${file}`)),
  }));
  const tests = [...filesUnder("tests/")].flatMap((file) => markedTests(file, read(file)));
  const reasons = new Map(rowsOf(read(NOT_MET)).map(([id, reason]) => [id!, reason!]));
  return collect(sources, tests, reasons);
}

/** The document as it is in the tree. */
export function written(): string {
  return read(DOCUMENT);
}

if (import.meta.main) {
  const result = conformance();
  Deno.writeTextFileSync(new URL(DOCUMENT, ROOT), render(result));
  const { mistakes, sources } = result;
  for (const row of sources.flatMap(({ rows }) => rows).filter(isMissing)) {
    mistakes.push(`${row.requirement.id} is missing: ${row.requirement.text}`);
  }
  for (const mistake of mistakes) Deno.stderr.writeSync(new TextEncoder().encode(`${mistake}\n`));
  Deno.exit(mistakes.length > 0 ? 1 : 0);
}

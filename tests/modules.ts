/// <reference lib="deno.unstable" />

/**
 * What the modules of this project import and use, for the tests that keep the rules about it.
 *
 * @module
 */

/** One module: what it imports as written, and which of the system's own names it uses. */
export interface Module {
  path: string;
  imports: string[];
  globals: string[];
}

/** Objects whose use is I/O, a clock or a source of chance, and functions likewise. */
const IMPURE_OBJECTS = new Set(["Deno", "performance", "console", "crypto", "process"]);
const IMPURE_MEMBERS = new Set(["Date.now", "Math.random"]);
const IMPURE_FUNCTIONS = new Set([
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "fetch",
]);

/** Parses a module, and notes what the rules ask about. */
export function parse(path: string, source: string): Module {
  const module: Module = { path, imports: [], globals: [] };
  const note = (from: Deno.lint.Node | null) => {
    if (from?.type === "Literal" && typeof from.value === "string") module.imports.push(from.value);
  };
  Deno.lint.runPlugin(
    {
      name: "floors",
      rules: {
        note: {
          create: () => ({
            ImportDeclaration: ({ source }) => note(source),
            ImportExpression: ({ source }) => note(source),
            ExportAllDeclaration: ({ source }) => note(source),
            ExportNamedDeclaration: ({ source }) => note(source),
            TSImportType: ({ argument }) =>
              note(argument.type === "TSLiteralType" ? argument.literal : argument),
            MemberExpression({ object, property }) {
              if (object.type !== "Identifier") return;
              if (IMPURE_OBJECTS.has(object.name)) module.globals.push(object.name);
              const name = property.type === "Identifier" ? property.name : "";
              if (IMPURE_MEMBERS.has(`${object.name}.${name}`)) {
                module.globals.push(`${object.name}.${name}`);
              }
            },
            TSQualifiedName({ left }) {
              if (left.type === "Identifier" && IMPURE_OBJECTS.has(left.name)) {
                module.globals.push(left.name);
              }
            },
            CallExpression({ callee }) {
              if (callee.type === "Identifier" && IMPURE_FUNCTIONS.has(callee.name)) {
                module.globals.push(callee.name);
              }
            },
            NewExpression({ callee, arguments: given }) {
              if (callee.type !== "Identifier") return;
              if (callee.name === "Date" && given.length === 0) module.globals.push("new Date()");
              if (callee.name === "Worker") module.globals.push("Worker");
            },
          }),
        },
      },
    },
    path,
    source,
  );
  return module;
}

const ROOT = new URL("../", import.meta.url);

function* pathsUnder(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = `${folder === "./" ? "" : folder}${entry.name}`;
    if (entry.isFile && /\.[mc]?[jt]sx?$/.test(path)) yield path;
    else if (entry.isDirectory && folder !== "./") yield* pathsUnder(`${path}/`);
  }
}

/** Every module of the project. */
export function tree(): Module[] {
  return ["./", "src/", "ffi/", "bench/", "tools/", "tests/"]
    .flatMap((folder) => [...pathsUnder(folder)])
    .map((path) => parse(path, Deno.readTextFileSync(new URL(path, ROOT))));
}

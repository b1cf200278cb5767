/**
 * The page that shows what is in a folder.
 *
 * @module
 */

import { join } from "node:path";

interface Entry {
  readonly name: string;
  readonly isDirectory: boolean;
  readonly size: number;
  readonly modified: Date | null;
}

/**
 * Makes the page.
 *
 * @param title What the folder is called: its path in the URL, decoded.
 * @param isRoot Whether there is no way up.
 */
export async function listingOf(path: string, title: string, isRoot: boolean): Promise<string> {
  const entries = await read(path);
  const rows = entries.map(row);
  if (!isRoot) rows.unshift('<tr><td><a href="../">../</a></td><td></td><td></td></tr>');
  const name = escape(title);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${name}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2em; }
td { padding: 0 2em 0 0; }
td + td { text-align: right; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
<h1>${name}</h1>
<table>
${rows.join("\n")}
</table>
</body>
</html>
`;
}

/** Folders first, then by name. */
async function read(path: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const { name } of Deno.readDir(path)) {
    const info = await Deno.stat(join(path, name)).catch(() => null); // a link that leads nowhere
    if (info === null) continue;
    const { isDirectory, size, mtime } = info;
    entries.push({ name, isDirectory, size, modified: mtime });
  }
  return entries.sort((a, b) =>
    Number(b.isDirectory) - Number(a.isDirectory) || (a.name < b.name ? -1 : 1)
  );
}

function row({ name, isDirectory, size, modified }: Entry): string {
  const end = isDirectory ? "/" : "";
  const link = `<a href="./${encodeURIComponent(name)}${end}">${escape(name)}${end}</a>`;
  const date = modified?.toISOString().slice(0, 16).replace("T", " ") ?? "";
  return `<tr><td>${link}</td><td>${isDirectory ? "" : size}</td><td>${date}</td></tr>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ENTITIES[char]!);
}

/**
 * Which file a path of a URL means, and that it is one of the folder's.
 *
 * @module
 */

import { join, sep } from "node:path";

/** What is at a path. */
export interface Place {
  /** Without symbolic links. */
  readonly path: string;
  readonly info: Deno.FileInfo;
}

/** A path that leads to nothing that may be served; the message is for the client. */
export class NoPlace extends Error {
  override readonly name = "NoPlace";
  readonly status: 400 | 403 | 404;

  constructor(status: 400 | 403 | 404, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Finds what is at a path. Symbolic links are followed as far as they stay in the folder.
 *
 * @param root The folder, without symbolic links.
 * @param pathname Percent-encoded, as a URL has it.
 * @throws {NoPlace} If there is nothing, or nothing that may be seen.
 */
export async function locate(root: string, pathname: string): Promise<Place> {
  const names = pathname.split("/").map(decode).filter((name) => name !== "");
  try {
    const path = await Deno.realPath(join(root, ...names));
    const prefix = root.endsWith(sep) ? root : root + sep;
    if (path !== root && !path.startsWith(prefix)) throw forbidden();
    return { path, info: await Deno.stat(path) };
  } catch (error) {
    throw toNoPlace(error);
  }
}

/** Tells the client why the system refuses a file, as far as that is its business. */
export function toNoPlace(error: unknown): unknown {
  if (error instanceof Deno.errors.PermissionDenied) return forbidden();
  const isMissing = error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.FilesystemLoop ||
    /ENAMETOOLONG|File name too long/i.test(String(error));
  return isMissing ? new NoPlace(404, "Not Found") : error;
}

function forbidden(): NoPlace {
  return new NoPlace(403, "Forbidden");
}

/** The name that a part of a path stands for: one name, which leads neither up nor elsewhere. */
function decode(part: string): string {
  let name: string;
  try {
    name = decodeURIComponent(part);
  } catch {
    throw new NoPlace(400, "Bad Request: % stands in front of two hexadecimal digits, of UTF-8");
  }
  if (name === "." || name === ".." || /[/\\\0]/.test(name)) throw new NoPlace(404, "Not Found");
  return name;
}

/**
 * Serves the files of a folder over HTTP.
 *
 * @module
 */

import { lookup } from "mrmime";
import type { HttpHandler } from "../../node/serve_http.ts";
import { listingOf } from "./listing.ts";
import { locate, NoPlace, type Place, toNoPlace } from "./locate.ts";
import { checkPreconditions, isRangeValid, validatorsOf } from "./preconditions.ts";
import { type Part, readRange } from "./ranges.ts";
import { Turns } from "./turns.ts";

/** How much of a file is read at once, in bytes. */
const CHUNK = 256 * 1024;

/** How many requests have to do with files at a time: one operation each, twice what Deno does. */
const AT_ONCE = 64;

/** What stands for a folder, where it is there. */
const INDEX = "index.html";

/**
 * A handler that serves a folder: files, their parts, `index.html` or a listing for folders.
 *
 * Symbolic links are followed as long as they stay in the folder.
 *
 * @param folder Its path.
 * @throws {Deno.errors.NotFound} If there is none.
 * @throws {Deno.errors.NotADirectory} If it is not a folder.
 */
export async function folderHandler(folder: string): Promise<HttpHandler> {
  const root = await Deno.realPath(folder);
  if (!(await Deno.stat(root)).isDirectory) {
    throw new Deno.errors.NotADirectory(`${folder} is not a folder`);
  }
  const turns = new Turns(AT_ONCE);
  return async (request) => {
    try {
      return await turns.take(() => answer(root, request, turns));
    } catch (error) {
      if (!(error instanceof NoPlace)) throw error;
      return text(request, error.status, `${error.message}\n`);
    }
  };
}

/** @param turns For the reading of a body, which comes later. */
async function answer(root: string, request: Request, turns: Turns): Promise<Response> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    const allow = { allow: "GET, HEAD" };
    return text(request, 405, `${request.method} is not for files\n`, allow);
  }
  const { pathname, search } = new URL(request.url);
  const place = await locate(root, pathname);
  if (!place.info.isDirectory) {
    if (pathname.endsWith("/")) throw new NoPlace(404, "Not Found");
    return await file(request, place, turns);
  }
  if (!pathname.endsWith("/")) {
    // Two slashes in front would lead to another host.
    const location = `${pathname.replace(/^\/+/, "/")}/${search}`;
    return text(request, 301, `See ${location}\n`, { location });
  }
  const index = await locate(root, pathname + INDEX).catch((error) => {
    if (error instanceof NoPlace && error.status === 404) return undefined;
    throw error;
  });
  if (index?.info.isFile) return await file(request, index, turns);
  return await listing(request, place.path, pathname, place.path === root);
}

async function listing(
  request: Request,
  path: string,
  pathname: string,
  isRoot: boolean,
): Promise<Response> {
  try {
    const page = await listingOf(path, decodeURIComponent(pathname), isRoot);
    return text(request, 200, page, { "content-type": "text/html; charset=utf-8" });
  } catch (error) {
    throw toNoPlace(error);
  }
}

async function file(request: Request, { path, info }: Place, turns: Turns): Promise<Response> {
  // To open a pipe would wait for somebody at its other end.
  if (!info.isFile) throw new NoPlace(403, "Forbidden");
  const { size } = info;
  const validators = validatorsOf(size, info.mtime);
  const headers: Record<string, string> = {
    "accept-ranges": "bytes",
    etag: validators.etag,
    "last-modified": new Date(validators.modified).toUTCString(),
  };
  const precondition = checkPreconditions(request.headers, validators);
  if (precondition === 304) return new Response(null, { status: 304, headers });
  if (precondition === 412) return text(request, 412, "Precondition Failed\n");
  const range = request.headers.get("range");
  const counts = range !== null && request.method === "GET" &&
    isRangeValid(request.headers, validators);
  const part = counts ? readRange(range, size) : undefined;
  if (part === null) {
    const headers = { "content-range": `bytes */${size}` };
    return text(request, 416, `There are only ${size} bytes\n`, headers);
  }
  headers["content-type"] = typeOf(path);
  if (part !== undefined) headers["content-range"] = `bytes ${part.start}-${part.end - 1}/${size}`;
  const { start, end } = part ?? { start: 0, end: size };
  headers["content-length"] = `${end - start}`;
  const body = request.method === "HEAD" ? null : await open(path, { start, end }, turns);
  return new Response(body, { status: part === undefined ? 200 : 206, headers });
}

function typeOf(path: string): string {
  const type = lookup(path) ?? "application/octet-stream";
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}

/** The bytes of a part, read as fast as they are taken. */
async function open(
  path: string,
  { start, end }: Part,
  turns: Turns,
): Promise<ReadableStream<Uint8Array>> {
  let opened: Deno.FsFile;
  try {
    opened = await Deno.open(path);
  } catch (error) {
    throw toNoPlace(error);
  }
  let left = end - start;
  return new ReadableStream<Uint8Array>({
    async start() {
      if (start > 0) await opened.seek(start, Deno.SeekMode.Start);
    },
    async pull(controller) {
      if (left === 0) {
        opened.close();
        return controller.close();
      }
      try {
        const chunk = new Uint8Array(Math.min(CHUNK, left));
        const n = await turns.take(() => opened.read(chunk));
        if (n === null) throw new Error(`${path} has become shorter`);
        left -= n;
        controller.enqueue(chunk.subarray(0, n));
      } catch (error) {
        opened.close();
        throw error;
      }
    },
    cancel: () => opened.close(),
  }, { highWaterMark: 0 });
}

function text(
  request: Request,
  status: number,
  content: string,
  headers: Record<string, string> = {},
): Response {
  const bytes = new TextEncoder().encode(content);
  return new Response(request.method === "HEAD" ? null : bytes, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "content-length": `${bytes.length}`,
      ...headers,
    },
  });
}

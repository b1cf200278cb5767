/**
 * A connection for Node's world.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { type TcpConn, writeAll } from "./tcp_conn.ts";

const CHUNK = 64 * 1024;

/**
 * Wraps a connection in a Node `Duplex`, as `node:http` and others take it. Half-close works both
 * ways; destroying it closes the connection, with an error resets it.
 *
 * @param head Bytes that were read from the connection already, and come first.
 *
 * @example An HTTP server
 * ```ts ignore
 * const server = createServer((request, response) => response.end("hello\n"));
 * for await (const conn of listener) server.emit("connection", toDuplex(conn));
 * ```
 */
export function toDuplex(conn: TcpConn, head?: Uint8Array): Duplex {
  const duplex = new Duplex({
    allowHalfOpen: true,
    read() {
      const target = new Uint8Array(CHUNK);
      conn.read(target).then(
        (n) => duplex.push(n === null ? null : Buffer.from(target.buffer, 0, n)),
        (error) => duplex.destroy(error),
      );
    },
    write(chunk: Uint8Array, _encoding, done) {
      writeAll(conn, chunk).then(() => done(), done);
    },
    final(done) {
      conn.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      if (error !== null) conn.abort();
      conn.close();
      done(error);
    },
  });
  if (head !== undefined && head.length > 0) duplex.unshift(Buffer.from(head));
  return duplex;
}

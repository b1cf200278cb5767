/**
 * Runs inside a namespace: opens connections to an echo service all at once, sends each its own
 * content, in two pieces, and checks what comes back; then closes all.
 *
 * Arguments: address, port, count.
 *
 * @module
 */

const [hostname = "", port, count] = Deno.args;

/** Content that no other connection has, of a length of its own. */
function content(index: number): Uint8Array {
  return new TextEncoder().encode(`connection ${index} `.repeat(1 + index % 300));
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Reads exactly as many bytes as are wanted, and compares them. */
async function expect(conn: Deno.Conn, wanted: Uint8Array): Promise<void> {
  const got = new Uint8Array(wanted.length);
  for (let at = 0; at < got.length;) {
    const n = await conn.read(got.subarray(at));
    if (n === null) throw new Error(`The end came after ${at} bytes of ${got.length}`);
    at += n;
  }
  if (got.some((byte, i) => byte !== wanted[i])) throw new Error("Something else came back");
}

const connections = await Promise.all(
  Array.from({ length: Number(count) }, () => Deno.connect({ hostname, port: Number(port) })),
);
let echoed = 0;
await Promise.all(connections.map(async (conn, index) => {
  const bytes = content(index);
  for (let round = 0; round < 2; round++) {
    await Promise.all([writeAll(conn, bytes), expect(conn, bytes)]);
  }
  await conn.closeWrite();
  if (await conn.read(new Uint8Array(1)) !== null) throw new Error("More came than was sent");
  conn.close();
  echoed++;
}));
const line = `${connections.length} connections were open at once, ${echoed} echoed\n`;
Deno.stdout.writeSync(new TextEncoder().encode(line));

/**
 * Runs inside a namespace: `Deno.serve` on the kernel's TCP, port 8080. Prints `ready`, and ends with
 * its standard input.
 *
 * @module
 */

const onListen = () => {
  Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
};
Deno.serve({ port: 8080, onListen }, () => new Response("Hello, world!\n"));
for await (const _ of Deno.stdin.readable);
Deno.exit();

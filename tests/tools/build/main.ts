/**
 * A program to build: it starts a worker beside it, and shows what has reached it.
 *
 * @module
 */

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const worker = new Worker(new URL(`./echo_worker.${extension}`, import.meta.url), {
  type: "module",
});

/** What the worker answers to `text`. */
function ask(text: string): Promise<string> {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage(text);
  });
}

const answer = await ask(Deno.args.join(" "));
const serves = Deno.args[0] === "serve";
const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
// Before the line that tells the test to send the signal.
if (serves) Deno.addSignalListener("SIGINT", stop);
const line = JSON.stringify({ answer, pid: Deno.pid, umask: Deno.umask() });
Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

if (serves) {
  await stopped;
  Deno.stdout.writeSync(new TextEncoder().encode("stopped\n"));
}
worker.terminate();
Deno.exit(Deno.args[0] === "fail" ? 7 : 0);

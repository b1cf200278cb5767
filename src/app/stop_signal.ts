/**
 * The user's wish to stop: Ctrl-C, or SIGTERM.
 *
 * @module
 */

/** Resolves when the user wants it to stop; `cancel` gives the signals their usual meaning back. */
export function stopSignal(): { received: Promise<void>; cancel(): void } {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const { promise, resolve } = Promise.withResolvers<void>();
  const listener = () => resolve();
  for (const signal of signals) Deno.addSignalListener(signal, listener);
  return {
    received: promise,
    cancel() {
      for (const signal of signals) Deno.removeSignalListener(signal, listener);
    },
  };
}

/**
 * The worker of the program beside it: it says what it is told.
 *
 * @module
 */

/// <reference lib="deno.worker" />

self.onmessage = ({ data }) => self.postMessage(`the worker says: ${data}`);

/**
 * Digests that leave no garbage.
 *
 * @module
 */

import { sha256 } from "@noble/hashes/sha2.js";

/** The state before the first byte. */
const FRESH = sha256.create();

/** SHA-256 for what anybody can have us compute, and often: one for each SYN, say. */
export class Digest {
  #hash = sha256.create();
  #bytes = new Uint8Array(FRESH.outputLen);
  #view = new DataView(this.#bytes.buffer);

  /** The digest of `input`, 32 bytes, until the next call. */
  of(input: Uint8Array): DataView {
    FRESH._cloneInto(this.#hash).update(input).digestInto(this.#bytes);
    return this.#view;
  }
}

/** The bytes that `hex` writes; blanks are ignored. */
export function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(hex.replaceAll(/\s/g, ""));
}

/** The same, as a view. */
export function viewOf(hex: string): DataView<ArrayBuffer> {
  return new DataView(bytesOf(hex).buffer);
}

/** The bytes of a view, in hex. */
export function hexOf(view: DataView<ArrayBuffer>): string {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength).toHex();
}

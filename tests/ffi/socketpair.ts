/**
 * Two sockets joined together, as a device and the kernel's side of it; needs no privileges.
 *
 * @module
 */

import { ERRNO } from "../../ffi/errno.ts";
import { type Libc, MSG_DONTWAIT, openLibc } from "../../ffi/libc.ts";

const AF_UNIX = 1;
const F_SETFL = 4;

/** What kinds of socket keep packets apart. */
const TYPE = { dgram: 2, seqpacket: 5 };

/** A joined pair. Closing what is left open of it is the test's affair, by {@linkcode dispose}. */
export class SocketPair implements Disposable {
  readonly libc: Libc = openLibc();
  /** The device's end. */
  readonly fd: number;
  /** The other end. */
  readonly peer: number;
  readonly #open = new Set<number>();
  readonly #buffer = new Uint8Array(70_000);
  readonly #pointer = Deno.UnsafePointer.of(this.#buffer);

  /** @param nonblocking Whether the device's end never blocks, as a TUN opened so. */
  constructor(type: keyof typeof TYPE, nonblocking = false) {
    const { os } = this.libc.source;
    const library = Deno.dlopen(os === "linux" ? "libc.so.6" : "/usr/lib/libSystem.B.dylib", {
      // int socketpair(int domain, int type, int protocol, int fds[2])
      socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
      // int fcntl(int fd, int command, ...)
      fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
    });
    const fds = new Int32Array(2);
    if (library.symbols.socketpair(AF_UNIX, TYPE[type], 0, fds) !== 0) throw new Error("No pair");
    [this.fd, this.peer] = fds as unknown as [number, number];
    this.#open.add(this.fd).add(this.peer);
    if (nonblocking) {
      const O_NONBLOCK = os === "linux" ? 0x800 : 4;
      if (library.symbols.fcntl(this.fd, F_SETFL, O_NONBLOCK) !== 0) throw new Error("No fcntl");
    }
    library.close();
  }

  /** Sends from the other end. Returns `false` if there is no room. */
  send(packet: Uint8Array): boolean {
    const { os } = this.libc.source;
    this.#buffer.set(packet);
    if (this.libc.send(this.peer, this.#pointer, packet.length, MSG_DONTWAIT[os]) >= 0) return true;
    const errno = this.libc.errno();
    if (errno === ERRNO[os].EAGAIN || errno === ERRNO[os].ENOBUFS) return false;
    throw new Error(`Cannot send to the device: errno ${errno}`);
  }

  /** Receives at the other end; `undefined` if nothing is there. */
  receive(): Uint8Array | undefined {
    const { os } = this.libc.source;
    const length = this.libc.recv(
      this.peer,
      this.#pointer,
      this.#buffer.length,
      MSG_DONTWAIT[os],
    );
    return length < 0 ? undefined : this.#buffer.slice(0, length);
  }

  /** Closes one end. */
  close(fd: number): void {
    if (this.#open.delete(fd)) this.libc.close(fd);
  }

  [Symbol.dispose](): void {
    this.close(this.fd);
    this.close(this.peer);
    this.libc.unload();
  }
}

/**
 * Ports as people write them.
 *
 * @module
 */

/**
 * Reads one port.
 *
 * @throws {Error} If it is none.
 */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw new Error(`expected a port, 1 to 65535: got "${text}"`);
  return port;
}

/**
 * Reads ports and ranges: `22`, `20-25`, `22,80,8000-8010`.
 *
 * @throws {Error} If it is none.
 */
export function parsePorts(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const [first = "", last = first, more] = part.split("-");
    const from = parsePort(first);
    const to = parsePort(last);
    if (more !== undefined || to < from) {
      throw new Error(`expected ports such as 22, 20-25 or 22,80: got "${part}"`);
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

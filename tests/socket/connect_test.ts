/** In which order the addresses of a host are tried. */

import { assertEquals, assertRejects } from "@std/assert";
import { openFirst } from "../../src/socket/connect.ts";
import type { TcpConn } from "../../src/socket/tcp_conn.ts";
import { IpAddress } from "../../src/wire/address.ts";

Deno.test("openFirst() tries the families in turn, beginning with that of the first address", async () => {
  const cases: [addresses: string[], want: string[]][] = [
    [["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"], ["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"]],
    [["1.1.1.1", "::1", "2.2.2.2"], ["1.1.1.1", "::1", "2.2.2.2"]],
    [["1.1.1.1", "2.2.2.2", "3.3.3.3"], ["1.1.1.1", "2.2.2.2", "3.3.3.3"]],
    [["1.1.1.1"], ["1.1.1.1"]],
  ];
  for (const [addresses, want] of cases) {
    const tried: string[] = [];
    const open = (address: IpAddress) => {
      tried.push(`${address}`);
      return Promise.reject(new Deno.errors.ConnectionRefused(`no ${address}`));
    };
    const error = await assertRejects(
      () => openFirst(addresses.map((text) => IpAddress.parse(text)), open),
      Deno.errors.ConnectionRefused,
    );
    assertEquals(tried, want);
    assertEquals(error.message, want.map((address) => `no ${address}`).join("; "));
  }
});

Deno.test("openFirst() takes the first that is open, and gives up the others", async () => {
  const late = Promise.withResolvers<TcpConn>();
  const fakes = ["first", "second"].map((name) => ({ name, aborted: false, abort() {} }));
  for (const fake of fakes) fake.abort = () => fake.aborted = true;
  const [first, second] = fakes as unknown as [TcpConn, TcpConn];
  let signal: AbortSignal | undefined;
  const conn = await openFirst(
    ["1.1.1.1", "2.2.2.2"].map((text) => IpAddress.parse(text)),
    (address, its) => {
      signal = its;
      return `${address}` === "1.1.1.1" ? late.promise : Promise.resolve(second);
    },
  );
  assertEquals(conn, second);
  assertEquals(signal?.aborted, true);
  late.resolve(first);
  await Promise.resolve();
  assertEquals(fakes.map(({ aborted }) => aborted), [true, false]);
});

Deno.test("openFirst() tells of errors of several kinds by a general one", async () => {
  const errors = [new Deno.errors.TimedOut("late"), new Deno.errors.ConnectionRefused("no")];
  const addresses = ["1.1.1.1", "2.2.2.2"].map((text) => IpAddress.parse(text));
  let next = 0;
  const error = await assertRejects(() =>
    openFirst(addresses, () => Promise.reject(errors[next++]))
  );
  assertEquals((error as Error).constructor, Error);
  assertEquals((error as Error).message, "late; no");
});

/**
 * Stacks on an Ethernet in memory: what programs see of several hosts on one link.
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createStack, memorySwitch, type NetworkStack, SoftError } from "../../mod.ts";
import { AddressState, type Interface } from "../../src/net/interface.ts";
import { IpAddress } from "../../src/wire/address.ts";
import { hearAll, pattern, say, settles, until } from "../stacks.ts";

/** A test with three hosts on one switch, 10.0.0.1 to 10.0.0.3. */
function switchTest(name: string, body: (hosts: NetworkStack[]) => Promise<void>): void {
  Deno.test(name, async () => {
    const lan = memorySwitch();
    const hosts = [1, 2, 3].map((n) =>
      createStack({ device: lan.connect(), address: [`10.0.0.${n}/24`, `fd00::${n}/64`] })
    );
    try {
      await settles(body(hosts));
    } finally {
      await settles(Promise.all(hosts.map((host) => host.close())));
    }
  });
}

switchTest("hosts on a switch find each other by ARP", async ([first, second, third]) => {
  assert(await first!.ping("10.0.0.2") >= 0);
  assert(await first!.ping("10.0.0.3", { size: 5000 }) >= 0);
  const listener = second!.listen({ port: 7 });
  const conn = await third!.connect({ hostname: "10.0.0.2", port: 7 });
  const peer = await listener.accept();
  assertEquals(peer.remoteAddr.hostname, "10.0.0.3");
  await say(conn, "hello");
  await conn.closeWrite();
  assertEquals(new TextDecoder().decode(await hearAll(peer)), "hello");
});

switchTest("hosts on a switch find each other by neighbor discovery, at once", async (hosts) => {
  const [first, second, third] = hosts;
  assert(await first!.ping("fd00::2") >= 0);
  assert(await first!.ping("fd00::3", { size: 5000 }) >= 0);
  const listener = second!.listen({ port: 7 });
  const conn = await third!.connect({ hostname: "fd00::2", port: 7 });
  const peer = await listener.accept();
  assertEquals(peer.remoteAddr.hostname, "fd00::3");
  await say(conn, "hello");
  await conn.closeWrite();
  assertEquals(new TextDecoder().decode(await hearAll(peer)), "hello");
});

switchTest("link-local addresses are reached by way of the interface that they are on", async (
  [first, second],
) => {
  const [, { addresses, name }] = second!.core.ip.interfaces as [Interface, Interface];
  const linkLocal = addresses.find(({ origin }) => origin === "link-local")!;
  const other = `${linkLocal.address.withZone(0)}`;
  assertMatch(other, /^fe80::/);
  await until(() => linkLocal.state === AddressState.PREFERRED, "the address");
  assert(await first!.ping(`${other}%${first!.deviceName}`) >= 0);
  assert(await first!.ping(other) >= 0, "there is one interface only");
  const listener = second!.listen({ port: 7, hostname: `${other}%${name}` });
  const conn = await first!.connect({ hostname: `${other}%${first!.deviceName}`, port: 7 });
  const peer = await listener.accept();
  await say(peer, "hello");
  await peer.closeWrite();
  assertEquals(new TextDecoder().decode(await hearAll(conn)), "hello");
});

Deno.test("of two hosts with one address the later one gives it up (RFC 4862 §5.4.5)", async () => {
  const lan = memorySwitch();
  await using first = createStack({ device: lan.connect(), address: "fd00::1/64" });
  const has = (host: NetworkStack) => host.core.ip.isOwn(IpAddress.parse("fd00::1"));
  const [entry] = first.core.ip.interfaces[1]!.addresses;
  await until(() => entry!.state === AddressState.PREFERRED, "the first host's address");
  await using second = createStack({ device: lan.connect(), address: "fd00::1/64" });
  assert(has(second), "it is used at once");
  await until(() => !has(second), "the conflict");
  assert(has(first));
  assertEquals(second.counters().ndDuplicateAddresses, 1);
  assertEquals(first.counters().ndDuplicateAddresses, undefined);
});

switchTest("who is not there is unreachable after three requests", async ([first]) => {
  const { core } = first!;
  const giveUp = new AbortController();
  const { signal } = giveUp;
  const refused = assertRejects(() => first!.connect({ hostname: "10.0.0.99", port: 7, signal }));
  await until(() => core.tcp.connectionCount === 1, "the connection");
  const [tcb] = core.tcp.connections();
  await until(() => tcb!.softError === SoftError.HOST_UNREACHABLE, "the soft error");
  const announcements = 2;
  assertEquals(core.counters.arpRequestsSent, announcements + 3);
  giveUp.abort();
  await refused;
});

for (const hostname of ["10.0.0.2", "fd00::2"]) {
  switchTest(`a bulk transfer to ${hostname} crosses the switch`, async ([first, second]) => {
    const listener = second!.listen({ port: 80 });
    const conn = await first!.connect({ hostname, port: 80 });
    const peer = await listener.accept();
    const sent = pattern(1_000_000);
    const [got] = await Promise.all([
      hearAll(peer),
      new Blob([sent]).stream().pipeTo(conn.writable),
    ]);
    assertEquals(got.length, sent.length);
    assert(got.every((byte, i) => byte === sent[i]));
  });
}

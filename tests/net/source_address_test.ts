import { assertEquals } from "@std/assert";
import { Counters } from "../../src/base/counters.ts";
import { AddressState, Interface } from "../../src/net/interface.ts";
import { PointToPoint } from "../../src/net/point_to_point.ts";
import { sourceAddress } from "../../src/net/source_address.ts";
import { IpAddress } from "../../src/wire/address.ts";

const STATES = { "": "PREFERRED", "?": "TENTATIVE", "-": "DEPRECATED" } as const;

/** An interface with addresses such as `10.0.0.2/24`; `?` behind: tentative, `-`: deprecated. */
function interfaceWith(...addresses: string[]): Interface {
  const link = { mtu: 1500, transmit: () => true };
  const made = new Interface(1, "a", link, () => new PointToPoint(link, new Counters()));
  for (const text of addresses) {
    const [, address, length, mark] = /^(.*)\/(\d+)([?-]?)$/.exec(text)!;
    made.addresses.push({
      address: IpAddress.parse(address!),
      prefixLength: Number(length),
      origin: "static",
      state: AddressState[STATES[mark as keyof typeof STATES]],
      preferredUntil: Infinity,
      validUntil: Infinity,
    });
  }
  return made;
}

Deno.test("the source is chosen by the rules of RFC 6724 §5", () => {
  const cases: [what: string, addresses: string[], destination: string, want: string][] = [
    ["no address of the family", ["10.0.0.2/24"], "2001:db8::1", "none"],
    ["no address that may be used yet", ["10.0.0.2/24?"], "10.0.0.1", "none"],
    ["the first of IPv4", ["10.0.0.2/24", "10.0.1.2/24"], "192.0.2.1", "10.0.0.2"],
    ["IPv4 in the neighbor's network", ["10.0.0.2/24", "10.0.1.2/24"], "10.0.1.1", "10.0.1.2"],
    ["rule 1: the destination itself", ["fd00::1/64", "fd00::2/64"], "fd00::2", "fd00::2"],
    [
      "rule 2: link-local to link-local",
      ["fd00::2/64", "fe80::2/64"],
      "fe80::1",
      "fe80::2",
    ],
    ["rule 2: global to global", ["fe80::2/64", "fd00::2/64"], "2001:db8::1", "fd00::2"],
    [
      "rule 2: link-local to a group of the link",
      ["fd00::2/64", "fe80::2/64"],
      "ff02::1",
      "fe80::2",
    ],
    ["rule 2: global to a wider group", ["fe80::2/64", "fd00::2/64"], "ff0e::1", "fd00::2"],
    ["rule 2: link-local if there is no other", ["fe80::2/64"], "2001:db8::1", "fe80::2"],
    ["rule 3: not deprecated", ["fd00::2/64-", "fd00::3/64"], "fd00::1", "fd00::3"],
    ["rule 3: deprecated if there is no other", ["fd00::2/64-"], "fd00::1", "fd00::2"],
    [
      "rule 8: the longest prefix in common",
      ["2001:db8:1::2/64", "2001:db8:2::2/64"],
      "2001:db8:2:5::1",
      "2001:db8:2::2",
    ],
    [
      "rule 8: no more than the prefix counts",
      ["2001:db8::2:2/64", "2001:db8::1:2/64"],
      "2001:db8::1:3",
      "2001:db8::2:2",
    ],
  ];
  for (const [what, addresses, text, want] of cases) {
    const destination = IpAddress.parse(text);
    const source = sourceAddress(interfaceWith(...addresses), destination, destination);
    assertEquals(source?.toString() ?? "none", want, what);
  }
});

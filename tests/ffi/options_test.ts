import { assert, assertEquals, assertThrows } from "@std/assert";
import { type LinkOptions, linkSettings } from "../../ffi/options.ts";
import { IpAddress } from "../../src/wire/address.ts";

/** What comes of options, the host's end first. */
function ends(options: LinkOptions): (string | undefined)[] {
  const { v4, v6 } = linkSettings(options);
  return [v4, v6].map((pair) => pair && `${pair.hostAddress} ${pair.address}`);
}

Deno.test("linkSettings() fills in what is left out", () => {
  const { name, mtu, isIpv6Required, ipv6Missing } = linkSettings({});
  assertEquals([name, mtu, isIpv6Required, ipv6Missing], [undefined, 1500, false, undefined]);
  assertEquals(ends({}), ["10.0.0.1 10.0.0.2", "fd00::1 fd00::2"]);
});

Deno.test("linkSettings() sets up the families that are named at either end", () => {
  const cases: [options: LinkOptions, v4: string | undefined, v6: string | undefined][] = [
    [{ address: "192.0.2.2", hostAddress: "192.0.2.1" }, "192.0.2.1 192.0.2.2", undefined],
    [{ address: IpAddress.v4(10, 0, 0, 9) }, "10.0.0.1 10.0.0.9", undefined],
    [{ hostAddress: "fd00::9" }, undefined, "fd00::9 fd00::2"],
    [
      { address: ["fd00:1::2", "10.1.0.2"], hostAddress: ["10.1.0.1", "fd00:1::1"] },
      "10.1.0.1 10.1.0.2",
      "fd00:1::1 fd00:1::2",
    ],
    [{ address: ["10.1.0.2"], hostAddress: "fd00::7" }, "10.0.0.1 10.1.0.2", "fd00::7 fd00::2"],
  ];
  for (const [options, v4, v6] of cases) assertEquals(ends(options), [v4, v6]);
});

Deno.test("linkSettings() does without IPv6 below its MTU, unless it was asked for", () => {
  const { v4, v6, ipv6Missing } = linkSettings({ mtu: 1279 });
  assert(v4 !== undefined && v6 === undefined);
  assertEquals(ipv6Missing, "IPv6 needs an MTU of 1280 or more, not 1279");
  assert(linkSettings({ mtu: 1280 }).v6 !== undefined);
  assertThrows(
    () => linkSettings({ mtu: 1279, address: "fd00::2" }),
    RangeError,
    "Cannot use fd00::2: IPv6 needs an MTU of 1280 or more, not 1279",
  );
});

Deno.test("linkSettings() refuses what cannot work, and says why", () => {
  const cases: [options: LinkOptions, type: ErrorConstructor, message: string][] = [
    [{ mtu: 67 }, RangeError, "Cannot use an MTU of 67"],
    [{ mtu: 65536 }, RangeError, "must be a whole number from 68 to 65535"],
    [{ mtu: 1500.5 }, RangeError, "Cannot use an MTU of 1500.5"],
    [{ mtu: NaN }, RangeError, "Cannot use an MTU of NaN"],
    [{ address: IpAddress.v4(0, 0, 0, 0) }, TypeError, "Cannot use 0.0.0.0"],
    [{ address: IpAddress.v4(224, 0, 0, 1) }, TypeError, "not the address of one host"],
    [{ hostAddress: IpAddress.v4(255, 255, 255, 255) }, TypeError, "Cannot use 255.255.255.255"],
    [{ hostAddress: IpAddress.v4(127, 0, 0, 1) }, TypeError, "Cannot use 127.0.0.1"],
    [{ address: "10.0.0" }, TypeError, 'Not an IP address: "10.0.0"'],
    [{ address: IpAddress.v4(10, 0, 0, 1) }, TypeError, "Cannot use 10.0.0.1 for both ends"],
    [{ address: "fd00::1" }, TypeError, "Cannot use fd00::1 for both ends"],
    [{ address: "ff02::1" }, TypeError, "choose one such as fd00::2"],
    [{ address: "fd00:1::2" }, TypeError, "Cannot use fd00:1::2 and fd00::1: both ends have to"],
    [{ address: ["10.0.0.2", "10.0.0.3"] }, TypeError, "Cannot use both 10.0.0.2 and 10.0.0.3"],
    [{ address: [] }, TypeError, "Cannot set up a link without addresses"],
  ];
  for (const [options, type, message] of cases) {
    assertThrows(() => linkSettings(options), type, message);
  }
  assertEquals(linkSettings({ mtu: 68 }).mtu, 68);
  assertEquals(linkSettings({ mtu: 65535 }).mtu, 65535);
});

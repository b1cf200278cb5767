import { assert, assertEquals, assertThrows } from "@std/assert";
import { type InterfaceOptions, interfaceSettings } from "../../ffi/options.ts";
import { IpAddress } from "../../src/wire/address.ts";

Deno.test("interfaceSettings() fills in what is left out", () => {
  const { name, address, hostAddress, mtu } = interfaceSettings({});
  assertEquals([name, `${hostAddress}`, `${address}`, mtu], [
    undefined,
    "10.0.0.1",
    "10.0.0.2",
    1500,
  ]);
});

Deno.test("interfaceSettings() takes addresses as text, too", () => {
  const options = { address: "192.0.2.2", hostAddress: "192.0.2.1" };
  const { address, hostAddress } = interfaceSettings(options);
  assert(address.equals(IpAddress.v4(192, 0, 2, 2)));
  assert(hostAddress.equals(IpAddress.v4(192, 0, 2, 1)));
});

Deno.test("interfaceSettings() refuses what cannot work, and says why", () => {
  const cases: [options: InterfaceOptions, type: ErrorConstructor, message: string][] = [
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
  ];
  for (const [options, type, message] of cases) {
    assertThrows(() => interfaceSettings(options), type, message);
  }
  assertEquals(interfaceSettings({ mtu: 68 }).mtu, 68);
  assertEquals(interfaceSettings({ mtu: 65535 }).mtu, 65535);
});

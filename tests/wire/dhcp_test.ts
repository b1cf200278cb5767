/**
 * DHCP messages: those that busybox and dnsmasq sent (../corpus/dhcp_messages.txt), read by our
 * views beside what tshark read in them, and such as no server of good will sends.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { IpAddress } from "../../src/wire/address.ts";
import {
  BROADCAST_FLAG,
  DHCP_HEADER,
  DHCP_MAX_MESSAGE,
  DHCP_MIN_MESSAGE,
  DHCP_TYPE,
  DhcpHeader,
  FILE_FIELD,
  isDhcp,
  SERVER_NAME_FIELD,
} from "../../src/wire/dhcp.ts";
import {
  DHCP_OPTION,
  DhcpBuilder,
  DhcpOptions,
  MAX_ANSWER,
  MAX_LIST,
} from "../../src/wire/dhcp_options.ts";
import { bytesOf } from "./hex.ts";

/** Bytes in front of each message, so that offsets are not zero by chance. */
const HEADROOM = 5;

const address = IpAddress.scratch();
const header = new DhcpHeader();
const options = new DhcpOptions();

interface Sample {
  title: string;
  fields: Map<string, string>;
  bytes: Uint8Array<ArrayBuffer>;
}

function readCorpus(): Sample[] {
  const text = Deno.readTextFileSync(new URL("../corpus/dhcp_messages.txt", import.meta.url));
  const [_head, ...samples] = text.trim().split("\n\n");
  return samples.map((sample) => {
    const [title = "", fields = "", hex = ""] = sample.split("\n");
    const pairs = fields.split(/ (?=dhcp\.)/).map((field) => field.split("="));
    return { title, fields: new Map(pairs as [string, string][]), bytes: bytesOf(hex) };
  });
}

/** The message with {@linkcode HEADROOM} in front and `behind` after it. */
function place(bytes: Uint8Array, behind = new Uint8Array(3)): DataView<ArrayBuffer> {
  return new DataView(Uint8Array.of(...new Uint8Array(HEADROOM), ...bytes, ...behind).buffer);
}

const hex = (value: number, digits: number) => `0x${value.toString(16).padStart(digits, "0")}`;
const text = (code: number) => String.fromCharCode(...options.bytes(code) ?? []) || undefined;

/** What our views say, by the names that tshark has for it; `undefined` where it says nothing. */
function read(view: DataView, end: number): Record<string, string | undefined> {
  header.bind(view, HEADROOM);
  assert(isDhcp(view, HEADROOM, end));
  assert(options.parse(view, HEADROOM, end));
  const mask = options.address(DHCP_OPTION.SUBNET_MASK);
  return {
    "dhcp.type": `${header.op}`,
    "dhcp.id": hex(header.xid, 8),
    "dhcp.secs": `${header.secs}`,
    "dhcp.flags": hex(header.flags, 4),
    "dhcp.ip.client": `${header.clientAddress(address)}`,
    "dhcp.ip.your": `${header.yourAddress(address)}`,
    "dhcp.option.dhcp": options.uint8(DHCP_OPTION.MESSAGE_TYPE)?.toString(),
    "dhcp.option.subnet_mask": mask?.toString(),
    "dhcp.option.router": options.addresses(DHCP_OPTION.ROUTER).join() || undefined,
    "dhcp.option.domain_name_server": options.addresses(DHCP_OPTION.DNS_SERVER).join() || undefined,
    "dhcp.option.hostname": options.name(DHCP_OPTION.HOST_NAME),
    "dhcp.option.domain_name": options.name(DHCP_OPTION.DOMAIN_NAME),
    "dhcp.option.interface_mtu": options.uint16(DHCP_OPTION.INTERFACE_MTU)?.toString(),
    "dhcp.option.broadcast_address": options.address(DHCP_OPTION.BROADCAST_ADDRESS)?.toString(),
    "dhcp.option.requested_ip_address": options.address(DHCP_OPTION.REQUESTED_ADDRESS)?.toString(),
    "dhcp.option.ip_address_lease_time": options.uint32(DHCP_OPTION.LEASE_TIME)?.toString(),
    "dhcp.option.option_overload": options.uint8(DHCP_OPTION.OVERLOAD)?.toString(),
    "dhcp.option.dhcp_server_id": options.address(DHCP_OPTION.SERVER_IDENTIFIER)?.toString(),
    "dhcp.option.request_list_item": options.bytes(DHCP_OPTION.PARAMETER_REQUEST_LIST)?.join(),
    "dhcp.option.dhcp_max_message_size": options.uint16(DHCP_OPTION.MAX_MESSAGE_SIZE)?.toString(),
    "dhcp.option.renewal_time_value": options.uint32(DHCP_OPTION.RENEWAL_TIME)?.toString(),
    "dhcp.option.rebinding_time_value": options.uint32(DHCP_OPTION.REBINDING_TIME)?.toString(),
    "dhcp.option.vendor_class_id": text(DHCP_OPTION.VENDOR_CLASS),
    "dhcp.option.message": text(DHCP_OPTION.MESSAGE),
  };
}

Deno.test("the views read in real messages what tshark reads", () => {
  const samples = readCorpus();
  const types = new Set(samples.map(({ fields }) => fields.get("dhcp.option.dhcp")));
  assertEquals(types, new Set(["1", "2", "3", "5", "6", "7"]));
  for (const { title, fields, bytes } of samples) {
    const view = place(bytes);
    for (const [name, value] of Object.entries(read(view, HEADROOM + bytes.length))) {
      assertEquals(value, fields.get(name), `${title}: ${name}`);
    }
    const hardware = fields.get("dhcp.hw.mac_addr")!.slice(0, 17);
    assert(header.isFor(bytesOf(hardware.replaceAll(":", ""))), title);
    assert(!header.isFor(bytesOf("020000000003")), title);
  }
});

Deno.test("options that a server spilled into the fields of file and server name are read there (RFC 2131 §4.1)", () => {
  const spilled = readCorpus().filter(({ fields }) => fields.has("dhcp.option.option_overload"));
  assert(spilled.length > 0);
  for (const { title, fields, bytes } of spilled) {
    assertEquals(fields.get("dhcp.option.option_overload"), "3", title);
    options.parse(place(bytes), HEADROOM, HEADROOM + bytes.length);
    // From the file.
    const names = [1, 2, 3, 4].map((i) => `a-name-of-some-length-${i}.test`);
    assertEquals(options.domainNames(DHCP_OPTION.DOMAIN_SEARCH), [...names, "example.test"]);
    // From the server name.
    const routes = options.routes(DHCP_OPTION.CLASSLESS_ROUTES)!.map((route) =>
      `${route.destination}/${route.prefixLength} ${route.router}`
    );
    assertEquals(routes, ["0.0.0.0/0 10.9.0.1", "192.168.0.0/16 10.9.0.2"]);
  }
});

/** Parses a message of these options, and of these in the other fields; all in hex. */
function parse(main: string, file = "", serverName = ""): DhcpOptions {
  const bytes = new Uint8Array(DHCP_HEADER + bytesOf(main).length);
  bytes.set(bytesOf(main), DHCP_HEADER);
  bytes.set(bytesOf(file), FILE_FIELD.at);
  bytes.set(bytesOf(serverName), SERVER_NAME_FIELD.at);
  // Bytes behind the message would be an option too: of 0c, the host name.
  const view = place(bytes, bytesOf("0c0178ff"));
  assert(options.parse(view, HEADROOM, HEADROOM + bytes.length));
  return options;
}

Deno.test("parse() takes each option by its length, whatever the order", () => {
  const cases: [what: string, hex: string, mtu: number | undefined][] = [
    ["nothing", "", undefined],
    ["alone", "1a0205dc", 1500],
    ["and an end", "1a0205dcff", 1500],
    ["padding in front", "0000001a0205dcff", 1500],
    ["behind the end", "ff1a0205dc", undefined],
    ["behind one of no length", "5000 1a0205dc", 1500],
    ["behind an unknown one", "e003010203 1a0205dc", 1500],
    ["of another length", "1a0105", undefined],
    ["of another length", "1a0405dc0000", undefined],
    ["cut off", "1a0205", undefined],
    ["without a length", "1a", undefined],
    ["in front of one that is cut off", "1a0205dc e0ff00", 1500],
    ["behind a length that leads out", "e0ff 1a0205dc", undefined],
  ];
  for (const [what, hex, mtu] of cases) {
    assertEquals(parse(hex).uint16(DHCP_OPTION.INTERFACE_MTU), mtu, what);
  }
});

Deno.test("parse() looks into file and server name as the overload option says, in that order (RFC 2131 §4.1)", () => {
  const file = "0c0146ff", serverName = "0c0153ff";
  const cases: [overload: string, name: string | undefined][] = [
    ["", undefined],
    ["340100", undefined],
    ["340101", "F"],
    ["340102", "S"],
    ["340103", "FS"],
    ["34020303", undefined],
    ["0c014f 340103", "OFS"],
    ["340103 0c014f", "OFS"],
    ["ff340103", undefined],
  ];
  for (const [overload, name] of cases) {
    assertEquals(parse(overload, file, serverName).name(DHCP_OPTION.HOST_NAME), name, overload);
  }
  // An overload option in another field says nothing.
  assertEquals(
    parse("340101", "340102ff", serverName).name(DHCP_OPTION.HOST_NAME),
    undefined,
  );
  // An option must end where its field does.
  const full = "e07c" + "00".repeat(124) + "0c01";
  assertEquals(parse("340101", full).name(DHCP_OPTION.HOST_NAME), undefined);
  const fits = "e07b" + "00".repeat(123) + "0c0178";
  assertEquals(parse("340101", fits).name(DHCP_OPTION.HOST_NAME), "x");
});

Deno.test("parse() puts the parts of a long option together, wherever they are (RFC 3396 §7)", () => {
  const list = Uint8Array.from({ length: 260 }, (_, i) => i % 251);
  const part = (from: number, to: number) => list.subarray(from, to).toHex();
  const found = parse(
    `06ff${part(0, 255)} 1a0205dc 0601${part(255, 256)} 340103`,
    `0602${part(256, 258)}ff`,
    `0600 0602${part(258, 260)}ff`,
  );
  assertEquals(found.bytes(DHCP_OPTION.DNS_SERVER), list);
  assertEquals(found.uint16(DHCP_OPTION.INTERFACE_MTU), 1500);
  const addresses = found.addresses(DHCP_OPTION.DNS_SERVER);
  assertEquals(addresses.length, MAX_LIST);
  assertEquals(`${addresses[1]} ${addresses.at(-1)}`, "4.5.6.7 124.125.126.127");
});

Deno.test("parse() forgets the message before", () => {
  parse("0c0161 1a0205dc 79050a0a000001");
  const found = parse("");
  for (let code = 0; code < 256; code++) assert(!found.has(code), `${code}`);
  assertEquals(found.addresses(DHCP_OPTION.ROUTER), []);
  assertEquals(found.routes(DHCP_OPTION.CLASSLESS_ROUTES), undefined);
});

Deno.test("parse() reads no message above the limit, and all of one at the limit", () => {
  const bytes = new Uint8Array(MAX_ANSWER + 1);
  bytes.set(bytesOf("0c0161"), MAX_ANSWER - 3);
  const view = new DataView(bytes.buffer);
  assert(options.parse(view, 0, MAX_ANSWER));
  assertEquals(options.name(DHCP_OPTION.HOST_NAME), "a");
  assert(!options.parse(view, 0, MAX_ANSWER + 1));
  assert(!options.has(DHCP_OPTION.HOST_NAME));
});

Deno.test("isDhcp() asks for the fixed fields and the magic cookie (RFC 2131 §3)", () => {
  const { bytes } = readCorpus()[0]!;
  const view = new DataView(bytes.buffer);
  assert(isDhcp(view, 0, bytes.length));
  assert(isDhcp(view, 0, DHCP_HEADER));
  for (const end of [0, 1, 236, DHCP_HEADER - 1]) assert(!isDhcp(view, 0, end), `${end}`);
  for (let i = 236; i < 240; i++) {
    bytes[i]! ^= 1;
    assert(!isDhcp(view, 0, bytes.length), `${i}`);
    bytes[i]! ^= 1;
  }
});

const textHex = (value: string) => new TextEncoder().encode(value).toHex();
const option = (code: number, hex: string) =>
  Uint8Array.of(code, bytesOf(hex).length).toHex() + hex;

Deno.test("addresses() takes whole lists only", () => {
  const cases: [hex: string, want: string][] = [
    ["0300", ""],
    ["03040a000001", "10.0.0.1"],
    ["03080a0000010a000002", "10.0.0.1,10.0.0.2"],
    ["03030a0000", ""],
    ["03050a00000100", ""],
  ];
  for (const [hex, want] of cases) {
    assertEquals(parse(hex).addresses(DHCP_OPTION.ROUTER).join(), want, hex);
  }
});

Deno.test("name() takes names of hosts and domains, and nothing that would only look like one", () => {
  const label = "a".repeat(63);
  const longest = `${label}.${label}.${label}.${"a".repeat(61)}`;
  const cases: [value: string, want: string | undefined][] = [
    ["guest", "guest"],
    ["Example.TEST", "Example.TEST"],
    ["a-b_c.d0.test", "a-b_c.d0.test"],
    ["example.test.", "example.test"],
    ["example.test\0", "example.test"],
    ["example.test.\0\0", "example.test"],
    ["", undefined],
    [".", undefined],
    ["\0", undefined],
    ["a..b", undefined],
    [".a", undefined],
    ["a b", undefined],
    ["a\n", undefined],
    ["a\0b", undefined],
    ["\x1b[2J", undefined],
    ["$(reboot)", undefined],
    ["na\u00efve", undefined],
    [label, label],
    [`${label}a`, undefined],
  ];
  for (const [value, want] of cases) {
    const found = parse(option(15, textHex(value)));
    assertEquals(found.name(DHCP_OPTION.DOMAIN_NAME), want, value);
  }
  assertEquals(longest.length, 253);
  assertEquals(parse(option(15, textHex(longest))).name(DHCP_OPTION.DOMAIN_NAME), longest);
  assertEquals(parse(option(15, textHex(`${longest}a`))).name(DHCP_OPTION.DOMAIN_NAME), undefined);
});

Deno.test("domainNames() reads a search list, compressed or not (RFC 3397)", () => {
  const eng = "03656e67",
    apple = "056170706c65",
    com = "03636f6d00",
    marketing = "096d61726b6574696e67";
  const cases: [what: string, hex: string, want: string[]][] = [
    ["the example of RFC 3397 §2", `${eng}${apple}${com}${marketing}c004`, [
      "eng.apple.com",
      "marketing.apple.com",
    ]],
    ["without compression", `${apple}${com}${eng}${com}`, ["apple.com", "eng.com"]],
    ["a pointer alone", `${apple}${com}c000c006`, ["apple.com", "apple.com", "com"]],
    ["pointers to pointers", `${apple}${com}${eng}c000${eng}c00b`, [
      "apple.com",
      "eng.apple.com",
      "eng.eng.apple.com",
    ]],
    ["nothing", "", []],
    ["the root", "00", []],
    ["not ended", apple, []],
    ["a label that leads out", "0561", []],
    ["a good name, then one that leads out", `${apple}${com}0561`, ["apple.com"]],
    ["a pointer to itself", "c000", []],
    ["a loop", `${eng}c000`, []],
    ["two that point at each other", `c002c000`, []],
    ["a pointer forward", `c002${apple}${com}`, []],
    ["half a pointer", `${apple}${com}c0`, ["apple.com"]],
    ["half a pointer, far out", `${(eng + com).repeat(40)}c0`, Array(MAX_LIST).fill("eng.com")],
    ["reserved label types", `40${com}`, []],
    ["a dot in a label", `03612e6200`, []],
    ["a label of other characters", `01200000`, []],
  ];
  for (const [what, hex, want] of cases) {
    const parts = hex.match(/.{1,500}/g) ?? [""];
    const found = parse(parts.map((part) => option(119, part)).join(""));
    assertEquals(found.domainNames(DHCP_OPTION.DOMAIN_SEARCH), want, what);
  }
  assertEquals(parse("").domainNames(DHCP_OPTION.DOMAIN_SEARCH), []);
});

Deno.test("routes() reads classless static routes (RFC 3442)", () => {
  const cases: [hex: string, want: string[] | undefined][] = [
    ["00 0a000001", ["0.0.0.0/0 10.0.0.1"]],
    ["08 0a 0a000001", ["10.0.0.0/8 10.0.0.1"]],
    ["18 0a0000 0a000001", ["10.0.0.0/24 10.0.0.1"]],
    ["19 0a000080 0a000001", ["10.0.0.128/25 10.0.0.1"]],
    ["20 0a01021e 0a000001", ["10.1.2.30/32 10.0.0.1"]],
    ["11 0a1b81 0a000001", ["10.27.128.0/17 10.0.0.1"]],
    ["10 a9fe 00000000", ["169.254.0.0/16 0.0.0.0"]],
    ["09 0aff 0a000001", ["10.128.0.0/9 10.0.0.1"]], // bits behind the prefix
    ["01 ff 0a000001 20 01020304 0a000002", ["128.0.0.0/1 10.0.0.1", "1.2.3.4/32 10.0.0.2"]],
    ["", undefined],
    ["21 0a00000000 0a000001", undefined],
    ["ff 0a000001", undefined],
    ["00 0a0000", undefined],
    ["18 0a00", undefined],
    ["00 0a000001 18 0a0000 0a0000", undefined],
  ];
  for (const [hex, want] of cases) {
    const found = parse(option(121, bytesOf(hex).toHex())).routes(DHCP_OPTION.CLASSLESS_ROUTES);
    const shown = found?.map((route) =>
      `${route.destination}/${route.prefixLength} ${route.router}`
    );
    assertEquals(shown, want, hex);
  }
  const many = option(121, "000a000001".repeat(40));
  assertEquals(parse(many).routes(DHCP_OPTION.CLASSLESS_ROUTES)!.length, MAX_LIST);
});

Deno.test("DhcpBuilder writes a message that can be read again, with no trace of the one before", () => {
  const builder = new DhcpBuilder();
  const hardware = bytesOf("020000000001");
  builder.begin(DHCP_TYPE.REQUEST, 0xffff_fffe, hardware);
  builder.header.flags = BROADCAST_FLAG;
  builder.header.secs = 65535;
  builder.header.setClientAddress(IpAddress.v4(10, 9, 0, 1));
  builder.bytes(DHCP_OPTION.HOST_NAME, new TextEncoder().encode("x".repeat(200)));
  builder.uint16(DHCP_OPTION.MAX_MESSAGE_SIZE, 1500);
  builder.address(DHCP_OPTION.REQUESTED_ADDRESS, IpAddress.v4(10, 9, 0, 2));
  const first = builder.finish();
  assertEquals(first.length, DHCP_HEADER + 3 + 202 + 4 + 6 + 1);
  assert(first.length <= DHCP_MAX_MESSAGE);
  const placed = place(first);
  const found = read(placed, HEADROOM + first.length);
  assertEquals(found["dhcp.type"], "1");
  assertEquals(found["dhcp.id"], "0xfffffffe");
  assertEquals(found["dhcp.secs"], "65535");
  assertEquals(found["dhcp.flags"], "0x8000");
  assertEquals(found["dhcp.ip.client"], "10.9.0.1");
  assertEquals(found["dhcp.option.dhcp"], "3");
  assertEquals(found["dhcp.option.dhcp_max_message_size"], "1500");
  assertEquals(found["dhcp.option.requested_ip_address"], "10.9.0.2");
  assert(header.isFor(hardware));

  builder.begin(DHCP_TYPE.DISCOVER, 1, hardware);
  const second = builder.finish();
  const want = new Uint8Array(DHCP_MIN_MESSAGE);
  want.set(bytesOf("01010600 00000001"));
  want.set(hardware, 28);
  want.set(bytesOf("63825363 350101 ff"), 236);
  assertEquals(second, want);
});

Deno.test("whatever the bytes are, reading them ends without an exception and reads no others", () => {
  const known = Object.values(DHCP_OPTION);
  // Options that make sense to some degree, so that the readers behind parse() are reached too.
  const anyOption = fc.tuple(
    fc.oneof(fc.constantFrom(...known), fc.nat(255)),
    fc.uint8Array({ maxLength: 40 }),
    fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(255) }),
  ).map(([code, value, lie]) => [code, (value.length + lie) & 255, ...value]);
  const field = fc.array(anyOption, { maxLength: 12 }).map((list) => list.flat());
  fc.assert(
    fc.property(field, field, field, fc.nat(3), (main, file, serverName, overload) => {
      const bytes = Uint8Array.from([...new Uint8Array(DHCP_HEADER), 52, 1, overload, ...main]);
      bytes.set(file.slice(0, FILE_FIELD.length), FILE_FIELD.at);
      bytes.set(serverName.slice(0, SERVER_NAME_FIELD.length), SERVER_NAME_FIELD.at);
      bytes.set(bytesOf("63825363"), 236);
      const readAll = (behind: Uint8Array<ArrayBuffer>) => {
        const view = place(bytes, behind);
        return [
          read(view, HEADROOM + bytes.length),
          ...known.map((code) => [
            options.bytes(code)?.toHex(),
            options.addresses(code).join(),
            options.name(code),
            options.domainNames(code),
            options.routes(code)?.map(({ destination }) => `${destination}`),
          ]),
        ];
      };
      const once = readAll(new Uint8Array(0));
      assertEquals(readAll(bytesOf("0c0178 06040a000001 ff")), once);
    }),
    { numRuns: 2000 },
  );
});

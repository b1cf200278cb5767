import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { ReaderKind } from "../../ffi/reader_kind.ts";
import { stripVTControlCharacters } from "node:util";
import config from "../../deno.json" with { type: "json" };
import { UsageError } from "../../src/app/errors.ts";
import { readRequest } from "../../src/app/commands.ts";
import { type InterfaceKind, readStackSettings } from "../../src/app/interface_options.ts";
import { readRouting } from "../../src/app/serve.ts";
import type { RouteOptions } from "../../src/host/network_stack.ts";
import { importMapFlags } from "../../tools/std.ts";

/** What a command line without any option says of the only interface. */
const INTERFACE = {
  kind: "tun" as InterfaceKind,
  name: undefined as string | undefined,
  mac: undefined as string | undefined,
  mtu: undefined as number | undefined,
  addresses: undefined as string[] | undefined,
  hostAddresses: undefined as string[] | undefined,
  dhcp: false,
  gateways: [] as string[],
  ipv6: true,
  offload: true,
  reader: undefined as ReaderKind | undefined,
};

const words = (line: string) => line.split(/ +/).filter((word) => word !== "");

const settings = async (args: string) => readStackSettings((await readRequest(words(args))).line);

Deno.test("options say what an interface is", async () => {
  const cases: [args: string, want: Partial<typeof INTERFACE>][] = [
    ["", {}],
    ["serve", {}],
    ["--tun", {}],
    ["--address 10.9.0.2 --host-address 10.9.0.1", {
      addresses: ["10.9.0.2"],
      hostAddresses: ["10.9.0.1"],
    }],
    ["--address=192.168.7.7/24 --address fd07::7", { addresses: ["192.168.7.7/24", "fd07::7"] }],
    ["--mtu 9000", { mtu: 9000 }],
    ["--mtu 1 --mtu 1400", { mtu: 1400 }],
    ["serve --mtu 68 -t", { mtu: 68, offload: false }],
    ["--name tun7", { name: "tun7" }],
    ["-4", { ipv6: false }],
    ["--reader waking", { reader: "waking" }],
    ["--tap --reader posting", { kind: "tap", reader: "posting" }],
    ["--no-ipv6 --address 10.9.0.2", { ipv6: false, addresses: ["10.9.0.2"] }],
    ["serve -q --no-offload", { offload: false }],
    ["serve --trace", { offload: false }],
    ["serve -x", { offload: false }],
    ["--pcap file.pcap", { offload: false }],
    ["--tap", { kind: "tap" }],
    ["--tap --name serve serve", { kind: "tap", name: "serve" }],
    ["--tap --address 10.9.0.2 --address fd09::2", {
      kind: "tap",
      addresses: ["10.9.0.2/24", "fd09::2/64"],
    }],
    ["--tap --address 10.9.0.2/16 --host-address none", {
      kind: "tap",
      addresses: ["10.9.0.2/16"],
      hostAddresses: [],
    }],
    ["--tap --dhcp", { kind: "tap", dhcp: true }],
    ["--interface eth0 --dhcp", { kind: "packet", name: "eth0", dhcp: true }],
    ["--interface eth0", { kind: "packet", name: "eth0" }],
    ["--tap --mac 02-00-5E-10-00-01", { kind: "tap", mac: "02:00:5e:10:00:01" }],
    ["--interface eth0 --address 192.168.1.7/24 --gateway 192.168.1.1 --gateway fe80::1", {
      kind: "packet",
      name: "eth0",
      addresses: ["192.168.1.7/24"],
      gateways: ["192.168.1.1", "fe80::1"],
    }],
  ];
  for (const [args, want] of cases) {
    assertEquals((await settings(args)).interfaces, [{ ...INTERFACE, ...want }], args);
  }
});

Deno.test("--and parts the options of one interface from those of the next", async () => {
  const { interfaces, routes, dns } = await settings(
    "--dns 10.1.0.1 --address 10.1.0.2/24 --and --tap --address 10.2.0.2 --mtu 9000 " +
      "--and --interface eth0 --route 10.3.0.0/16,via=10.2.0.9 --address 10.4.0.2/8 --dns fd00::1",
  );
  assertEquals(interfaces, [
    { ...INTERFACE, addresses: ["10.1.0.2/24"] },
    { ...INTERFACE, kind: "tap", addresses: ["10.2.0.2/24"], mtu: 9000 },
    { ...INTERFACE, kind: "packet", name: "eth0", addresses: ["10.4.0.2/8"] },
  ]);
  assertEquals(routes, [{ network: "10.3.0.0/16", gateway: "10.2.0.9" }]);
  assertEquals(dns.servers, ["10.1.0.1", "fd00::1"]);
});

Deno.test("offload is of one interface, but to look on is to look at all of them", async () => {
  const line = "--address 10.1.0.2/24 --no-offload --and --tap --address 10.2.0.2";
  const offloads = async (args: string) =>
    (await settings(args)).interfaces.map(({ offload }) => offload);
  assertEquals(await offloads(line), [false, true]);
  assertEquals(await offloads(`${line} --hex`), [false, false]);
});

Deno.test("of several interfaces, those that learn their address need not be given one", async () => {
  const { interfaces } = await settings(
    "--tap --dhcp --and --interface eth0 --and --interface eth1 --dhcp",
  );
  assertEquals(interfaces.map(({ addresses, dhcp }) => [addresses, dhcp]), [
    [undefined, true],
    [undefined, false],
    [undefined, true],
  ]);
});

Deno.test("routes and servers for names are of the whole stack", async () => {
  const cases: [args: string[], routes: RouteOptions[]][] = [
    [["--route", "10.3.0.0/16,via=10.0.0.9"], [{ network: "10.3.0.0/16", gateway: "10.0.0.9" }]],
    [["--route=10.3.0.0/16, via 10.0.0.9"], [{ network: "10.3.0.0/16", gateway: "10.0.0.9" }]],
    [["--route", "fd01::/64,dev=tap0,metric=7"], [
      { network: "fd01::/64", device: "tap0", metric: 7 },
    ]],
    [["--route", "0.0.0.0/0,via=10.0.0.9", "--route", "::/0,dev=tun0"], [
      { network: "0.0.0.0/0", gateway: "10.0.0.9" },
      { network: "::/0", device: "tun0" },
    ]],
    [["--route", "fd01::/64,via=fe80::1%tap0"], [
      { network: "fd01::/64", gateway: "fe80::1%tap0" },
    ]],
  ];
  for (const [args, want] of cases) {
    assertEquals(readStackSettings((await readRequest(args)).line).routes, want, args.join(" "));
  }
  assertEquals(
    (await settings("--dns 10.0.0.1#5353 --search example.org --search example.net")).dns,
    {
      servers: ["10.0.0.1#5353"],
      search: ["example.org", "example.net"],
    },
  );
  assertEquals((await settings("--dns fe80::1%tap0")).dns.servers, ["fe80::1%tap0"]);
});

Deno.test("flags have a letter each, which can stand together", async () => {
  const cases: [args: string, want: ("trace" | "hex" | "quiet" | "accept-any")[]][] = [
    ["", []],
    ["--trace serve", ["trace"]],
    ["-t", ["trace"]],
    ["-x", ["hex"]],
    ["-qx", ["hex", "quiet"]],
    ["serve -tq --accept-any", ["trace", "quiet", "accept-any"]],
    ["--tap --and -t --address 10.0.0.2/8", ["trace"]],
  ];
  for (const [args, want] of cases) {
    const { line } = await readRequest(words(args));
    const flags = (["trace", "hex", "quiet", "accept-any"] as const).filter((flag) =>
      line.has(flag)
    );
    assertEquals(flags, want, args);
  }
});

Deno.test("--forward makes a router, which may check sources", async () => {
  const cases: [args: string, want: unknown][] = [
    ["serve", { forward: false, reversePathCheck: undefined }],
    ["--forward", { forward: true, reversePathCheck: undefined }],
    ["--forward --check-sources strict", { forward: true, reversePathCheck: "strict" }],
    ["--check-sources loose --forward", { forward: true, reversePathCheck: "loose" }],
  ];
  for (const [args, want] of cases) {
    assertEquals(readRouting((await readRequest(words(args))).line), want, args);
  }
  const wrong: [args: string, message: string][] = [
    ["--forward --check-sources weak", "say strict or loose"],
    ["--check-sources strict", "add --forward"],
  ];
  for (const [args, message] of wrong) {
    const { line } = await readRequest(words(args));
    assertThrows(() => readRouting(line), UsageError, message);
  }
});

Deno.test("readRequest() knows when help or the version is wanted", async () => {
  const cases: [args: string, want: string, isNamed: boolean][] = [
    ["--help", "help", false],
    ["-h", "help", false],
    ["help", "help", false],
    ["help serve", "help", true],
    ["serve --help", "help", true],
    ["--version", "version", false],
    ["-V", "version", false],
    ["--version --help", "help", false],
    ["--name help", "command", false],
  ];
  for (const [args, want, isNamed] of cases) {
    const request = await readRequest(words(args));
    assertEquals([request.wants, request.isNamed], [want, isNamed], args);
  }
});

Deno.test("what makes no sense is told with the option that it is about", async () => {
  const cases: [args: string[], message: string][] = [
    [["--adress", "10.0.0.2"], "Unknown option --adress"],
    [["-z"], "Unknown option -z"],
    [["start"], "Unknown command start"],
    [["--mtu", "68", "start"], "Unknown command start"],
    [["serve", "now"], "Unexpected argument now"],
    [["--trace", "serve", "7"], "Unexpected argument 7"],
    [["--address"], "Option --address needs a value"],
    [["--address="], "Unknown option --address="],
    [["--address", "--trace"], "Option --address needs a value"],
    [["--tap=1"], "Option --tap takes no value: got --tap=1"],
    [["--no-offload=false"], "Option --no-offload takes no value: got --no-offload=false"],
    [["--name"], "Option --name needs a value"],
    [["--mtu"], "Option --mtu needs a value"],
    [["--address", "10.0.0"], `Option --address: Not an IP address: "10.0.0"`],
    [["--address", "10.0.0.256"], "Option --address: Not an IP address"],
    [["--address", "10.0.0.2/33"], `Option --address: Not a network: "10.0.0.2/33"`],
    [
      ["--address", "127.0.0.1"],
      "Option --address: Cannot use 127.0.0.1: it is not the address of",
    ],
    [["--tap", "--address", "10.0.0.255"], "Option --address: Cannot use 10.0.0.255/24: it is not"],
    [
      ["--address", "10.0.0.2/24", "--and", "--tap", "--address", "10.0.0.2/16"],
      "Option --address: Cannot use 10.0.0.2 twice",
    ],
    [["--host-address", "localhost"], `Option --host-address: Not an IP address: "localhost"`],
    [["--gateway", "router"], `Option --gateway: Not an IP address: "router"`],
    [["--mtu", "big"], "Option --mtu needs a number: got big"],
    [["--mtu", "1e3"], "Option --mtu needs a number: got 1e3"],
    [["--mtu", "1500.5"], "Option --mtu needs a number: got 1500.5"],
    [["--mtu=-1"], "Option --mtu needs a number: got -1"],
    [["-4", "--address", "fd00::2"], "Option --address: fd00::2 is of IPv6, which --no-ipv6"],
    [["--reader", "fast"], `Option --reader: There is no reader "fast": use posting or waking`],
    [["--tap", "--tun"], "One interface is either --tun, --tap or --interface"],
    [["--interface", "a", "--interface", "b"], "One interface is either --tun, --tap or"],
    [["--mac", "02:00:00:00:00:01"], "Option --mac: a TUN interface has no hardware addresses"],
    [["--tap", "--mac", "2:0:0:0:0:1"], `Option --mac: Not a hardware address: "2:0:0:0:0:1"`],
    [["--dhcp"], "Option --dhcp needs an Ethernet, which a TUN interface is not: use --tap or"],
    [
      ["--interface", "eth0", "--no-ipv6"],
      "Option --interface: say how the stack gets an address on eth0: --address 192.168.1.7/24 or",
    ],
    [
      ["--interface", "eth0", "--address", "10.0.0.2"],
      "Option --address: say how large the network of 10.0.0.2 is: 10.0.0.2/24",
    ],
    [
      ["--interface", "eth0", "--address", "10.0.0.2/8", "--mtu", "9000"],
      "Option --mtu is for --tun and --tap: eth0 stays as it is",
    ],
    [["--tap", "--and", "--tap"], "Option --and: each of several interfaces needs an address"],
    [
      ["--address", "10.0.0.2", "--and", "--tap", "--address", "10.1.0.2/24"],
      "Option --address: say how large the network of 10.0.0.2 is, as there are several interfaces",
    ],
    [["--route", "10.1.0.0/16"], "Option --route: 10.1.0.0/16 needs a router or an interface"],
    [["--route", "10.1.0.0/16,by=tap0"], `Option --route: "by=tap0" is not understood`],
    [["--route", "10.1/16,dev=tap0"], "Option --route: Not an IP address"],
    [["--dns", "10.0.0.1#0"], "Option --dns: expected an address, perhaps with a port"],
    [["--dns", "dns.example"], "Option --dns: Not an IP address"],
  ];
  for (const [args, message] of cases) {
    const error = await assertRejects(
      async () => readStackSettings((await readRequest(args)).line),
      UsageError,
      message,
    );
    assert(!(error as Error).message.endsWith("."), "no final period");
  }
});

/** Runs the program, as a user would, but without the right to open an interface. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const root = new URL("../../", import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-env",
      ...await importMapFlags(),
      "src/app/main.ts",
      ...args,
    ],
    cwd: root,
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => stripVTControlCharacters(new TextDecoder().decode(bytes));
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

Deno.test("the exit code is 0 for help, which fits a screen, and for the version", async () => {
  const helps: [args: string[], lines: number, holds: string[]][] = [
    [["--help"], 24, ["serve", "http", "--tap", "--address", "--trace"]],
    [["http", "--help"], 44, ["[DIR]", "--port", "--quiet", "--address"]],
    [["serve", "--help"], 44, ["--address", "--mtu", "--name", "--accept-any", "--trace", "--hex"]],
  ];
  for (const [args, most, holds] of helps) {
    const help = await run(...args);
    assertEquals([help.code, help.stderr], [0, ""]);
    const lines = help.stdout.trimEnd().split("\n");
    assert(lines.length <= most, `${lines.length} lines`);
    for (const line of lines) assert(line.length <= 100, line);
    for (const option of holds) assertStringIncludes(help.stdout, option);
  }
  const version = await run("--version");
  assertEquals(version, { code: 0, stdout: `tcpstack ${config.version}\n`, stderr: "" });
});

Deno.test("output that nobody reads is no error", async () => {
  const program = [
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--allow-read",
    "--allow-env",
    ...await importMapFlags(),
    "src/app/main.ts",
  ];
  const { stdout, stderr } = await new Deno.Command("sh", {
    // The reader has gone before the program writes.
    args: ["-c", `exec 3>&1; { "$@"; echo $? >&3; } | :`, "sh", ...program, "--help"],
    cwd: new URL("../../", import.meta.url),
  }).output();
  assertEquals([stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)), ["0\n", ""]);
});

Deno.test("the exit code is 2 when the command line makes no sense, before anything is opened", async () => {
  const cases: [args: string[], message: string][] = [
    [["--nonsense"], "Unknown option --nonsense"],
    [["--mtu", "67"], "Cannot use an MTU of 67: it must be a whole number from 68 to 65535"],
    [["--address", "10.0.0.1"], "Cannot use 10.0.0.1 for both ends"],
    [
      ["--address", "ff02::2"],
      "Option --address: Cannot use ff02::2: it is not the address of one host",
    ],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await run(...args);
    assertEquals([code, stdout], [2, ""]);
    assert(stderr.startsWith(`tcpstack: ${message}`), stderr);
    assert(stderr.endsWith("\nTry: tcpstack serve --help\n"), stderr);
  }
});

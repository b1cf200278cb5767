import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { stripVTControlCharacters } from "node:util";
import config from "../../deno.json" with { type: "json" };
import { UsageError } from "../../src/app/errors.ts";
import { parseCommand } from "../../src/app/options.ts";
import { importMapFlags } from "../../tools/std.ts";

const DEFAULTS = {
  address: "10.0.0.2",
  hostAddress: "10.0.0.1",
  mtu: 1500,
  name: undefined as string | undefined,
  udpReverse: false,
  acceptAny: false,
  trace: false,
  hex: false,
  quiet: false,
};

Deno.test("parseCommand() reads what serve is told", () => {
  const cases: [args: string, want: Partial<typeof DEFAULTS>][] = [
    ["", {}],
    ["serve", {}],
    ["--address 10.9.0.2 --host-address 10.9.0.1", {
      address: "10.9.0.2",
      hostAddress: "10.9.0.1",
    }],
    ["--address=192.168.7.7", { address: "192.168.7.7" }],
    ["--mtu 9000", { mtu: 9000 }],
    ["--name tun7", { name: "tun7" }],
    ["--udp-reverse", { udpReverse: true }],
    ["--accept-any", { acceptAny: true }],
    ["--trace", { trace: true }],
    ["-t", { trace: true }],
    ["--hex", { trace: true, hex: true }],
    ["-x", { trace: true, hex: true }],
    ["--quiet", { quiet: true }],
    ["-q", { quiet: true }],
    ["-qx", { quiet: true, trace: true, hex: true }],
    ["--trace serve", { trace: true }],
    ["serve --mtu 68 -t", { mtu: 68, trace: true }],
    ["--mtu 1 --mtu 1400", { mtu: 1400 }],
  ];
  for (const [args, want] of cases) {
    const command = parseCommand(args.split(" ").filter((arg) => arg !== ""));
    assert(command.kind === "serve", args);
    const { options } = command;
    const plain = {
      ...options,
      address: options.address.toString(),
      hostAddress: options.hostAddress.toString(),
    };
    assertEquals(plain, { ...DEFAULTS, ...want }, args);
  }
});

Deno.test("parseCommand() knows when help or the version is wanted", () => {
  const cases: [args: string[], want: string][] = [
    [["--help"], "help"],
    [["-h"], "help"],
    [["help"], "help"],
    [["serve", "--help"], "help"],
    [["--version"], "version"],
    [["-V"], "version"],
    [["--version", "--help"], "help"],
  ];
  for (const [args, want] of cases) assertEquals(parseCommand(args).kind, want, args.join(" "));
});

Deno.test("parseCommand() says what makes no sense", () => {
  const cases: [args: string[], message: string][] = [
    [["--adress", "10.0.0.2"], "Unknown option --adress"],
    [["-z"], "Unknown option -z"],
    [["start"], "Unknown command start"],
    [["serve", "now"], "Unexpected argument now"],
    [["--trace", "serve", "7"], "Unexpected argument 7"],
    [["--address"], "Option --address needs a value"],
    [["--address="], "Unknown option --address="],
    [["--address", "--trace"], "Option --address needs a value"],
    [["--name"], "Option --name needs a value"],
    [["--mtu"], "Option --mtu needs a value"],
    [["--address", "10.0.0"], `Option --address: Not an IP address: "10.0.0"`],
    [["--address", "10.0.0.256"], "Option --address: Not an IP address"],
    [["--host-address", "localhost"], `Option --host-address: Not an IP address: "localhost"`],
    [["--mtu", "big"], "Option --mtu needs a number: got big"],
    [["--mtu", "1e3"], "Option --mtu needs a number: got 1e3"],
    [["--mtu", "1500.5"], "Option --mtu needs a number: got 1500.5"],
    [["--mtu=-1"], "Option --mtu needs a number: got -1"],
  ];
  for (const [args, message] of cases) {
    const error = assertThrows(() => parseCommand(args), UsageError, message);
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
  const help = await run("--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  const lines = help.stdout.trimEnd().split("\n");
  assert(lines.length <= 24, `${lines.length} lines`);
  for (const line of lines) assert(line.length <= 100, line);
  for (const option of ["--address", "--mtu", "--name", "--accept-any", "--trace", "--hex"]) {
    assertStringIncludes(help.stdout, option);
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
    [["--address", "ff02::2"], "Cannot use ff02::2: it is not the address of one host"],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await run(...args);
    assertEquals([code, stdout], [2, ""]);
    assert(stderr.startsWith(`tcpstack: ${message}`), stderr);
    assert(stderr.endsWith("\nTry: tcpstack --help\n"), stderr);
  }
});

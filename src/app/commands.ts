/**
 * The commands, and which of them a command line asks for.
 *
 * @module
 */

import type { Command } from "./command.ts";
import {
  type CommandLine,
  firstOperand,
  helpLines,
  type Option,
  parseCommandLine,
} from "./command_line.ts";
import { UsageError } from "./errors.ts";
import { INTERFACE_OPTIONS } from "./interface_options.ts";

/** Every command, in the order of the help. One that is not wanted is not loaded. */
const COMMANDS = new Map<string, () => Promise<Command>>([
  ["serve", async () => (await import("./serve.ts")).SERVE],
  ["http", async () => (await import("./http/command.ts")).HTTP],
  ["chat-server", async () => (await import("./chat/server_command.ts")).CHAT_SERVER],
  ["chat", async () => (await import("./chat/command.ts")).CHAT],
  ["nc", async () => (await import("./nc/command.ts")).NC],
  ["get", async () => (await import("./get/command.ts")).GET],
  ["ping", async () => (await import("./ping.ts")).PING],
  ["traceroute", async () => (await import("./traceroute.ts")).TRACEROUTE],
  ["resolve", async () => (await import("./resolve.ts")).RESOLVE],
  ["iperf3", async () => (await import("./iperf3/command.ts")).IPERF3],
]);

/** What is meant where no command is named. */
const USUAL = "serve";

const GENERAL_OPTIONS = {
  help: { short: "h", help: "this" },
  version: { short: "V", help: "the version" },
} as const;

/** What the user wants done. */
export interface Request {
  /** Whether the options are to be explained instead. */
  readonly wants: "command" | "help" | "version";
  readonly command: Command;
  readonly line: CommandLine;
  /** Whether the command was named. */
  readonly isNamed: boolean;
}

/**
 * Reads a command line.
 *
 * @throws {UsageError} If it makes no sense; the message says what to do.
 */
export async function readRequest(args: readonly string[]): Promise<Request> {
  if (args[0] === "help") return await readRequest([...args.slice(1), "--help"]);
  const { command, isNamed } = await findCommand(args);
  try {
    return read(args, command, isNamed);
  } catch (error) {
    if (error instanceof UsageError) error.command = command.name;
    throw error;
  }
}

function read(args: readonly string[], command: Command, isNamed: boolean): Request {
  const table = { ...INTERFACE_OPTIONS, ...command.options, ...GENERAL_OPTIONS };
  const line = parseCommandLine(args, table, isNamed ? 1 : 0);
  const wants = line.has("help") ? "help" : line.has("version") ? "version" : "command";
  if (wants === "command") checkOperands(line, command);
  return { wants, command, line, isNamed };
}

/** The command that the first word names which is no option, nor the value of one. */
async function findCommand(
  args: readonly string[],
): Promise<{ command: Command; isNamed: boolean }> {
  const load = COMMANDS.get(args[0] ?? USUAL);
  if (load !== undefined) return { command: await load(), isNamed: args.length > 0 };
  const usual = await COMMANDS.get(USUAL)!();
  const table: Record<string, Option> = { ...INTERFACE_OPTIONS, ...usual.options };
  if (firstOperand(args, table) === undefined) return { command: usual, isNamed: false };
  // Options come first. A letter stands for different ones: that of the usual command counts.
  for (const { options } of await all()) {
    for (const [name, option] of Object.entries(options)) table[name] ??= option;
  }
  const name = firstOperand(args, table);
  if (name === undefined) return { command: usual, isNamed: false };
  const command = await COMMANDS.get(name)?.();
  if (command !== undefined) return { command, isNamed: true };
  // It may be the value of an option that is misspelt.
  read(args, usual, true);
  throw new UsageError(`Unknown command ${name}`);
}

function all(): Promise<Command[]> {
  return Promise.all(COMMANDS.values().map((load) => load()));
}

function checkOperands({ operands }: CommandLine, command: Command): void {
  const needed = command.operands.filter((operand) => !operand.startsWith("["));
  if (operands.length < needed.length) {
    throw new UsageError(`Missing argument ${needed[operands.length]}`);
  }
  const excess = operands[command.operands.length];
  if (excess !== undefined) throw new UsageError(`Unexpected argument ${excess}`);
}

/** The help: of the command that was named, or of the program. */
export async function helpText({ command, isNamed }: Request, version: string): Promise<string> {
  return isNamed ? commandHelp(command) : overview(await all(), version);
}

function overview(commands: readonly Command[], version: string): string {
  const usages = commands.map(({ name, operands }) => [name, ...operands].join(" "));
  const width = Math.max(...usages.map((usage) => usage.length));
  return [
    `tcpstack ${version}: a TCP/IP stack in user space, on an interface of its own`,
    "",
    "Usage: tcpstack COMMAND [options]        (as root, or with CAP_NET_ADMIN)",
    "",
    ...commands.map(({ summary }, i) => `  ${usages[i]!.padEnd(width)}  ${summary}`),
    "",
    `Without a command it is ${USUAL}. tcpstack COMMAND --help lists the options; the`,
    "interface is chosen by --tun (the default), --tap or --interface NAME, its address by --address.",
    "",
    ...helpLines(GENERAL_OPTIONS),
    "",
    "  sudo tcpstack --trace                          then: ping 10.0.0.2, nc 10.0.0.2 7",
    "  sudo tcpstack --address 10.9.0.2 --host-address 10.9.0.1 --mtu 9000",
  ].join("\n");
}

function commandHelp({ name, operands, summary, options, notes }: Command): string {
  const own = { ...options, ...GENERAL_OPTIONS };
  return [
    `tcpstack ${name}: ${summary}`,
    "",
    `Usage: tcpstack ${[name, "[options]", ...operands].join(" ")}`,
    "",
    ...helpLines({ ...own, ...INTERFACE_OPTIONS, ...own }).toSpliced(
      Object.keys(own).length,
      0,
      "",
    ),
    "--address, --host-address, --gateway, --route, --dns and --search may come several times.",
    ...notes.length > 0 ? ["", ...notes] : [],
  ].join("\n");
}

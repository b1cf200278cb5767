/**
 * The commands, and which of them a command line asks for.
 *
 * @module
 */

import { CHAT } from "./chat/command.ts";
import { CHAT_SERVER } from "./chat/server_command.ts";
import type { Command } from "./command.ts";
import {
  type CommandLine,
  firstOperand,
  helpLines,
  type Option,
  parseCommandLine,
} from "./command_line.ts";
import { UsageError } from "./errors.ts";
import { GET } from "./get/command.ts";
import { HTTP } from "./http/command.ts";
import { INTERFACE_OPTIONS } from "./interface_options.ts";
import { IPERF3 } from "./iperf3/command.ts";
import { NC } from "./nc/command.ts";
import { PING } from "./ping.ts";
import { RESOLVE } from "./resolve.ts";
import { SERVE } from "./serve.ts";
import { TRACEROUTE } from "./traceroute.ts";

/** Every command; the first is meant where none is named. */
const COMMANDS: readonly Command[] = [
  SERVE,
  HTTP,
  CHAT_SERVER,
  CHAT,
  NC,
  GET,
  PING,
  TRACEROUTE,
  RESOLVE,
  IPERF3,
];

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
export function readRequest(args: readonly string[]): Request {
  if (args[0] === "help") return readRequest([...args.slice(1), "--help"]);
  const { command, isNamed } = findCommand(args);
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
function findCommand(args: readonly string[]): { command: Command; isNamed: boolean } {
  // A letter stands for different options: that of the first command counts.
  const table: Record<string, Option> = { ...INTERFACE_OPTIONS, ...COMMANDS[0]!.options };
  for (const { options } of COMMANDS) {
    for (const [name, option] of Object.entries(options)) table[name] ??= option;
  }
  const name = firstOperand(args, table);
  if (name === undefined) return { command: COMMANDS[0]!, isNamed: false };
  const command = COMMANDS.find((command) => command.name === name);
  if (command !== undefined) return { command, isNamed: true };
  // Where options come first, it may be the value of one that is misspelt.
  read(args, COMMANDS[0]!, true);
  throw new UsageError(`Unknown command ${name}`);
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
export function helpText({ command, isNamed }: Request, version: string): string {
  return isNamed ? commandHelp(command) : overview(version);
}

function overview(version: string): string {
  const usages = COMMANDS.map(({ name, operands }) => [name, ...operands].join(" "));
  const width = Math.max(...usages.map((usage) => usage.length));
  return [
    `tcpstack ${version}: a TCP/IP stack in user space, on an interface of its own`,
    "",
    "Usage: tcpstack COMMAND [options]        (as root, or with CAP_NET_ADMIN)",
    "",
    ...COMMANDS.map(({ summary }, i) => `  ${usages[i]!.padEnd(width)}  ${summary}`),
    "",
    `Without a command it is ${COMMANDS[0]!.name}. tcpstack COMMAND --help lists the options; the`,
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

/**
 * What the program does while it serves, shown with unmodified tools, for one form of the program.
 *
 * @module
 */

import type { Program } from "../program.ts";
import { chatTests } from "./chat.ts";
import { errorTests } from "./errors.ts";
import { httpTests } from "./http.ts";
import { optionTests } from "./options.ts";
import { pingTests } from "./ping.ts";
import { stoppingTests } from "./stopping.ts";
import { tcpTests } from "./tcp.ts";
import { udpTests } from "./udp.ts";

/** Registers all tests. */
export function serveTests(program: Program): void {
  pingTests(program);
  tcpTests(program);
  httpTests(program);
  udpTests(program);
  chatTests(program);
  optionTests(program);
  errorTests(program);
  stoppingTests(program);
}

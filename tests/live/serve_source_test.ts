/** `tcpstack serve` from source, in namespaces, with unmodified tools. */

import { SOURCE } from "./program.ts";
import { serveTests } from "./serve/all.ts";

serveTests(SOURCE);

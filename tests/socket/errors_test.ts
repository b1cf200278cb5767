import { assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { closeError, softErrorOf } from "../../src/socket/errors.ts";
import { CloseReason, SoftError, type Tcb } from "../../src/tcp/tcb.ts";
import { PEER } from "../packets.ts";
import { PEER6 } from "../packets6.ts";

Deno.test("[MUST-47] why a connection is gone decides on the error, and what routers said of the way there", () => {
  const { TIMED_OUT, RESET, REFUSED, ABORTED, UNREACHABLE } = CloseReason;
  const { errors } = Deno;
  const cases: [CloseReason, SoftError, new (message: string) => Error, RegExp][] = [
    [RESET, SoftError.NONE, errors.ConnectionReset, /reset by 10.0.0.1:80$/],
    [REFUSED, SoftError.NONE, errors.ConnectionRefused, /refused by 10.0.0.1:80$/],
    [ABORTED, SoftError.NONE, errors.ConnectionAborted, /10.0.0.1:80/],
    [UNREACHABLE, SoftError.NONE, errors.NetworkUnreachable, /10.0.0.1:80/],
    [TIMED_OUT, SoftError.NONE, errors.TimedOut, /10.0.0.1:80$/],
    [TIMED_OUT, SoftError.NO_ANSWER, errors.TimedOut, /10.0.0.1:80$/],
    [TIMED_OUT, SoftError.HOST_UNREACHABLE, errors.NetworkUnreachable, /host 10.0.0.1:80/],
    [TIMED_OUT, SoftError.NETWORK_UNREACHABLE, errors.NetworkUnreachable, /network of 10.0.0.1:80/],
    [RESET, SoftError.HOST_UNREACHABLE, errors.ConnectionReset, /10.0.0.1:80$/],
  ];
  for (const [reason, softError, kind, message] of cases) {
    const error = closeError({ reason, softError, remote: PEER, remotePort: 80 } as Tcb);
    assertInstanceOf(error, kind);
    assertMatch(error.message, message);
  }
  const error = closeError({ reason: RESET, remote: PEER6, remotePort: 80 } as Tcb);
  assertEquals(error!.message, "Connection reset by [fd00::1]:80");
  for (const reason of [CloseReason.NONE, CloseReason.NORMAL]) {
    assertEquals(closeError({ reason, remote: PEER, remotePort: 80 } as Tcb), undefined);
  }
});

Deno.test("[SHLD-25] trouble that ends no connection has an error of its own", () => {
  const { errors } = Deno;
  const cases: [keyof typeof SoftError, new (message: string) => Error][] = [
    ["NO_ANSWER", errors.TimedOut],
    ["NETWORK_UNREACHABLE", errors.NetworkUnreachable],
    ["HOST_UNREACHABLE", errors.NetworkUnreachable],
    ["PROTOCOL_UNREACHABLE", errors.ConnectionRefused],
    ["PORT_UNREACHABLE", errors.ConnectionRefused],
    ["PROHIBITED", errors.NetworkUnreachable],
    ["TIME_EXCEEDED", errors.NetworkUnreachable],
    ["PARAMETER_PROBLEM", errors.InvalidData],
  ];
  assertEquals(
    cases.map(([name]) => name),
    Object.keys(SoftError).filter((name) => name !== "NONE"),
  );
  for (const [name, kind] of cases) {
    const tcb = { softError: SoftError[name], remote: PEER, remotePort: 80 } as Tcb;
    assertInstanceOf(softErrorOf(tcb), kind);
  }
  const calm = { softError: SoftError.NONE, remote: PEER, remotePort: 80 } as Tcb;
  assertEquals(softErrorOf(calm), undefined);
});

/** Devices with and without offload: the same bytes come through, in larger or smaller packets. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { compile } from "../ffi/cc.ts";
import { denoArgs, liveTest, Namespace } from "./namespace.ts";
import { Running } from "./running.ts";
import { assertGivesBack } from "./transfer.ts";

const OFFLOAD_STACK = new URL("./inside/offload_stack.ts", import.meta.url);
const MIB = 1024 * 1024;
const STACK = ["10.0.0.2", "fd00::2"];
/** In one call, as a run of datagrams that the kernel hands over as one packet if it may. */
const DATAGRAMS = 40;

/** Sends a run of datagrams to a port that echoes, and compares what comes back. */
const RUN_OF_DATAGRAMS = `
#include <arpa/inet.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { SIZE = 1000, COUNT = ${DATAGRAMS} };

int main(int argc, char **argv) {
  struct sockaddr_in six_or_four = {.sin_family = AF_INET, .sin_port = htons(7)};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
  int is4 = inet_pton(AF_INET, argv[1], &six_or_four.sin_addr) == 1;
  if (!is4) inet_pton(AF_INET6, argv[1], &six.sin6_addr);
  int fd = socket(is4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0), size = SIZE;
  struct timeval patience = {.tv_sec = 5};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (setsockopt(fd, IPPROTO_UDP, 103 /* UDP_SEGMENT */, &size, sizeof size) < 0) {
    perror("UDP_SEGMENT");
    return 1;
  }
  int joined = is4 ? connect(fd, (struct sockaddr *)&six_or_four, sizeof six_or_four)
                   : connect(fd, (struct sockaddr *)&six, sizeof six);
  static char out[SIZE * COUNT - 10], in[2 * SIZE];
  for (unsigned i = 0; i < sizeof out; i++) out[i] = i / SIZE + i;
  if (joined < 0 || send(fd, out, sizeof out, 0) != sizeof out) {
    perror("send");
    return 1;
  }
  for (int i = 0; i < COUNT; i++) {
    int want = i == COUNT - 1 ? SIZE - 10 : SIZE, got = recv(fd, in, sizeof in, 0);
    if (got != want || memcmp(in, out + i * SIZE, want) != 0) {
      printf("datagram %d: %d bytes\\n", i, got);
      return 1;
    }
  }
  puts("all came back");
}
`;

/** Two namespaces with a cable between them, or one: that of the stack, and that of its peers. */
async function connect(near: Namespace, far: Namespace): Promise<void> {
  const peer = ["type", "veth", "peer", "name", "eth1", "netns", `${far.pid}`];
  await near.check("ip", ["link", "add", "eth0", ...peer]);
  await near.check("ip", ["link", "set", "eth0", "up"]);
  await far.check("ip", ["address", "add", "10.0.0.1/24", "dev", "eth1"]);
  await far.check("ip", ["address", "add", "fd00::1/64", "dev", "eth1", "nodad"]);
  await far.check("ip", ["link", "set", "eth1", "up"]);
}

for (const kind of ["tun", "tap", "eth0"]) {
  for (const how of ["on", "off", ...(kind === "eth0" ? [] : ["no-header", "no-offloads"])]) {
    liveTest(
      `${kind}, offload ${how}: pings, connections and runs of datagrams of both families`,
      ["ping", "nc", "curl", "cc", "tcpdump"],
      async () => {
        await using run = await compile(RUN_OF_DATAGRAMS);
        await using near = await Namespace.create();
        await using other = kind === "eth0" ? await Namespace.create() : undefined;
        const ns = other ?? near;
        if (other !== undefined) await connect(near, other);
        await using stack = new Running(near, Deno.execPath(), [
          ...await denoArgs(OFFLOAD_STACK),
          kind,
          how,
        ]);
        await stack.waitFor(/^ready$/m);
        const device = kind === "eth0" ? "eth1" : "stack0";
        const show = `exec tcpdump -i ${device} -n -vv -U -l tcp or udp 2>&1`;
        await using dump = new Running(ns, "sh", ["-c", show]);
        await dump.waitFor("listening on");
        for (const address of STACK) {
          for (const size of [0, 1452, 9000]) {
            const args = ["-c", "5", "-i", "0.05", "-w", "10", "-s", `${size}`, address];
            assertMatch(await ns.check("ping", args), / 5 received/);
          }
          const nc = (options: Deno.CommandOptions) =>
            ns.command("nc", ["-N", address, "7"], options);
          await assertGivesBack(nc, 16 * MIB);
          const url = `http://${address.includes(":") ? `[${address}]` : address}:8080/echo`;
          const curl = ["--silent", "--globoff", "--noproxy", "*", "--data-binary", "@-", url];
          await assertGivesBack((options) => ns.command("curl", curl, options), 4 * MIB);
          assertEquals(await ns.check(run.path, [address]), "all came back\n");
        }
        dump.signal("SIGINT");
        await dump.end();
        await stack.closeInput();
        assertEquals([(await stack.end()).code, stack.stderr], [0, ""]);
        const counters = JSON.parse(stack.stdout.trimEnd().split("\n").at(-1)!);

        const seen = dump.stdout;
        const lengths = [...seen.matchAll(/length (\d+)$/gm)].map(([, length]) => Number(length));
        const isOn = how === "on";
        assert(lengths.length > 1000, `${lengths.length} packets were seen`);
        assertEquals(lengths.some((length) => length > 1460), isOn || kind === "eth0");
        if (!isOn && kind !== "eth0") {
          assertMatch(seen, /cksum 0x[0-9a-f]+ \(correct\)/);
          assert(!/incorrect|bad udp cksum/.test(seen), "as on a wire");
        }
        const { deviceSuperSegmentsSent: sent, deviceSuperSegmentsReceived: received } = counters;
        assertEquals(sent > 100, isOn, `${sent} super-segments sent`);
        assertEquals(received > 100, isOn || kind === "eth0", `${received} received`);
        assertEquals([counters.deviceSendRefused, counters.deviceSendFailed], [0, 0]);
        assertEquals(Object.keys(counters).filter((name) => /CHECKSUM/.test(name)), []);
        assertEquals(counters.deviceOffloadMalformed ?? 0, 0);
      },
    );
  }
}

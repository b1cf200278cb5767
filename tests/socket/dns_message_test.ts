/** DNS messages, byte by byte. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeResponse, encodeQuery } from "../../src/socket/dns/codec.ts";

function bytes(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replace(/\s/g, ""));
}

/** `example.test`, and a pointer to it in the question. */
const NAME = "07 6578616d706c65 04 74657374 00";
const POINTER = "c00c";

Deno.test("a query asks for recursion, class IN, and tells by EDNS what is welcome", () => {
  const plain = `1234 0100 0001 0000 0000 0000 ${NAME} 001c 0001`;
  const opt = "00 0029 04d0 00 00 0000 0000";
  const question = { name: "example.test", type: "AAAA" } as const;
  assertEquals(new Uint8Array(encodeQuery(0x1234, question, false)), bytes(plain));
  const withOpt = plain.replace("0000 0000 0000", "0000 0000 0001") + opt;
  assertEquals(new Uint8Array(encodeQuery(0x1234, question, true)), bytes(withOpt));
});

/** An alias, its address, a SOA record and EDNS with the upper bits of a response code. */
const RESPONSE = bytes(`
  1234 8183 0001 0002 0001 0001
  ${NAME} 0001 0001
  ${POINTER} 0005 0001 0000003c 0006 03 777777 ${POINTER}
  03 777777 ${POINTER} 0001 0001 ffffffff 0004 c0000201
  c014 0006 0001 00000e10 0020
    02 6e73 c014 04 726f6f74 c014 00000001 00000002 00000003 00000004 00000005
  00 0029 04d0 01 00 0000 0000
`);

Deno.test("a response is read with compressed names, bounded times and its whole code", () => {
  assertEquals(decodeResponse(RESPONSE, 0x1234), {
    truncated: false,
    rcode: 0x13,
    question: { name: "example.test", type: "A" },
    answers: [
      { name: "example.test", type: "CNAME", ttl: 60, data: "www.example.test" },
      { name: "www.example.test", type: "A", ttl: 0, data: "192.0.2.1" },
    ],
    authorities: [{
      name: "test",
      type: "SOA",
      ttl: 3600,
      data: {
        mname: "ns.test",
        rname: "root.test",
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 5,
      },
    }],
  });
});

Deno.test("what is no response to the query is not read", () => {
  const changed = (at: number, byte: number) => RESPONSE.with(at, byte);
  const cases: [what: string, message: Uint8Array][] = [
    ["nothing", new Uint8Array()],
    ["half a header", RESPONSE.subarray(0, 11)],
    ["another id", changed(1, 0x35)],
    ["a query", changed(2, 0x01)],
    ["a response to an update", changed(2, 0xa9)],
    ["more records than there are", changed(7, 9)],
    ["a name that points forward", changed(13 + 18, 0xff)],
    ["a name that points at itself", bytes("1234 8180 0001 0000 0000 0000 c00c 0001 0001")],
  ];
  for (const [what, message] of cases) {
    assertEquals(decodeResponse(message, 0x1234), undefined, what);
  }
});

Deno.test("no message, however broken, is more than not read", () => {
  const change = fc.tuple(fc.nat(RESPONSE.length - 1), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), fc.nat(RESPONSE.length), (changes, length) => {
      const message = RESPONSE.slice();
      for (const [at, byte] of changes) message[at] = byte;
      message.set([0x12, 0x34, message[2]! | 0x80]);
      decodeResponse(message.subarray(0, length), 0x1234);
    }),
    { numRuns: 3000 },
  );
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Worker, type WorkerOptions } from "@sluice/worker";

import { addressText, chooseAddresses, compareAddresses, parseTarget } from "#dist/address.js";
import { autoWindow, worthTelling } from "#dist/auto-window.js";
import { Backoff } from "#dist/backoff.js";
import { FrameDecoder } from "#dist/frame-decoder.js";
import { cutReason, writeEarlyReply, writeSettle } from "#dist/frame-encoder.js";
import { GatewayFrame, WorkerFrame } from "#dist/generated/sluice/v1/worker.js";
import { Outbox } from "#dist/outbox.js";
import { Reader, varintSize, Writer } from "#dist/wire.js";

describe("options", () => {
  const good: WorkerOptions = { gateways: ["g"], chains: ["c"], security: "plaintext" };
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ gateways: [] }, /^gateways is empty/],
    [{ gateways: ["http://g"] }, /^gateway "http:\/\/g": it is not a URL; give HOST:PORT/],
    [{ gateways: ["g:0"] }, /the port is not a number from 1 to 65535/],
    [{ chains: [] }, /^chains is empty/],
    [{ chains: Array.from({ length: 1001 }, String) }, /^chains has 1,001 entries; allowed are 1,000/],
    [{ chains: ["x".repeat(257)] }, /^a chain's name has 257 bytes; allowed are 256/],
    [{ workerName: "ü".repeat(129) }, /^workerName has 258 bytes/],
    [{ windowMessages: 0 }, /^windowMessages is 0; allowed are whole numbers 1 … 4,294,967,294, or "auto"/],
    [{ concurrency: 4097 }, /^concurrency is 4097; allowed are whole numbers 1 … 4,096/],
    [{ leaseMs: -1 }, /^leaseMs is -1 ms; allowed are whole numbers 0 … 86,400,000 ms/],
    [{ resolveIntervalMs: 999 }, /^resolveIntervalMs is 999 ms/],
    [
      { reconnectFirstMs: 200, reconnectLongestMs: 100 },
      /^reconnectLongestMs is 100 ms; allowed are whole numbers 200/,
    ],
    [{ connectTimeoutMs: 1.5 }, /^connectTimeoutMs is 1.5 ms/],
    [{ sendBufferBytes: "1" }, /^sendBufferBytes is "1" bytes/],
    [{ security: "none" }, /^security is "none"; allowed are "tls", "plaintext"/],
    [{ family: "ipv4" }, /^family is "ipv4"/],
    [{ tls: { caFile: "x" } }, /^tls is set, but security is "plaintext"/],
    [{ security: "tls", tls: { certFile: "x" } }, /^tls.certFile and tls.keyFile go together/],
    [{ security: "tls", tls: { caFile: "/none" } }, /^tls.caFile: cannot read \/none/],
    [{ token: "secret" }, /^token is "secret"; allowed is a function/],
    [{ token: () => "x", tokenFile: "y" }, /^tokenFile and token are both set/],
    [{ windowMesages: 5 }, /^windowMesages is no option; there are/],
    [{ onEvent: 5 }, /^onEvent is 5; allowed is a function/],
  ];
  for (const [change, message] of cases) {
    test(`refuses ${JSON.stringify(change).slice(0, 60)}`, () => {
      assert.throws(() => new Worker({ ...good, ...change }, () => undefined), { code: "INVALID_ARGUMENT", message });
    });
  }
  test("takes what is good", () => {
    new Worker({ ...good, windowMessages: "auto", concurrency: "auto", token: undefined }, () => undefined);
  });
});

test("takes names of gateways apart", () => {
  assert.deepEqual(parseTarget("g.example"), { host: "g.example", port: 7443, literal: false });
  assert.deepEqual(parseTarget("[::1]:5"), { host: "::1", port: 5, literal: true });
  assert.deepEqual(parseTarget("::1"), { host: "::1", port: 7443, literal: true });
  assert.deepEqual(parseTarget("1.2.3.4:5"), { host: "1.2.3.4", port: 5, literal: true });
  for (const bad of ["", ":1", "[::1", "[::1]5", "a:b:c", "a:99999", "a:"])
    assert.throws(() => parseTarget(bad), { code: "INVALID_ARGUMENT" });
});

test("chooses addresses by family, and sees what has changed", () => {
  const target = parseTarget("g:1");
  const found = ["::2", "10.0.0.2", "10.0.0.1", "10.0.0.1"];
  const ips = (family: "preferIpv4" | "preferIpv6" | "all", of = found): string[] =>
    chooseAddresses(of, target, family).map(addressText);
  assert.deepEqual(ips("preferIpv4"), ["10.0.0.1:1", "10.0.0.2:1"]);
  assert.deepEqual(ips("preferIpv6"), ["[::2]:1"]);
  assert.deepEqual(ips("preferIpv4", ["::2"]), ["[::2]:1"]);
  assert.deepEqual(ips("all"), ["10.0.0.1:1", "10.0.0.2:1", "[::2]:1"]);
  const of = (...list: string[]): ReturnType<typeof chooseAddresses> => chooseAddresses(list, target, "all");
  const { added, gone } = compareAddresses(of("1.1.1.1", "2.2.2.2"), [...of("2.2.2.2", "3.3.3.3"), ...of("3.3.3.3")]);
  assert.deepEqual([added.map(({ ip }) => ip), gone.map(({ ip }) => ip)], [["3.3.3.3"], ["1.1.1.1"]]);
});

test("waits longer after each failure, and the longest after what will not mend", () => {
  const backoff = new Backoff(100, 1000, () => 1);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => backoff.next("UNAVAILABLE")),
    [100, 200, 400, 800, 1000],
  );
  backoff.reset();
  assert.equal(backoff.next("UNIMPLEMENTED"), 1000);
  assert.equal(backoff.next("UNAVAILABLE"), 100);
  assert.equal(new Backoff(100, 1000, () => 0).next("OK"), 50);
});

test("asks for what handlers get through in 100 ms", () => {
  assert.equal(autoWindow(4, 0, 0), 4);
  assert.equal(autoWindow(4, 10, 1), 44);
  assert.equal(autoWindow(4, 10, 3), 15);
  assert.equal(autoWindow(4, 500, 1), 4);
  assert.equal(autoWindow(4, 0.001, 1), 1000);
  assert.ok(!worthTelling(100, 110));
  assert.ok(worthTelling(100, 125));
  assert.ok(!worthTelling(1, 1));
});

describe("wire", () => {
  test("reads and writes numbers of every length", () => {
    const writer = new Writer(4);
    const numbers = [0, 127, 128, 16_383, 16_384, 2 ** 21, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32 + 5, 2 ** 53 - 1];
    for (const value of numbers) {
      writer.ensure(10);
      const before = writer.pos;
      writer.varint(value);
      assert.equal(writer.pos - before, varintSize(value));
    }
    const reader = new Reader(writer.buffer, writer.pos);
    assert.deepEqual(
      numbers.map(() => reader.varint()),
      numbers,
    );
  });

  test("writes what the generated code reads", () => {
    for (const size of [0, 1, 20, 42, 43, 60, 127, 128, 5000, 16_384, 70_000]) {
      for (const letter of ["x", "ü", "€", "😀"]) {
        const text = letter.repeat(size);
        const writer = new Writer(16);
        const reply = { topic: text, payload: text, userProperties: [[text, ""]] as const, metadata: { [text]: text } };
        assert.equal(
          writeSettle(writer, 300, { outcome: "ack", replies: [reply, { payload: Buffer.from(text), qos: 1 }] }),
          5,
        );
        assert.equal(writeEarlyReply(writer, 2 ** 40, reply), 3);
        const frame = WorkerFrame.decode(writer.buffer.subarray(0, writer.pos));
        const [settle] = frame.settles;
        assert.equal(settle?.deliveryId, 300n);
        assert.equal(settle.replies[0]?.topic, text);
        assert.equal(settle.replies[1]?.payload.toString(), text);
        assert.deepEqual(frame.replies[0]?.userProperties, [{ name: text, value: "" }]);
        assert.equal(frame.replies[0].metadata[text], text);
        assert.equal(frame.replies[0].deliveryId, 2n ** 40n);
      }
    }
  });

  test("ignores fields and values that it does not know", () => {
    const delivery = Buffer.from([0x12, 13, 0x08, 5, 0x58, 9, 0xf8, 0x07, 1, 0xfa, 0x07, 1, 0, 0x0d + 0x78, 0x7f]);
    delivery[1] = 9 + 2;
    const frame = Buffer.concat([
      delivery.subarray(0, 13),
      Buffer.from([0x50, 1, 0x5d, 1, 2, 3, 4, 0x61, 1, 2, 3, 4, 5, 6, 7, 8, 0x6a, 1, 9]),
    ]);
    const [message] = new FrameDecoder().decode(frame).deliveries;
    assert.equal(message?.deliveryId, 5);
    assert.equal(message.dataType, "unspecified");
  });

  test("takes no frame that is cut, bent or lies about its sizes for a whole one", () => {
    const whole = Buffer.from(
      GatewayFrame.encode(
        GatewayFrame.fromPartial({
          deliveries: [
            {
              deliveryId: 1n,
              topic: "a/b",
              payload: Buffer.alloc(300),
              userProperties: [{ name: "n", value: "v" }],
              metadata: { a: "b" },
            },
          ],
          results: [{ replyId: 5n, message: "m" }],
          revokes: [{ deliveryId: 4n }],
          ping: { nonce: 3n },
        }),
      ).finish(),
    );
    assert.equal(new FrameDecoder().decode(whole).deliveries.length, 1);
    let refused = 0;
    for (let length = 1; length < whole.length; ++length) {
      try {
        new FrameDecoder().decode(whole.subarray(0, length));
      } catch (error) {
        assert.equal((error as Error).name, "MalformedError");
        ++refused;
      }
    }
    assert.ok(refused > whole.length - 10);
    for (let at = 0; at < whole.length; ++at) {
      for (const bit of [1, 0x80, 0xff]) {
        const bent = Buffer.from(whole);
        bent[at] = (bent[at] ?? 0) ^ bit;
        try {
          new FrameDecoder().decode(bent);
        } catch (error) {
          assert.equal((error as Error).name, "MalformedError");
        }
      }
    }
  });

  test("cuts a reason between two characters", () => {
    assert.equal(cutReason("short"), "short");
    assert.equal(Buffer.byteLength(cutReason("x".repeat(5000))), 1024);
    assert.equal(cutReason("x".repeat(1023) + "ü"), "x".repeat(1023));
    assert.equal(cutReason("€".repeat(1000)), "€".repeat(341));
    assert.equal(cutReason("x".repeat(1024)), "x".repeat(1024));
  });
});

describe("outbox", () => {
  const put = (outbox: Outbox, size: number, items = 1): boolean =>
    outbox.add(
      (writer) => {
        writer.ensure(size);
        writer.pos += size;
        return items;
      },
      1,
      10,
    );

  test("cuts frames at the gateway's size and at 100,000 items", () => {
    const outbox = new Outbox(100);
    for (let count = 0; count < 5; ++count) assert.ok(put(outbox, 40));
    assert.equal(outbox.size, 200);
    const sizes = [];
    for (let frame = outbox.take(); frame !== undefined; frame = outbox.take())
      sizes.push([frame.bytes.length, frame.settled]);
    assert.deepEqual(sizes, [
      [80, 2],
      [80, 2],
      [40, 1],
    ]);
    assert.ok(outbox.empty);
    put(outbox, 10, 60_000);
    put(outbox, 10, 60_000);
    assert.equal(outbox.take()?.bytes.length, 10);
  });

  test("takes nothing that is larger than a frame", () => {
    const outbox = new Outbox(100);
    assert.ok(put(outbox, 30));
    assert.ok(!put(outbox, 101));
    assert.ok(!put(outbox, 10, 100_001));
    assert.equal(outbox.size, 30);
    assert.equal(outbox.take()?.bytes.length, 30);
    assert.equal(outbox.take(), undefined);
  });

  test("uses the memory of what is written again, and only of that", () => {
    const outbox = new Outbox(1000);
    put(outbox, 10);
    const first = outbox.take();
    put(outbox, 20);
    outbox.recycle();
    const second = outbox.take();
    assert.notEqual(first?.bytes.buffer, second?.bytes.buffer);
    put(outbox, 10);
    assert.equal(outbox.take()?.bytes.buffer, first?.bytes.buffer);
  });
});

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";

import { FakeGateway } from "@sluice/worker/testing";

import { gate, RunningWorker } from "./support.js";

/** Returns once its signal has aborted. */
async function untilAbandoned(_message: unknown, { signal }: { signal: AbortSignal }): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}

test("connects again when a stream is lost", async () => {
  await using gateway = await FakeGateway.start();
  const done = gate();
  await using running = new RunningWorker(gateway, async (message, context) => {
    await untilAbandoned(message, context);
    await assert.rejects(context.send({}), { code: "UNAVAILABLE" });
    done.open();
  });
  await gateway.deliver();
  await gateway.loseStream();
  await done.passed;
  const event = await running.event("disconnected");
  assert.equal(event.status.code, "UNAVAILABLE");
  assert.ok((event.retryInMs ?? -1) >= 0);
  await gateway.expectStream();
  await gateway.expectStream();
  await running.event("connected");
});

test("waits the longest after a refusal that will not mend", async () => {
  await using gateway = await FakeGateway.start();
  gateway.refuse({ code: "PERMISSION_DENIED", message: "no chain is left" });
  await using running = new RunningWorker(gateway, () => undefined, { reconnectLongestMs: 100_000 });
  const event = await running.event("connectFailed");
  assert.equal(event.status.code, "PERMISSION_DENIED");
  assert.ok((event.retryInMs ?? 0) >= 50_000);
  assert.match(event.text, /no chain is left; trying again in \d+ ms$/);
});

test("tells why it cannot connect", async () => {
  await using running = new RunningWorker(["127.0.0.1:1"], () => undefined);
  assert.match((await running.event("connectFailed")).text, /ECONNREFUSED/);
});

test("gives up on a gateway that says no Welcome", async () => {
  const gateway = await FakeGateway.start();
  const { port } = gateway;
  await gateway.close();
  const mute = createServer((socket) => socket.resume()).listen(port, "127.0.0.1");
  await using running = new RunningWorker([`127.0.0.1:${String(port)}`], () => undefined, { connectTimeoutMs: 50 });
  const { status } = await running.event("connectFailed");
  assert.deepEqual(status, { code: "DEADLINE_EXCEEDED", message: "no connection and Welcome in time" });
  running.worker.stop();
  mute.close();
  await once(mute, "close"); // No connection is left open.
});

test("refuses a protocol version that it does not speak, and frames that are none", async () => {
  await using newer = await FakeGateway.start({ welcome: { protocolVersion: 2 } });
  await using one = new RunningWorker(newer, () => undefined, { reconnectLongestMs: 1000 });
  assert.equal((await one.event("connectFailed")).status.code, "FAILED_PRECONDITION");

  await using gateway = await FakeGateway.start();
  await using two = new RunningWorker(gateway, () => undefined, { reconnectLongestMs: 1000 });
  (await gateway.expectStream()).sendBytes(Buffer.from([0x12, 0x7f]));
  const { status } = await two.event("disconnected");
  assert.deepEqual(status, { code: "INVALID_ARGUMENT", message: "the gateway sent a malformed frame" });
});

test("leaves as the protocol says", async () => {
  await using gateway = await FakeGateway.start();
  const work = gate();
  await using running = new RunningWorker(gateway, () => work.passed);
  const stream = await gateway.expectStream();
  const [first] = stream.deliver({});
  await running.event("connected");
  stream.mute = true; // The Pong comes when the test says so.
  running.worker.drain();
  const frame = await stream.expectFrame("a Ping after the Drain", ({ ping }) => ping?.nonce === 2n);
  assert.ok(stream.draining);
  assert.equal(frame.drain, undefined);
  const [late] = stream.deliver({});
  work.open();
  await stream.expectSettle(first);
  await stream.expectSettle(late);
  assert.ok(!stream.halfClosed);
  stream.send({ pong: { nonce: 2n } });
  await stream.until("the half-close", () => stream.halfClosed || undefined);
  stream.send({ results: [{ replyId: 1n }] });
  stream.end({ code: "OK", message: "" });
  assert.equal(await running.ended, "OK");
  assert.deepEqual(
    running.events.map(({ kind }) => kind),
    ["connected", "draining", "disconnected"],
  );
});

test("gives up a drain that takes too long", async () => {
  await using gateway = await FakeGateway.start();
  await using running = new RunningWorker(gateway, untilAbandoned, { drainTimeoutMs: 50 });
  await gateway.deliver();
  await running.event("connected");
  running.worker.drain();
  assert.equal(await running.ended, "DEADLINE_EXCEEDED");
});

test("serves a new stream while the old one is drained by its gateway", async () => {
  await using gateway = await FakeGateway.start();
  const work = gate();
  await using running = new RunningWorker(gateway, () => work.passed);
  const old = await gateway.expectStream();
  const [id] = old.deliver({});
  old.drain("the stream is old");
  await gateway.expectStream();
  assert.ok(!old.halfClosed);
  work.open();
  await old.expectSettle(id);
  await old.expectEnd();
  assert.ok(old.halfClosed);
  assert.match((await running.event("draining")).text, /drains: the stream is old/);
  assert.equal((await running.event("disconnected")).status.code, "OK");
});

test("tells what has begun, once, and extends it", async () => {
  await using gateway = await FakeGateway.start();
  const work = gate();
  await using _running = new RunningWorker(
    gateway,
    (message) => (message.text() === "long" ? work.passed : undefined),
    {
      concurrency: 1,
    },
  );
  const stream = await gateway.expectStream();
  const [quick, long, waiting] = stream.deliver({}, { payload: "long", leaseMs: 200 }, { leaseMs: 200 });
  assert.deepEqual(await stream.expectExtend(long ?? 0), { deliveryId: long, leaseMs: 200 });
  await stream.until("a second extend", () => stream.extends.length >= 2 || undefined);
  assert.deepEqual(stream.began, [long]);
  work.open();
  await stream.expectSettle(waiting);
  assert.ok(stream.extends.every(({ deliveryId }) => deliveryId === long));
  assert.ok(stream.settles.some(({ deliveryId }) => deliveryId === quick));
});

test("extends what waits where the gateway does not ask what has begun", async () => {
  await using gateway = await FakeGateway.start({ features: [] });
  const work = gate();
  await using _running = new RunningWorker(gateway, () => work.passed, { concurrency: 1 });
  const stream = await gateway.expectStream();
  const [first, waiting] = stream.deliver({ leaseMs: 100 }, { leaseMs: 100 });
  await stream.expectExtend(first ?? 0);
  await stream.expectExtend(waiting ?? 0);
  assert.deepEqual(stream.began, []);
  stream.result({ code: "CLIPPED", deliveryId: first ?? 0, leaseMs: 10 });
  stream.extends.length = 0;
  await stream.until(
    "extends of the other",
    () => stream.extends.filter(({ deliveryId }) => deliveryId === waiting).length > 2 || undefined,
  );
  assert.ok(stream.extends.filter(({ deliveryId }) => deliveryId === first).length <= 1);
  work.open();
});

test("tells a handler that its message was given to another, and forgets what has not begun", async () => {
  await using gateway = await FakeGateway.start();
  const lost = gate();
  const seen: string[] = [];
  await using _running = new RunningWorker(
    gateway,
    async (message, context) => {
      seen.push(message.text());
      if (message.text() !== "first") return;
      await untilAbandoned(message, context);
      lost.open();
    },
    { concurrency: 1 },
  );
  const stream = await gateway.expectStream();
  const [first, second, third] = stream.deliver({ payload: "first" }, { payload: "second" }, { payload: "third" });
  stream.revoke(second ?? 0);
  stream.revoke(first ?? 0);
  await lost.passed;
  await stream.expectSettle(third);
  assert.deepEqual(seen, ["first", "third"]);
  assert.deepEqual(
    stream.settles.map(({ deliveryId }) => deliveryId),
    [third],
  );
});

test("answers pings with any nonce, pings by itself, and gives up a silent gateway", async () => {
  await using gateway = await FakeGateway.start({ heartbeatMs: 1000 });
  await using running = new RunningWorker(gateway, () => undefined);
  const stream = await gateway.expectStream();
  const nonce = 2n ** 64n - 1n;
  stream.send({ ping: { nonce } });
  await stream.expectFrame("a Pong", ({ pong }) => pong?.nonce === nonce);
  await stream.expectFrame("a Ping", ({ ping }) => ping !== undefined);
  stream.mute = true;
  const { status } = await running.event("disconnected");
  assert.deepEqual(status, {
    code: "DEADLINE_EXCEEDED",
    message: "the gateway was silent for two heartbeat intervals",
  });
});

test("a handler that computes for long does not make the gateway look silent", async () => {
  await using gateway = await FakeGateway.start({ heartbeatMs: 1000 });
  await using running = new RunningWorker(gateway, () => {
    const until = performance.now() + 2_200;
    while (performance.now() < until);
  });
  await gateway.expectSettle(await gateway.deliver());
  const { frames } = await gateway.current();
  const before = frames.length;
  await gateway.until("a further heartbeat", () => frames.length > before || undefined);
  assert.deepEqual(
    running.events.map(({ kind }) => kind),
    ["connected"],
  );
});

test("sets its window by how long handlers take", async () => {
  await using gateway = await FakeGateway.start();
  await using _running = new RunningWorker(gateway, () => undefined, { concurrency: 4 });
  const stream = await gateway.expectStream();
  assert.equal(stream.hello.window?.messages, 4);
  const ids = stream.deliver(...Array.from({ length: 10 }, () => ({})));
  await stream.expectSettle(ids.at(-1));
  await stream.until("a larger window", () => {
    stream.deliver({});
    return stream.frames.find(({ window }) => (window?.messages ?? 0) >= 500);
  });
});

test("reads no more than its window allows", async () => {
  await using gateway = await FakeGateway.start();
  const work = gate();
  await using running = new RunningWorker(gateway, () => work.passed, { windowMessages: 2 });
  const stream = await gateway.expectStream();
  for (let frame = 0; frame < 200; ++frame) stream.deliver({}, {}, {});
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(running.worker.stats.received < 100, String(running.worker.stats.received));
  work.open();
  await stream.expectSettle(600);
});

test("keeps one stream to each address behind a name, and looks the name up again", async () => {
  await using gateway = await FakeGateway.start();
  let found: string[] | Error = new Error("no such name");
  const asked: string[] = [];
  const name = `gateway.example:${String(gateway.port)}`;
  await using running = new RunningWorker([name], () => undefined, {
    resolver: (host) => {
      asked.push(host);
      if (found instanceof Error) throw found;
      return found;
    },
  });
  const event = await running.event("resolveFailed");
  assert.equal(event.address, "gateway.example");
  assert.match(event.text, /^cannot look up gateway.example: NOT_FOUND: no such name; trying again in \d+ ms$/);
  found = ["127.0.0.1", "127.0.0.1", "::1"]; // IPv4 is preferred.
  const stream = await gateway.expectStream();
  assert.equal(new Set(asked).size, 1);
  await running.event("connected");
  stream.lose();
  await gateway.expectStream();
  assert.equal(gateway.streams.length, 2);
});

test("a token that cannot be had is an event, and is asked for again", async () => {
  await using gateway = await FakeGateway.start();
  let calls = 0;
  await using running = new RunningWorker(gateway, () => undefined, {
    token: () => {
      if (++calls === 1) throw new Error("the vault is closed");
      return calls === 2 ? "two words" : "good";
    },
  });
  assert.equal((await gateway.expectStream()).authorization, "Bearer good");
  const failures = running.events.filter(({ kind }) => kind === "connectFailed");
  assert.deepEqual(
    failures.map(({ status }) => status),
    [
      { code: "UNAVAILABLE", message: "token() failed: the vault is closed" },
      { code: "UNAVAILABLE", message: "token() holds no token, or more than one" },
    ],
  );
});

test("does not dial when it has not said so", async () => {
  let connections = 0;
  const deaf = createServer((socket) => {
    ++connections;
    socket.resetAndDestroy();
  }).listen(0, "127.0.0.1");
  await once(deaf, "listening");
  const { port } = deaf.address() as { port: number };
  const options = { reconnectFirstMs: 60_000, reconnectLongestMs: 60_000 };
  await using running = new RunningWorker([`127.0.0.1:${String(port)}`], () => undefined, options);
  await running.event("connectFailed");
  await new Promise((resolve) => setTimeout(resolve, 1_500)); // gRPC's own first back-off is a second.
  assert.equal(connections, 1);
  deaf.close();
});

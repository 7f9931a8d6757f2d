import assert from "node:assert/strict";
import { test } from "node:test";

import { ack, drop, DropError, type Handler, reject, RejectError, type Reply, retry, RetryError } from "@sluice/worker";
import { FakeGateway } from "@sluice/worker/testing";

import { gate, RunningWorker } from "./support.js";

test("introduces itself as it was told to", async () => {
  await using gateway = await FakeGateway.start();
  await using running = new RunningWorker(gateway, () => undefined, {
    workerName: "alarm",
    instance: "pod-1",
    chains: ["a", "b"],
    windowMessages: 7,
    windowBytes: 1000,
    leaseMs: 5000,
    token: () => Promise.resolve(" secret\n"),
  });
  const { hello, authorization } = await gateway.expectStream();
  assert.deepEqual(hello, {
    minProtocolVersion: 1,
    maxProtocolVersion: 1,
    workerName: "alarm",
    instance: "pod-1",
    chains: ["a", "b"],
    window: { messages: 7, bytes: 1000n },
    leaseMs: 5000,
    features: ["began"],
    sdk: hello.sdk,
  });
  assert.match(hello.sdk, /^sluice-node\/\d+\.\d+\.\d+$/);
  assert.equal(authorization, "Bearer secret");
  assert.match((await running.event("connected")).text, /serving a, b$/);
});

test("hands a handler every field of a message", async () => {
  await using gateway = await FakeGateway.start();
  const seen = gate();
  const fields = {
    messageId: "0190",
    route: "r",
    chain: "chain",
    startNode: "n",
    topic: "größe/1",
    payload: Buffer.from([0, 255, 1]),
    qos: 2,
    retain: true,
    dup: true,
    dataType: "binary" as const,
    receivedUnixMs: 1_764_000_000_123,
    ageMs: 2 ** 40,
    leaseMs: 30_000,
    attempt: 3,
    orderingKey: "k",
    contentType: "text/plain",
    responseTopic: "re/ply",
    correlationData: Buffer.from([9]),
    userProperties: [
      ["a", "1"],
      ["a", "2"],
    ] as const,
    expiryS: 0,
    metadata: { __proto__x: "1", b: "2" },
  };
  let got: object = {};
  await using _running = new RunningWorker(gateway, (message) => {
    got = { ...message, metadata: { ...message.metadata } };
    seen.open();
  });
  const deliveryId = await gateway.deliver(fields);
  await seen.passed;
  assert.deepEqual(got, { deliveryId, ...fields });
});

test("settles with what a handler returns or throws", async () => {
  await using gateway = await FakeGateway.start();
  const outcomes: Record<string, () => ReturnType<Handler>> = {
    nothing: () => undefined,
    reply: () => ({ topic: "t", payload: "p", qos: 1 }),
    list: () => [{ payload: "1" }, { payload: "2" }],
    ack: () => ack({ payload: "1" }),
    retry: () => retry("later", { afterMs: 1500 }),
    reject: () => reject("never"),
    drop: () => drop("no use"),
    throwRetry: () => {
      throw new RetryError("later", { afterMs: 99_999_999 });
    },
    throwReject: () => Promise.reject(new RejectError("never")),
    throwDrop: () => {
      throw new DropError("no use");
    },
    unforeseen: () => {
      throw new TypeError("x is not a function");
    },
    noError: () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- Users may.
      throw "a string";
    },
    nonsense: () => 42 as unknown as Reply,
    nonsenseInside: () => ({ payload: 42 }) as unknown as Reply,
    nonsenseOutcome: () => ({ outcome: "maybe" }) as unknown as Reply,
  };
  await using _running = new RunningWorker(gateway, (message) => outcomes[message.text()]?.());
  const settle = async (name: string): Promise<object> => {
    const { outcome, reason, retryAfterMs, replies } = await gateway.expectSettle(
      await gateway.deliver({ payload: name }),
    );
    return { outcome, reason, retryAfterMs, replies: replies.map(({ payload }) => payload.toString()) };
  };
  const expected = { outcome: "ack", reason: "", retryAfterMs: 0, replies: [] as string[] };
  assert.deepEqual(await settle("nothing"), expected);
  assert.deepEqual(await settle("reply"), { ...expected, replies: ["p"] });
  assert.deepEqual(await settle("list"), { ...expected, replies: ["1", "2"] });
  assert.deepEqual(await settle("ack"), { ...expected, replies: ["1"] });
  assert.deepEqual(await settle("retry"), { ...expected, outcome: "retry", reason: "later", retryAfterMs: 1500 });
  assert.deepEqual(await settle("reject"), { ...expected, outcome: "reject", reason: "never" });
  assert.deepEqual(await settle("drop"), { ...expected, outcome: "drop", reason: "no use" });
  assert.deepEqual(await settle("throwRetry"), {
    ...expected,
    outcome: "retry",
    reason: "later",
    retryAfterMs: 3_600_000,
  });
  assert.deepEqual(await settle("throwReject"), { ...expected, outcome: "reject", reason: "never" });
  assert.deepEqual(await settle("throwDrop"), { ...expected, outcome: "drop", reason: "no use" });
  assert.deepEqual(await settle("unforeseen"), { ...expected, outcome: "retry", reason: "x is not a function" });
  assert.deepEqual(await settle("noError"), { ...expected, outcome: "retry", reason: "a string" });
  for (const [name, reason] of [
    ["nonsense", /returned a number/],
    ["nonsenseInside", /payload is 42; allowed is a string or a Uint8Array/],
    ["nonsenseOutcome", /outcome is "maybe"/],
  ] as const) {
    const got = (await settle(name)) as { outcome: string; reason: string };
    assert.equal(got.outcome, "retry");
    assert.match(got.reason, reason);
  }
});

test("sends replies ahead of the settle, and says everything of a reply", async () => {
  await using gateway = await FakeGateway.start();
  const reply = {
    topic: "a/b",
    payload: Buffer.from([0, 200]),
    qos: 0,
    retain: true,
    replyId: 2 ** 52,
    contentType: "c",
    responseTopic: "r",
    correlationData: Buffer.alloc(0),
    userProperties: [["n", "v"]] as const,
    expiryS: 0,
    metadata: { responseQos: "1" },
  };
  await using _running = new RunningWorker(gateway, async (_message, context) => {
    await context.send(reply);
    void context.send({ payload: "2" });
    return { payload: "3" };
  });
  const id = await gateway.deliver();
  assert.deepEqual(await gateway.expectReply(id), { ...reply, deliveryId: id });
  const settle = await gateway.expectSettle(id);
  const stream = await gateway.current();
  assert.deepEqual([...stream.replies, ...settle.replies].map(({ payload }) => payload.toString()).slice(1), [
    "2",
    "3",
  ]);
});

test("bounds what is unsent, and keeps the order", async () => {
  await using gateway = await FakeGateway.start();
  let sent = 0;
  await using _running = new RunningWorker(
    gateway,
    async (_message, context) => {
      for (let index = 0; index < 40; ++index) {
        await context.send({ payload: Buffer.alloc(100_000, index) });
        ++sent;
      }
    },
    { sendBufferBytes: 200_000 },
  );
  const stream = await gateway.expectStream();
  stream.pause();
  const id = await gateway.deliver();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(sent < 40, `${String(sent)} replies were taken while nobody read`);
  stream.resume();
  await gateway.expectSettle(id);
  assert.deepEqual(
    stream.replies.map(({ payload }) => payload[0]),
    Array.from({ length: 40 }, (_, index) => index),
  );
});

test("gathers the settles of one turn in one frame", async () => {
  await using gateway = await FakeGateway.start();
  await using _running = new RunningWorker(
    gateway,
    async ({ deliveryId }) => {
      await Promise.resolve();
      return { payload: String(deliveryId) };
    },
    { concurrency: 64 },
  );
  const stream = await gateway.expectStream();
  const ids = stream.deliver(...Array.from({ length: 50 }, () => ({})));
  await stream.expectSettle(ids.at(-1));
  const frames = stream.frames.filter(({ settles }) => settles.length > 0);
  assert.equal(frames.length, 1);
  assert.deepEqual(
    stream.settles.map(({ deliveryId }) => deliveryId),
    ids,
  );
});

test("runs no more handlers at once than it may", async () => {
  await using gateway = await FakeGateway.start();
  let now = 0;
  let most = 0;
  await using running = new RunningWorker(
    gateway,
    async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 2));
      --now;
    },
    { concurrency: 3 },
  );
  const stream = await gateway.expectStream();
  const ids = stream.deliver(...Array.from({ length: 20 }, () => ({})));
  await Promise.all(ids.map((id) => stream.expectSettle(id)));
  assert.equal(most, 3);
  assert.deepEqual(running.worker.stats, { streams: 1, received: 20, settled: 20 });
});

test("rejects what is larger than a frame may be, and the stream goes on", async () => {
  await using gateway = await FakeGateway.start({ maxFrameBytes: 10_000 });
  await using running = new RunningWorker(gateway, async (message, context) => {
    if (message.text() === "early") {
      await assert.rejects(context.send({ payload: Buffer.alloc(10_000) }), { code: "INVALID_ARGUMENT" });
      return undefined;
    }
    return message.text() === "large" ? { payload: Buffer.alloc(10_000) } : { payload: "x".repeat(3000) };
  });
  const large = await gateway.expectSettle(await gateway.deliver({ payload: "large" }));
  assert.equal(large.outcome, "reject");
  assert.match(large.reason, /larger than the gateway takes \(10000 bytes/);
  assert.match((await running.event("itemRefused")).text, /larger than the gateway takes/);
  assert.equal((await gateway.expectSettle(await gateway.deliver({ payload: "early" }))).outcome, "ack");

  const stream = await gateway.current();
  const ids = stream.deliver({}, {}, {}, {}, {}, {}, {});
  await Promise.all(ids.map((id) => stream.expectSettle(id)));
  assert.ok(stream.frames.every(({ settles }) => settles.length <= 3));
});

test("tells results, and errors of items as events", async () => {
  await using gateway = await FakeGateway.start();
  const results: string[] = [];
  await using _running = new RunningWorker(gateway, () => undefined, {
    onResult: ({ code, replyId, message }) => results.push(`${code} ${String(replyId)} ${message}`),
  });
  const stream = await gateway.expectStream();
  stream.result({ replyId: 7, code: "OK" });
  stream.result({ replyId: 8, code: "UNKNOWN", message: "new" });
  stream.result({ code: "INVALID_TOPIC", message: "bad topic" });
  await gateway.expectSettle(await gateway.deliver());
  assert.deepEqual(results, ["OK 7 ", "UNKNOWN 8 new", "INVALID_TOPIC 0 bad topic"]);

  await using second = new RunningWorker(gateway, () => undefined);
  (await gateway.expectStream()).result({ code: "INVALID_TOPIC", message: "bad topic" });
  assert.match((await second.event("itemRefused")).text, /bad topic/);
});

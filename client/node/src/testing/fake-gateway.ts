import { Server, ServerCredentials, type ServerErrorResponse } from "@grpc/grpc-js";

import { type DeepPartial, type Hello, Welcome, WorkerFrame } from "../generated/sluice/v1/worker.js";
import type { Status } from "../status.js";
import type { MessageFields, ReceivedReply, ReceivedSettle } from "./convert.js";
import { type Call, FakeStream } from "./fake-stream.js";
import { grpcNumber } from "./grpc-number.js";
import { Waiting } from "./waiting.js";

export interface FakeGatewayOptions {
  /** Milliseconds, 1,000 …. Default: 10,000. */
  heartbeatMs?: number;
  /** The largest frame a worker may send, in bytes. Default: 40 MiB. */
  maxFrameBytes?: number;
  /** The features that the gateway takes. Default: "began". */
  features?: readonly string[];
  /** Anything else of the Welcome. */
  welcome?: DeepPartial<Welcome>;
  /** How long an expectation waits, in milliseconds. Default: 5,000. */
  timeoutMs?: number;
  /** With it the gateway speaks TLS: PEM. `clientCa`: workers must show a certificate of this authority. */
  tls?: { cert: Buffer; key: Buffer; clientCa?: Buffer };
  /** The port of 127.0.0.1 to listen on. Default: a free one. */
  port?: number;
}

/**
 * A gateway within the test's process, for unit tests of workers: it listens on loopback, delivers what the test says,
 * and remembers what the worker answers.
 *
 * ```ts
 * await using gateway = await FakeGateway.start();
 * await using worker = new Worker({ gateways: [gateway.address], chains: ["c"], security: "plaintext" }, handler);
 * void worker.run();
 * const id = await gateway.deliver({ topic: "plant/oven/temp", payload: { celsius: 93 } });
 * const settle = await gateway.expectSettle(id);
 * assert.equal(settle.replies[0]?.topic, "plant/oven/alarm");
 * ```
 */
export class FakeGateway implements AsyncDisposable {
  /** "127.0.0.1:PORT", for WorkerOptions.gateways. */
  readonly address: string;
  readonly port: number;
  /** Every stream that was ever accepted, oldest first. */
  readonly streams: FakeStream[] = [];
  /** How often a worker has called, accepted or not. */
  calls = 0;
  readonly #server: Server;
  readonly #options: FakeGatewayOptions;
  readonly #waiting: Waiting;
  readonly #refusals: { status: Status | undefined };
  readonly #ids = { next: 1 };
  #handedOut = 0;

  private constructor(
    server: Server,
    port: number,
    options: FakeGatewayOptions,
    waiting: Waiting,
    refusals: { status: Status | undefined },
  ) {
    this.#server = server;
    this.port = port;
    this.address = `127.0.0.1:${String(port)}`;
    this.#options = options;
    this.#waiting = waiting;
    this.#refusals = refusals;
  }

  static async start(options: FakeGatewayOptions = {}): Promise<FakeGateway> {
    const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
    const started: { gateway?: FakeGateway } = {};
    server.addService(
      {
        work: {
          path: "/sluice.v1.WorkerService/Work",
          requestStream: true,
          responseStream: true,
          requestSerialize: (frame: WorkerFrame) => Buffer.from(WorkerFrame.encode(frame).finish()),
          requestDeserialize: (bytes: Buffer) => WorkerFrame.decode(bytes),
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      {
        work: (call: Call) => {
          started.gateway?.accept(call);
        },
      },
    );
    const { tls } = options;
    const credentials =
      tls === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(
            tls.clientCa ?? null,
            [{ cert_chain: tls.cert, private_key: tls.key }],
            tls.clientCa !== undefined,
          );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${String(options.port ?? 0)}`, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    const gateway = new FakeGateway(server, port, options, new Waiting(), { status: undefined });
    started.gateway = gateway;
    return gateway;
  }

  // ---- what the world does

  /** Delivers one message over the newest stream, for which it waits. Resolves to the delivery's id. */
  async deliver(message: MessageFields = {}): Promise<number> {
    const [id] = (await this.current()).deliver(message);
    return id ?? 0;
  }

  /** Breaks the newest stream, for which it waits. */
  async loseStream(): Promise<void> {
    (await this.current()).lose();
  }

  /** Takes leave on the newest stream, for which it waits. */
  async drain(reason?: string, deadlineMs?: number): Promise<void> {
    (await this.current()).drain(reason, deadlineMs);
  }

  /** Ends further streams at once with this status; undefined: accepts them again. */
  refuse(status: Status | undefined): void {
    this.#refusals.status = status;
  }

  /** Ends all streams, and the listener. */
  async close(): Promise<void> {
    for (const stream of this.streams) stream.over();
    this.#server.forceShutdown();
    await Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- what the worker is expected to do

  /** The next stream that this method has not told of yet: the first, then the one after a reconnect, and so on. */
  expectStream(): Promise<FakeStream> {
    return this.until("a worker's stream", () => {
      const stream = this.streams[this.#handedOut];
      if (stream !== undefined) ++this.#handedOut;
      return stream;
    });
  }

  /** The settle of this delivery, on whichever stream. */
  expectSettle(deliveryId: number): Promise<ReceivedSettle> {
    return this.until(`the settle of delivery ${String(deliveryId)}`, () => {
      for (const stream of this.streams) {
        const settle = stream.settles.find((one) => one.deliveryId === deliveryId);
        if (settle !== undefined) return settle;
      }
      return undefined;
    });
  }

  /** A reply of this delivery ahead of its settle, on whichever stream. */
  expectReply(deliveryId: number): Promise<ReceivedReply> {
    return this.until(`a reply of delivery ${String(deliveryId)}`, () => {
      for (const stream of this.streams) {
        const reply = stream.replies.find((one) => one.deliveryId === deliveryId);
        if (reply !== undefined) return reply;
      }
      return undefined;
    });
  }

  /** The first value of `find` that is not undefined; asked whenever something has come. */
  until<T>(what: string, find: () => T | undefined): Promise<T> {
    return this.#waiting.until(what, this.#options.timeoutMs ?? 5_000, find);
  }

  /** The newest stream that has not ended. */
  current(): Promise<FakeStream> {
    return this.until("a worker's stream", () => this.streams.findLast((stream) => !stream.ended));
  }

  /** @internal */
  accept(call: Call): void {
    let stream: FakeStream | undefined;
    ++this.calls;
    const { status } = this.#refusals;
    if (status !== undefined) {
      fail(call, status);
      this.#waiting.notify();
      return;
    }
    call.on("data", (frame: WorkerFrame) => {
      if (stream === undefined) {
        if (frame.hello === undefined) {
          fail(call, { code: "INVALID_ARGUMENT", message: "the first frame has no Hello" });
          return;
        }
        stream = new FakeStream(
          frame.hello,
          call,
          this.#ids,
          this.#waiting,
          this.#options.timeoutMs ?? 5_000,
          this.#options.heartbeatMs ?? 10_000,
        );
        this.streams.push(stream);
        stream.send({ welcome: this.#welcome(frame.hello) });
      }
      stream.take(frame);
      this.#waiting.notify();
    });
    call.on("end", () => {
      if (stream === undefined) return;
      stream.halfClosed = true;
      if (!stream.mute) stream.end({ code: "OK", message: "" });
      this.#waiting.notify();
    });
    const over = (): void => {
      stream?.over();
      this.#waiting.notify();
    };
    call.on("cancelled", over);
    call.on("close", over);
    call.on("error", over);
  }

  #welcome(hello: Hello): Welcome {
    const options = this.#options;
    const features = options.features ?? ["began"];
    return Welcome.fromPartial({
      protocolVersion: 1,
      sessionId: `fake-${String(this.streams.length)}`,
      gateway: "fake",
      acceptedChains: hello.chains.map((chain) => ({ chain, leaseMs: 30_000, maxLeaseMs: 600_000 })),
      maxWindow: { messages: 100_000, bytes: 1n << 30n },
      heartbeatIntervalMs: options.heartbeatMs ?? 10_000,
      maxFrameBytes: BigInt(options.maxFrameBytes ?? 40 << 20),
      features: hello.features.filter((feature) => features.includes(feature)),
      ...options.welcome,
    });
  }
}

function fail(call: Call, status: Status): void {
  const error: Partial<ServerErrorResponse> = { code: grpcNumber(status.code), details: status.message };
  call.emit("error", error);
}

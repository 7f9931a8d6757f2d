import type { ServerDuplexStream } from "@grpc/grpc-js";

import {
  type DeepPartial,
  GatewayFrame,
  type Hello,
  Result_Code,
  Revoke_Reason,
  type WorkerFrame,
} from "../generated/sluice/v1/worker.js";
import type { ResultCode } from "../settlement.js";
import type { Status } from "../status.js";
import {
  fromReply,
  fromSettle,
  type MessageFields,
  type ReceivedReply,
  type ReceivedSettle,
  toDelivery,
} from "./convert.js";
import { grpcNumber } from "./grpc-number.js";
import type { Waiting } from "./waiting.js";

export type Call = ServerDuplexStream<WorkerFrame, Buffer>;

/** Numbers deliveries: none is used twice by one gateway. */
export interface DeliveryIds {
  next: number;
}

/** One worker's stream, as the gateway sees it. */
export class FakeStream {
  /** Every frame that came, the Hello's first. */
  readonly frames: WorkerFrame[] = [];
  readonly settles: ReceivedSettle[] = [];
  /** Those ahead of their settle. */
  readonly replies: ReceivedReply[] = [];
  /** Ids of deliveries that were said to have begun, in order. */
  readonly began: number[] = [];
  readonly extends: { deliveryId: number; leaseMs: number }[] = [];
  /** The value of the call's metadata "authorization"; empty: none. */
  readonly authorization: string;
  /** The worker has half-closed. */
  halfClosed = false;
  /** The worker wants no new deliveries. */
  draining = false;
  /** The stream is over, for whatever reason. */
  ended = false;
  /** Nothing is said by itself: no Ping, no Pong, and no end after the worker's half-close. */
  mute = false;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(
    readonly hello: Hello,
    private readonly call: Call,
    private readonly ids: DeliveryIds,
    private readonly waiting: Waiting,
    private readonly timeoutMs: number,
    heartbeatMs: number,
  ) {
    this.#heartbeat = setInterval(() => {
      if (!this.mute) this.send({ ping: { nonce: 0n } });
    }, heartbeatMs / 2).unref();
    const [value] = call.metadata.get("authorization");
    this.authorization = value === undefined ? "" : String(value);
  }

  // ---- what the world does

  /** One frame with these messages. Returns their delivery ids. */
  deliver(...messages: MessageFields[]): number[] {
    const chain = this.hello.chains[0] ?? "";
    const deliveries = messages.map((fields) => toDelivery(this.ids.next++, fields, chain));
    this.send({ deliveries });
    return deliveries.map(({ deliveryId }) => Number(deliveryId));
  }

  /** The delivery is another worker's now. */
  revoke(deliveryId: number): void {
    this.send({ revokes: [{ deliveryId: BigInt(deliveryId), reason: Revoke_Reason.REASON_LEASE_ENDED }] });
  }

  /** What became of an item. */
  result(result: {
    deliveryId?: number;
    replyId?: number;
    code: ResultCode;
    message?: string;
    leaseMs?: number;
  }): void {
    const known = `CODE_${result.code}` as keyof typeof Result_Code;
    const code = known in Result_Code ? Result_Code[known] : Result_Code.UNRECOGNIZED;
    const { deliveryId = 0, replyId = 0, message = "", leaseMs = 0 } = result;
    this.send({ results: [{ deliveryId: BigInt(deliveryId), replyId: BigInt(replyId), code, message, leaseMs }] });
  }

  /** The gateway takes leave. */
  drain(reason = "", deadlineMs = 10_000): void {
    this.send({ drain: { reason, deadlineMs } });
  }

  /** The stream breaks. */
  lose(): void {
    this.end({ code: "UNAVAILABLE", message: "the stream is lost" });
  }

  /** The gateway ends the stream with this status. */
  end(status: Status): void {
    if (this.ended) return;
    this.over();
    if (status.code === "OK") this.call.end();
    else this.call.emit("error", { code: grpcNumber(status.code), details: status.message });
    this.waiting.notify();
  }

  send(frame: DeepPartial<GatewayFrame>): void {
    this.sendBytes(Buffer.from(GatewayFrame.encode(GatewayFrame.fromPartial(frame)).finish()));
  }

  /** Whatever it is. */
  sendBytes(bytes: Buffer): void {
    if (!this.ended) this.call.write(bytes);
  }

  /** Nothing more is read of the worker, so that its writes stand still; until resume(). */
  pause(): void {
    this.call.pause();
  }

  resume(): void {
    this.call.resume();
  }

  // ---- what the worker is expected to do

  /** The settle of this delivery, which may have come already; without an id: the first that nobody asked for yet. */
  expectSettle(deliveryId?: number): Promise<ReceivedSettle> {
    const what = deliveryId === undefined ? "a settle" : `the settle of delivery ${String(deliveryId)}`;
    return this.until(what, () => {
      if (deliveryId !== undefined) return this.settles.find((settle) => settle.deliveryId === deliveryId);
      const settle = this.settles[this.#asked];
      if (settle !== undefined) ++this.#asked;
      return settle;
    });
  }
  #asked = 0;

  /** A reply ahead of the settle of this delivery. */
  expectReply(deliveryId: number): Promise<ReceivedReply> {
    return this.until(`a reply of delivery ${String(deliveryId)}`, () =>
      this.replies.find((reply) => reply.deliveryId === deliveryId),
    );
  }

  expectBegan(deliveryId: number): Promise<true> {
    return this.until(`"began" of delivery ${String(deliveryId)}`, () => this.began.includes(deliveryId) || undefined);
  }

  expectExtend(deliveryId: number): Promise<{ deliveryId: number; leaseMs: number }> {
    return this.until(`an extend of delivery ${String(deliveryId)}`, () =>
      this.extends.find((extend) => extend.deliveryId === deliveryId),
    );
  }

  expectDrain(): Promise<true> {
    return this.until("the worker's Drain", () => this.draining || undefined);
  }

  expectEnd(): Promise<true> {
    return this.until("the end of the stream", () => this.ended || undefined);
  }

  /** A frame that `matches`, which may have come already. */
  expectFrame(what: string, matches: (frame: WorkerFrame) => boolean): Promise<WorkerFrame> {
    return this.until(what, () => this.frames.find(matches));
  }

  /** The first value of `find` that is not undefined; asked whenever something has come. */
  until<T>(what: string, find: () => T | undefined): Promise<T> {
    return this.waiting.until(what, this.timeoutMs, find);
  }

  // ---- for the gateway

  /** @internal */
  over(): void {
    this.ended = true;
    clearInterval(this.#heartbeat);
  }

  /** @internal */
  take(frame: WorkerFrame): void {
    this.frames.push(frame);
    this.began.push(...frame.began.map(Number));
    for (const { deliveryId, leaseMs } of frame.extends) this.extends.push({ deliveryId: Number(deliveryId), leaseMs });
    this.replies.push(...frame.replies.map(fromReply));
    this.settles.push(...frame.settles.map(fromSettle));
    if (frame.drain !== undefined) this.draining = true;
    if (frame.ping !== undefined && !this.mute) this.send({ pong: { nonce: frame.ping.nonce } });
  }
}

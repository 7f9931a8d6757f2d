import type { Message } from "./message.js";
import type { Reply, Settlement } from "./settlement.js";

/** The handler's line to the gateway while it works on one message. */
export interface Context {
  /**
   * Aborts once nobody waits for the outcome: the stream has ended, or the gateway gave the message to another worker.
   * What the handler returns is then without effect. Hand it to `fetch`, timers and the like.
   */
  readonly signal: AbortSignal;

  /**
   * Publishes a reply now, ahead of the settlement; the order of calls is kept. Resolves at once, or, while more than
   * `sendBufferBytes` are unsent, when there is room: await it. Rejects with a WorkerError: UNAVAILABLE when nobody waits
   * any more, and the message is delivered again; INVALID_ARGUMENT for a reply that is larger than the gateway takes;
   * FAILED_PRECONDITION when the message is settled.
   */
  send(reply: Reply): Promise<void>;
}

/** A reply, or several in order, is an ACK with them; nothing is an ACK. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- A handler without a return statement is a good one.
export type HandlerResult = void | undefined | Reply | readonly Reply[] | Settlement;

/**
 * What a user writes. RetryError, RejectError and DropError may be thrown; whatever else is thrown is a RETRY with its
 * text. All handlers of a worker share one thread: one that computes for long keeps the others, and heartbeats, waiting.
 */
export type Handler = (message: Message, context: Context) => HandlerResult | Promise<HandlerResult>;

/**
 * Around every handler. `next` runs the rest, with the same context unless it is given another, and resolves to what
 * the handler made of the message; what the handler throws comes out of it.
 *
 * ```ts
 * const timed: Middleware = async (message, context, next) => {
 *   const began = performance.now();
 *   try {
 *     return await next();
 *   } finally {
 *     histogram.record(performance.now() - began, { chain: message.chain });
 *   }
 * };
 * ```
 */
export type Middleware = (
  message: Message,
  context: Context,
  next: (context?: Context) => Promise<Settlement>,
) => HandlerResult | Promise<HandlerResult>;

/** Whatever a handler returns, as a settlement. Throws TypeError for what is none of them. */
export function settlementOf(result: HandlerResult): Settlement {
  if (result === undefined || (result as unknown) === null) return ACK;
  if (Array.isArray(result)) return { outcome: "ack", replies: result as readonly Reply[] };
  if (typeof result !== "object") {
    throw new TypeError(
      `the handler returned a ${typeof result}; it may return a reply, a list of them, a settlement, or nothing`,
    );
  }
  return "outcome" in result ? result : { outcome: "ack", replies: [result as Reply] };
}

export const ACK: Settlement = { outcome: "ack" };

/** One handler out of the middleware, the first outermost, and the handler. */
export function compose(middleware: readonly Middleware[], handler: Handler): Handler {
  return middleware.reduceRight<Handler>(
    (inner, outer) => (message, context) =>
      // Async, so that what `inner` throws comes out of `next` as a rejection.
      outer(message, context, async (other) => {
        const result = inner(message, other ?? context);
        return result instanceof Promise ? result.then(settlementOf) : settlementOf(result);
      }),
    handler,
  );
}

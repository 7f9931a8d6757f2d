/**
 * Rule-chain workers for Sluice, the gateway between MQTT and gRPC.
 *
 * @packageDocumentation
 */
export type { Family } from "./address.js";
export { type EventKind, printEvent, type WorkerEvent } from "./events.js";
export type { Stats } from "./fleet.js";
export { type Context, type Handler, type HandlerResult, type Middleware, settlementOf } from "./handler.js";
export type { DataType, Message } from "./message.js";
export type { TlsOptions, WorkerOptions } from "./options.js";
export {
  ack,
  drop,
  DropError,
  type ItemResult,
  type Outcome,
  reject,
  RejectError,
  type Reply,
  type ResultCode,
  retry,
  RetryError,
  type RetryOptions,
  type Settlement,
  SettlementError,
} from "./settlement.js";
export { type Status, type StatusCode, WorkerError } from "./status.js";
export { Worker } from "./worker.js";

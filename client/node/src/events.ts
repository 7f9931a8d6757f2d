import type { Status } from "./status.js";

/**
 * - `connected`: a gateway has accepted the worker.
 * - `disconnected`: a stream that was connected has ended; `status` says why, OK: as agreed.
 * - `connectFailed`: no connection, or the gateway refused the worker.
 * - `chainRefused`: connected, but the gateway delivers nothing from the chain named in `text`.
 * - `draining`: the gateway, or this worker, takes leave: what is in work is finished first.
 * - `resolveFailed`: a name cannot be looked up; the addresses known so far stay in use.
 * - `itemRefused`: the gateway did not accept a settle or a reply, or the SDK could not send it.
 */
export type EventKind =
  "connected" | "disconnected" | "connectFailed" | "chainRefused" | "draining" | "resolveFailed" | "itemRefused";

/**
 * Something in the life of a connection. None is raised per message, save `itemRefused`, at most once a second and
 * stream.
 */
export interface WorkerEvent {
  readonly kind: EventKind;
  /** "192.0.2.7:7443" or, for `resolveFailed`, the name. */
  readonly address: string;
  /** OK unless the kind says otherwise. */
  readonly status: Status;
  /** In how many milliseconds the next attempt follows; absent: none. */
  readonly retryInMs: number | undefined;
  /** One line for people that says all of the above. */
  readonly text: string;
}

/** The default of `onEvent`: a line "sluice: …" on standard error. */
export function printEvent(event: WorkerEvent): void {
  console.error(`sluice: ${event.text}`);
}

// How a stream begins, and what is rare in its frames.
import { type DeepPartial, type Welcome, WorkerFrame } from "./generated/sluice/v1/worker.js";
import type { Settings } from "./options.js";
import type { Status } from "./status.js";
import { SDK } from "./version.js";

const PROTOCOL_VERSION = 1;
export const BEGAN_FEATURE = "began";

export function encodeFrame(frame: DeepPartial<WorkerFrame>): Buffer {
  const bytes = WorkerFrame.encode(WorkerFrame.fromPartial(frame)).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `window`: its messages. */
export function helloFrame(settings: Settings, window: number): Buffer {
  return encodeFrame({
    hello: {
      minProtocolVersion: PROTOCOL_VERSION,
      maxProtocolVersion: PROTOCOL_VERSION,
      workerName: settings.workerName,
      instance: settings.instance,
      chains: [...settings.chains],
      window: { messages: window, bytes: BigInt(settings.windowBytes) },
      leaseMs: settings.leaseMs,
      features: [BEGAN_FEATURE],
      sdk: SDK,
    },
  });
}

/** A Welcome comes first and only first, and speaks our version; else why the stream cannot go on. */
export function refusalOf(welcome: Welcome | undefined, first: boolean): Status | undefined {
  const invalid = (message: string): Status => ({ code: "INVALID_ARGUMENT", message });
  if (!first) return welcome === undefined ? undefined : invalid("the gateway sent a second Welcome");
  if (welcome === undefined) return invalid("the gateway's first frame is not a Welcome");
  if (welcome.protocolVersion <= PROTOCOL_VERSION) return undefined;
  const chosen = String(welcome.protocolVersion);
  return {
    code: "FAILED_PRECONDITION",
    message: `the gateway chose protocol version ${chosen}; this worker speaks version ${String(PROTOCOL_VERSION)}`,
  };
}

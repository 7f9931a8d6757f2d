// The program that the conformance suite drives: docs/conformance.md.
import { createInterface } from "node:readline";

import { printEvent, type StatusCode, Worker, WorkerError, type WorkerEvent, type WorkerOptions } from "@sluice/worker";

import { emit } from "./emit.js";
import { Gates, makeHandler } from "./handler.js";
import { type GivenOptions, toOptions } from "./options.js";

type Command =
  { cmd: "run"; options: GivenOptions } | { cmd: "drain" | "stop" | "stats" } | { cmd: "release"; gate: string };

const EVENTS: Readonly<Record<WorkerEvent["kind"], string>> = {
  connected: "connected",
  disconnected: "disconnected",
  connectFailed: "connect_failed",
  chainRefused: "chain_refused",
  draining: "draining",
  resolveFailed: "resolve_failed",
  itemRefused: "item_refused",
};

let worker: Worker | undefined;
let gates = new Gates();

function onEvent(event: WorkerEvent): void {
  printEvent(event);
  emit({
    event: EVENTS[event.kind],
    address: event.address,
    status: event.status.code,
    retry_in_ms: event.retryInMs ?? -1,
    text: event.text,
  });
}

function ended(status: StatusCode, text: string): void {
  worker = undefined;
  emit({ event: "ended", status, text });
}

async function run(given: GivenOptions): Promise<void> {
  gates = new Gates();
  const options: WorkerOptions = {
    ...toOptions(given),
    onEvent,
    onResult: (result) => {
      emit({
        event: "result",
        reply_id: result.replyId,
        delivery_id: result.deliveryId,
        code: result.code,
        mqtt_reason_code: result.mqttReasonCode,
        message: result.message,
      });
    },
  };
  try {
    worker = new Worker(options, makeHandler(gates));
    await (given.signals === true ? worker.runUntilSignal() : worker.run());
    ended("OK", "");
  } catch (error) {
    const code = error instanceof WorkerError ? error.code : "INTERNAL";
    ended(code, error instanceof Error ? error.message : String(error));
  }
}

function obey(command: Command): void {
  switch (command.cmd) {
    case "run":
      void run(command.options);
      break;
    case "drain":
      worker?.drain();
      break;
    case "stop":
      worker?.stop();
      break;
    case "release":
      gates.release(command.gate);
      break;
    case "stats":
      emit({ event: "stats", ...(worker?.stats ?? { streams: 0, received: 0, settled: 0 }) });
      break;
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  if (line.trim() !== "") obey(JSON.parse(line) as Command);
});
lines.on("close", () => process.exit(0));

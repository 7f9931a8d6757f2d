// Measures the SDK beside gRPC alone: 128 bytes echoed, each in processes of their own.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import type { Measurement } from "./worker.js";

const HELP = `Echoes messages of 128 bytes through a worker, against a gateway that is gRPC for Node.js and nothing else.

  sdk         @sluice/worker with a handler that returns its reply
  sdk async   the same, with an async handler
  floor       a bare gRPC stream that decodes each frame and encodes its answer by the generated code
  bytes       a bare gRPC stream that answers each frame with the same bytes, unseen

  --rounds N      how often each is measured; medians are shown [3]
  --seconds N     how long, each time, in seconds of CPU time [1.5]
  --frames LIST   messages to a frame [1,8,64]
  --bytes N       the payload [128]
`;

const MODES = ["sdk", "sdk-async", "floor", "bytes"] as const;
const IN_FLIGHT = 1024;

function childOf(file: string, args: readonly (string | number)[]): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args.map(String));
}

async function messageOf<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, "message")) as [T];
  return message;
}

async function measure(mode: string, perFrame: number, bytes: number, seconds: number): Promise<Measurement> {
  const gateway = childOf("gateway.js", [perFrame, IN_FLIGHT, bytes]);
  try {
    const { port } = await messageOf<{ port: number }>(gateway);
    return await messageOf<Measurement>(childOf("worker.js", [mode, port, IN_FLIGHT, seconds]));
  } finally {
    gateway.disconnect();
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "1.5" },
    frames: { type: "string", default: "1,8,64" },
    bytes: { type: "string", default: "128" },
    help: { type: "boolean", short: "h" },
  },
});
if (values.help) {
  console.log(HELP);
} else {
  console.log(
    "messages to a frame | what      | messages/s | CPU µs a message | messages/s of one core | floor's CPU / its own",
  );
  for (const perFrame of values.frames.split(",").map(Number)) {
    const rates = new Map<string, number[]>(MODES.map((mode) => [mode, []]));
    const costs = new Map<string, number[]>(MODES.map((mode) => [mode, []]));
    for (let round = 0; round < Number(values.rounds); ++round) {
      for (const mode of MODES) {
        const got = await measure(mode, perFrame, Number(values.bytes), Number(values.seconds));
        rates.get(mode)?.push(got.messages / got.seconds);
        costs.get(mode)?.push(got.cpuMicros / got.messages);
      }
    }
    const floor = median(costs.get("floor") ?? []);
    for (const mode of MODES) {
      const rate = Math.round(median(rates.get(mode) ?? []));
      const cost = median(costs.get(mode) ?? []);
      const columns = [
        String(perFrame).padStart(19),
        mode.padEnd(9),
        String(rate).padStart(10),
        cost.toFixed(2).padStart(16),
        String(Math.round(1e6 / cost)).padStart(22),
        (floor / cost).toFixed(2).padStart(21),
      ];
      console.log(columns.join(" | "));
    }
  }
}

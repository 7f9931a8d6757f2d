// The measured process: the SDK, or one of two floors, against the gateway at a port.
import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";

import { Worker } from "@sluice/worker";

import { type DeepPartial, GatewayFrame, Outcome, WorkerFrame } from "#dist/generated/sluice/v1/worker.js";

export interface Measurement {
  messages: number;
  seconds: number;
  cpuMicros: number;
}

const [mode = "sdk", port = "", window = "1024", seconds = "2"] = process.argv.slice(2);
const WARM_UP_S = 1.5;

let messages = 0;

function encode(frame: DeepPartial<WorkerFrame>): Buffer {
  return Buffer.from(WorkerFrame.encode(WorkerFrame.fromPartial(frame)).finish());
}

function startSdk(): void {
  const worker = new Worker(
    {
      gateways: [`127.0.0.1:${port}`],
      chains: ["bench"],
      security: "plaintext",
      windowMessages: Number(window),
      onEvent: () => undefined,
    },
    mode === "sdk"
      ? (message) => {
          ++messages;
          return { topic: "bench/reply", payload: message.payload, qos: 1 };
        }
      : // eslint-disable-next-line @typescript-eslint/require-await -- What an async handler costs is to be seen.
        async (message) => {
          ++messages;
          return { topic: "bench/reply", payload: message.payload, qos: 1 };
        },
  );
  void worker.run();
}

/** A frame out for each frame in. `decoded`: by the generated code; else the same bytes as always, unseen. */
function startFloor(decoded: boolean): void {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc-node.flow_control_window": 4 << 20,
  });
  const same = (bytes: Buffer): Buffer => bytes;
  const call: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(
    "/sluice.v1.WorkerService/Work",
    same,
    same,
    new Metadata(),
  );
  const answer = (frame: Buffer): Buffer => {
    const { deliveries } = GatewayFrame.decode(frame);
    count = deliveries.length;
    return Buffer.from(
      WorkerFrame.encode({
        hello: undefined,
        window: undefined,
        extends: [],
        replies: [],
        ping: undefined,
        pong: undefined,
        drain: undefined,
        began: [],
        settles: deliveries.map(({ deliveryId, payload }) => ({
          deliveryId,
          outcome: Outcome.OUTCOME_ACK,
          reason: "",
          retryAfterMs: 0,
          replies: [
            {
              deliveryId: 0n,
              replyId: 0n,
              topic: "bench/reply",
              qos: 1,
              retain: false,
              payload,
              contentType: "",
              responseTopic: "",
              correlationData: undefined,
              userProperties: [],
              expiryS: undefined,
              metadata: {},
            },
          ],
        })),
      }).finish(),
    );
  };
  let count = 0;
  let fixed: Buffer | undefined;
  let welcomed = false;
  call.on("data", (frame: Buffer) => {
    if (!welcomed) {
      welcomed = true;
      return;
    }
    fixed ??= answer(frame);
    call.write(decoded ? answer(frame) : fixed);
    messages += count;
  });
  call.on("error", () => undefined);
  call.write(encode({ hello: { chains: ["bench"], window: { messages: Number(window) } } }));
}

if (mode.startsWith("sdk")) startSdk();
else startFloor(mode === "floor");

// By CPU time, so that a busy machine changes little but how long it takes.
function afterCpu(since: NodeJS.CpuUsage, seconds: number, then: () => void): void {
  const { user, system } = process.cpuUsage(since);
  if (user + system >= seconds * 1e6) then();
  else setTimeout(afterCpu, 20, since, seconds, then);
}

afterCpu(process.cpuUsage(), WARM_UP_S, () => {
  const before = messages;
  const cpu = process.cpuUsage();
  const began = performance.now();
  afterCpu(cpu, Number(seconds), () => {
    const { user, system } = process.cpuUsage(cpu);
    const measured: Measurement = {
      messages: messages - before,
      seconds: (performance.now() - began) / 1000,
      cpuMicros: user + system,
    };
    process.send?.(measured, () => {
      process.exit(0);
    });
  });
});

// A gateway that costs as little as gRPC for Node.js can: it writes the same frame again and again, and counts settles.
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";

import { GatewayFrame } from "#dist/generated/sluice/v1/worker.js";
import { Reader } from "#dist/wire.js";

const [perFrame = 64, inFlight = 1024, payloadBytes = 128] = process.argv.slice(2).map(Number);
const SETTLES = 5;

const welcome = Buffer.from(
  GatewayFrame.encode(
    GatewayFrame.fromPartial({
      welcome: {
        protocolVersion: 1,
        sessionId: "bench",
        gateway: "bench",
        acceptedChains: [{ chain: "bench", leaseMs: 30_000, maxLeaseMs: 600_000 }],
        maxWindow: { messages: 100_000, bytes: 1n << 40n },
        heartbeatIntervalMs: 3_600_000,
        maxFrameBytes: 40n << 20n,
        features: ["began"],
      },
    }),
  ).finish(),
);

const deliveries = Buffer.from(
  GatewayFrame.encode(
    GatewayFrame.fromPartial({
      deliveries: Array.from({ length: perFrame }, (_, index) => ({
        deliveryId: BigInt(10_000_000 + index),
        messageId: `019a3c52-7b1e-7cc4-9d3a-${String(index).padStart(12, "0")}`,
        route: "bench",
        chain: "bench",
        topic: `plant/line-${String(index % 10)}/sensor-${String(index)}/temp`,
        payload: Buffer.alloc(payloadBytes, "x"),
        qos: 1,
        receivedUnixMs: BigInt(Date.now()),
        leaseMs: 30_000,
        attempt: 1,
      })),
    }),
  ).finish(),
);

function countSettles(frame: Buffer): number {
  const reader = new Reader(frame);
  let settles = 0;
  while (reader.pos < frame.length) {
    const tag = reader.varint();
    if (tag >>> 3 === SETTLES) ++settles;
    reader.skip(tag & 7);
  }
  return settles;
}

const same = (bytes: Buffer): Buffer => bytes;
const server = new Server({ "grpc.max_receive_message_length": -1, "grpc-node.flow_control_window": 4 << 20 });
server.addService(
  {
    work: {
      path: "/sluice.v1.WorkerService/Work",
      requestStream: true,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  {
    work: (call: ServerDuplexStream<Buffer, Buffer>) => {
      let free = inFlight;
      let greeted = false;
      call.on("data", (frame: Buffer) => {
        if (greeted) {
          free += countSettles(frame);
        } else {
          greeted = true;
          call.write(welcome);
        }
        for (; free >= perFrame; free -= perFrame) call.write(deliveries);
      });
      call.on("end", () => {
        call.end();
      });
      call.on("error", () => undefined);
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.({ port });
});
process.on("disconnect", () => {
  process.exit(0);
});

// A worker on gRPC's library for Node: answers each message with its payload and ends when it is told to drain.
// node worker.js HOST:PORT [CA_FILE [CERT_FILE KEY_FILE]]
const fs = require("fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [gateway, ...files] = process.argv.slice(2);
const [ca, cert, key] = files.map((file) => fs.readFileSync(file));
const credentials = ca ? grpc.credentials.createSsl(ca, key, cert) : grpc.credentials.createInsecure();
const definition = loader.loadSync("sluice/v1/worker.proto", {
  includeDirs: [process.env.SLUICE_PROTO], keepCase: true, longs: String,
});
const { WorkerService } = grpc.loadPackageDefinition(definition).sluice.v1;

const client = new WorkerService(gateway, credentials);
const stream = client.Work();
stream.on("data", (frame) => {
  if (frame.ping) stream.write({ pong: { nonce: frame.ping.nonce } });
  for (const { delivery_id, payload } of frame.deliveries || []) {
    stream.write({ settles: [{ delivery_id, replies: [{ topic: "reply", payload }] }] });
  }
  if (frame.drain) stream.end();
});
stream.on("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
stream.on("end", () => client.close());
stream.write({ hello: { worker_name: "node", chains: ["c"], window: { messages: 10 } } });

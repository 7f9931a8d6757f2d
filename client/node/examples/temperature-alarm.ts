// Watches temperatures: each sensor reading is answered with a verdict.
//
//   plant/boiler/temp         {"sensor":"boiler","celsius":81.5}
//   plant/boiler/reply/alarm  {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}
import { argv, exit } from "node:process";
import { parseArgs } from "node:util";

import { ack, type Message, reject, type Settlement, Worker, type WorkerOptions } from "@sluice/worker";

const PROGRAM = "temperature-alarm";

const HELP = `Watches temperatures: takes sensor readings from Sluice gateways and answers each with a verdict.
A reading {"sensor":"boiler","celsius":81.5} on plant/boiler/temp is answered on plant/boiler/reply/alarm
with {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}, at the reading's own QoS. What is no such
reading goes to the gateway's dead letters. Ctrl-C or SIGTERM lets what is in work finish first.

  ${PROGRAM} --gateway 127.0.0.1:7443 --chain temperature

  --gateway HOST:PORT[,HOST:PORT]  where gateways are; a name stands for all its addresses (required)
  --chain NAME                     serve this chain; may be repeated (required)
  --name TEXT                      what the gateway's logs call this worker [temperature-alarm]
  --window N                       most messages in work at once, per gateway [by how long the handler takes]
  --concurrency N                  handlers that are in work at once [the CPUs, at least 4]
  --limit DEGREES                  raise the alarm above this many degrees Celsius [80]
  --ca-file FILE                   PEM file to check the gateway's certificate with; without it: plain text
  --cert-file FILE                 this worker's certificate, where the gateway asks for one
  --key-file FILE                  the key that goes with --cert-file
  --token-file FILE                bearer token to show the gateway; read anew for each connection
  --help                           this text
`;

/** "plant/boiler/temp" → "plant/boiler/reply/alarm"; a topic of one level gets the reply below itself. */
function alarmTopic(topic: string): string {
  const slash = topic.lastIndexOf("/");
  return `${slash < 0 ? topic : topic.slice(0, slash)}/reply/alarm`;
}

function check(message: Message, limit: number): Settlement {
  let reading: unknown;
  try {
    reading = message.json();
  } catch {
    reading = undefined;
  }
  if (typeof reading !== "object" || reading === null || Array.isArray(reading)) {
    return reject("the payload is not a JSON object");
  }
  const { sensor, celsius } = reading as { sensor?: unknown; celsius?: unknown };
  if (typeof sensor !== "string") return reject('"sensor" must be a string');
  if (typeof celsius !== "number") return reject('"celsius" must be a number');
  const verdict = { sensor, celsius, alarm: celsius > limit, limit };
  return ack({ topic: alarmTopic(message.topic), payload: JSON.stringify(verdict), qos: message.qos });
}

function readFlags(): { options: WorkerOptions; limit: number } | undefined {
  const { values } = parseArgs({
    args: argv.slice(2),
    options: {
      gateway: { type: "string", multiple: true },
      chain: { type: "string", multiple: true },
      name: { type: "string", default: PROGRAM },
      window: { type: "string" },
      concurrency: { type: "string" },
      limit: { type: "string", default: "80" },
      "ca-file": { type: "string" },
      "cert-file": { type: "string" },
      "key-file": { type: "string" },
      "token-file": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  if (!values.gateway) throw new Error("--gateway is required");
  if (!values.chain) throw new Error("--chain is required");
  const number = (flag: string, text: string): number => {
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value)) throw new Error(`${flag}: "${text}" is not a number`);
    return value;
  };
  const options: WorkerOptions = {
    gateways: values.gateway.flatMap((list) => list.split(",")),
    chains: values.chain,
    workerName: values.name,
    security: values["ca-file"] || values["cert-file"] || values["key-file"] ? "tls" : "plaintext",
    tls: {
      ...(values["ca-file"] && { caFile: values["ca-file"] }),
      ...(values["cert-file"] && { certFile: values["cert-file"] }),
      ...(values["key-file"] && { keyFile: values["key-file"] }),
    },
    ...(values.window && { windowMessages: number("--window", values.window) }),
    ...(values.concurrency && { concurrency: number("--concurrency", values.concurrency) }),
    ...(values["token-file"] && { tokenFile: values["token-file"] }),
  };
  return { options, limit: number("--limit", values.limit) };
}

try {
  const flags = readFlags();
  if (flags === undefined) {
    console.log(HELP);
  } else {
    const worker = new Worker(flags.options, (message) => check(message, flags.limit));
    await worker.runUntilSignal();
  }
} catch (error) {
  console.error(`${PROGRAM}: ${error instanceof Error ? error.message : String(error)}`);
  exit(1);
}

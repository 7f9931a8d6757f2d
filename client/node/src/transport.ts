// What carries a stream's frames: one call of gRPC on a connection of its own.
import { readFile } from "node:fs/promises";
import { isIP, type Socket } from "node:net";
import { createSecureContext } from "node:tls";

import {
  ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  Metadata,
  type StatusObject,
} from "@grpc/grpc-js";

import { type Address, addressText } from "./address.js";
import type { Settings } from "./options.js";
import { errorText, type Status, statusCodeOf, WorkerError } from "./status.js";

const METHOD = "/sluice.v1.WorkerService/Work";
const FLOW_CONTROL_BYTES = 4 << 20;
const CLOSING_MS = 1_000;

export interface TransportEvents {
  onFrame(frame: Buffer): void;
  /** Once, and nothing after it. */
  onEnd(status: Status): void;
}

/** One write at a time. */
export interface Transport {
  /**
   * `done`: gRPC has taken the frame, and wants the next one. Its bytes may be used again. Need not come for the first
   * frame.
   */
  write(frame: Buffer, done: () => void): void;
  halfClose(): void;
  /** No onFrame() between the two. */
  pause(): void;
  resume(): void;
  /** onEnd() may still come. */
  cancel(): void;
}

/** Rejects with a WorkerError: what shows who the worker is cannot be read. */
export type Dial = (events: TransportEvents) => Promise<Transport>;

async function readPem(path: string | undefined): Promise<Buffer | undefined> {
  if (!path) return undefined;
  let content: Buffer;
  try {
    content = await readFile(path);
  } catch (error) {
    throw new WorkerError("UNAVAILABLE", `cannot read ${path}: ${errorText(error)}`);
  }
  if (content.length === 0) throw new WorkerError("UNAVAILABLE", `${path} is empty`);
  return content;
}

async function readToken(settings: Settings): Promise<string | undefined> {
  let token: string | undefined;
  let source = "token()";
  if (settings.token !== undefined) {
    try {
      token = await settings.token();
    } catch (error) {
      throw new WorkerError("UNAVAILABLE", `token() failed: ${errorText(error)}`);
    }
  } else if (settings.tokenFile) {
    token = (await readPem(settings.tokenFile))?.toString("utf8");
    source = settings.tokenFile;
  }
  if (token === undefined) return undefined;
  const bare = typeof token === "string" ? token.trim() : "";
  // What cannot be metadata.
  if (!/^[!-~]+$/.test(bare)) throw new WorkerError("UNAVAILABLE", `${source} holds no token, or more than one`);
  return bare;
}

async function readCredentials(settings: Settings): Promise<ChannelCredentials> {
  if (settings.security === "plaintext") return ChannelCredentials.createInsecure();
  const { tls } = settings;
  const [ca, cert, key] = await Promise.all([readPem(tls.caFile), readPem(tls.certFile), readPem(tls.keyFile)]);
  try {
    return ChannelCredentials.createFromSecureContext(createSecureContext({ ca, cert, key }));
  } catch (error) {
    // OpenSSL's words tell what is wrong with a file, and nothing of what is in it.
    throw new WorkerError("UNAVAILABLE", `the TLS files cannot be used: ${errorText(error)}`);
  }
}

function channelOptions(address: Address, settings: Settings): ClientOptions {
  const options: ClientOptions = {
    // A frame over the limit would end the stream, and the gateway says only later how large they can be.
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    // Each stream has a connection of its own, with a back-off of its own: attempts must not share gRPC's.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
    // Without this a write counts as done as long as it finds room in a buffer for retries, and there are none.
    "grpc.per_rpc_retry_buffer_size": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_channelz": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc-node.flow_control_window": FLOW_CONTROL_BYTES,
  };
  if (settings.security === "tls") {
    // The address is dialled by number, the certificate is checked against the name.
    const name = settings.tls.serverName ? settings.tls.serverName : address.host;
    options["grpc.default_authority"] = name;
    if (isIP(name) === 0) options["grpc.ssl_target_name_override"] = name;
  }
  return options;
}

/** The sockets that are opened with some credentials, so that they can be closed for certain. */
class Sockets {
  readonly #open = new Set<Socket>();
  #closed = false;

  constructor(credentials: ChannelCredentials) {
    const create = credentials._createSecureConnector.bind(credentials);
    credentials._createSecureConnector = (...args) => {
      const connector = create(...args);
      const wait = connector.waitForReady.bind(connector);
      connector.waitForReady = () => (this.#closed ? Promise.reject(new Error("the stream has ended")) : wait());
      const connect = connector.connect.bind(connector);
      connector.connect = (socket) => {
        if (this.#closed) socket.destroy();
        this.#open.add(socket);
        return connect(socket);
      };
      return connector;
    };
  }

  /** A channel that was closed while it could not connect tries once more, a second later. */
  forbid(): void {
    this.#closed = true;
  }

  /**
   * gRPC leaves one open, for good, whose other side has not said a word of HTTP/2. And its cancel() half-closes before
   * it resets, by which a worker would say that it gives its deliveries up.
   */
  close(): void {
    this.forbid();
    for (const socket of this.#open) socket.destroy();
  }
}

class GrpcTransport implements Transport {
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #sockets: Sockets;
  #ended = false;

  constructor(
    target: string,
    credentials: ChannelCredentials,
    options: ClientOptions,
    metadata: Metadata,
    events: TransportEvents,
  ) {
    this.#sockets = new Sockets(credentials);
    this.#client = new Client(target, credentials, options);
    const same = (bytes: Buffer): Buffer => bytes;
    this.#call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(METHOD, same, same, metadata);
    this.#call.on("data", (frame: Buffer) => {
      if (!this.#ended) events.onFrame(frame);
    });
    this.#call.on("status", (status: StatusObject) => {
      if (this.#ended) return;
      // What came before the end, and was held back by pause().
      for (let frame = this.#call.read() as Buffer | null; frame !== null; frame = this.#call.read() as Buffer | null) {
        events.onFrame(frame);
      }
      this.#ended = true;
      this.#sockets.forbid();
      this.#client.close();
      // Time for the last frames, which say so to the gateway.
      setTimeout(() => {
        this.#sockets.close();
      }, CLOSING_MS).unref();
      events.onEnd({ code: statusCodeOf(status.code), message: status.details });
    });
    // The status says the same, and comes always.
    this.#call.on("error", () => undefined);
  }

  write(frame: Buffer, done: () => void): void {
    this.#call.write(frame, (error?: Error | null) => {
      if (!error && !this.#ended) done();
    });
  }

  halfClose(): void {
    this.#call.end();
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  cancel(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sockets.close();
    this.#call.cancel();
    this.#client.close();
  }
}

/** Reads files and token anew, and dials. */
export function dialer(address: Address, settings: Settings): Dial {
  return async (events) => {
    const [credentials, token] = await Promise.all([readCredentials(settings), readToken(settings)]);
    const metadata = new Metadata();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    const scheme = address.ip.includes(":") ? "ipv6" : "ipv4";
    return new GrpcTransport(
      `${scheme}:${addressText(address)}`,
      credentials,
      channelOptions(address, settings),
      metadata,
      events,
    );
  };
}

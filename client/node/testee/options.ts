import { readFile } from "node:fs/promises";

import type { WorkerOptions } from "@sluice/worker";

/** As docs/conformance.md names them. */
export interface GivenOptions {
  gateways: string[];
  chains: string[];
  worker_name?: string;
  instance?: string;
  window_messages?: number;
  window_bytes?: number;
  concurrency?: number;
  lease_ms?: number;
  resolve_interval_ms?: number;
  reconnect_first_ms?: number;
  reconnect_longest_ms?: number;
  connect_timeout_ms?: number;
  drain_timeout_ms?: number;
  send_buffer_bytes?: number;
  security?: "plaintext" | "tls";
  ca_file?: string;
  cert_file?: string;
  key_file?: string;
  server_name?: string;
  token_file?: string;
  token?: string;
  resolve_file?: string;
  signals?: boolean;
}

/** Looks names up in a file of lines "NAME ADDRESS…". */
function fileResolver(path: string): (host: string) => Promise<string[]> {
  return async (host) => {
    for (const line of (await readFile(path, "utf8")).split("\n")) {
      const [name, ...addresses] = line.split(/\s+/).filter((word) => word !== "");
      if (name === host) return addresses;
    }
    throw new Error(`${host} is not in ${path}`);
  };
}

export function toOptions(given: GivenOptions): WorkerOptions {
  const { resolve_file: resolveFile, token } = given;
  const tls = {
    caFile: given.ca_file,
    certFile: given.cert_file,
    keyFile: given.key_file,
    serverName: given.server_name,
  };
  const options = {
    gateways: given.gateways,
    chains: given.chains,
    workerName: given.worker_name,
    instance: given.instance,
    windowMessages: given.window_messages,
    windowBytes: given.window_bytes,
    concurrency: given.concurrency,
    leaseMs: given.lease_ms,
    resolveIntervalMs: given.resolve_interval_ms,
    reconnectFirstMs: given.reconnect_first_ms,
    reconnectLongestMs: given.reconnect_longest_ms,
    connectTimeoutMs: given.connect_timeout_ms,
    drainTimeoutMs: given.drain_timeout_ms,
    sendBufferBytes: given.send_buffer_bytes,
    security: given.security ?? "plaintext",
    tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)),
    tokenFile: given.token_file,
    token: token === undefined ? undefined : () => token,
    resolver: resolveFile === undefined ? undefined : fileResolver(resolveFile),
  };
  return options;
}

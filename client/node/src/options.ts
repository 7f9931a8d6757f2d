import { readFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";

import { type Family, parseTarget } from "./address.js";
import { printEvent, type WorkerEvent } from "./events.js";
import type { Middleware } from "./handler.js";
import type { ItemResult } from "./settlement.js";
import { errorText, WorkerError } from "./status.js";

/** PEM files, read by each connection attempt, so that renewed files are taken up. */
export interface TlsOptions {
  /** Default: Node's roots. */
  caFile?: string;
  /** For mutual TLS; goes with `keyFile`. */
  certFile?: string;
  keyFile?: string;
  /** The name the gateway's certificate must carry. Default: the host as given in `gateways`. */
  serverName?: string;
}

/** Everything that can be set on a worker. What is out of range is refused by the constructor, which names it. */
export interface WorkerOptions {
  /**
   * "HOST:PORT", "[IPv6]:PORT" or "HOST" (port 7443); at least one. Each name is looked up for all its addresses, and
   * one stream is kept to each: list a headless Service, or every replica.
   */
  gateways: readonly string[];

  /** The chains this worker serves, 1 … 1,000, each at most 256 bytes. */
  chains: readonly string[];

  /** What kind of worker this is, for people and logs; at most 256 bytes. Default: "worker". */
  workerName?: string;

  /** Which one of them; at most 256 bytes. Default: "<host name>-<process id>". */
  instance?: string;

  /**
   * How many messages one stream may have delivered but not settled. "auto", the default: as many as the handlers get
   * through in 100 ms, by how long they have taken lately, shared by the streams that have something to do; never fewer
   * than `concurrency`, never more than 1,000 a stream. Fixed (1 …), a larger one keeps the worker busy over longer
   * distances to the gateway; a smaller one spreads a backlog more evenly over workers, and loses less time when this
   * one dies.
   */
  windowMessages?: number | "auto";

  /**
   * The same in bytes of payload, topic and properties; 0: no limit of its own. With `windowMessages` it bounds the
   * memory of this process: `windowBytes` (and one message larger than that) for each stream. Default: 64 MiB.
   */
  windowBytes?: number;

  /**
   * How many handlers are in work at once, 1 … 4,096, over all streams. "auto", the default: the machine's CPUs, at
   * least 4. All run on one thread: more helps handlers that wait for something, not those that compute.
   */
  concurrency?: number | "auto";

  /**
   * How long a message is kept from other workers after this one has vanished without closing its stream, in
   * milliseconds. 0, the default: as the chain says. Long handlers need no long lease: leases are extended at their half
   * while a handler runs.
   */
  leaseMs?: number;

  /** Default: "tls". With "plaintext" anyone on the way can read and change everything. */
  security?: "tls" | "plaintext";
  tls?: TlsOptions;

  /**
   * A file with a bearer token for the gateway (`workers.auth.jwt`), such as a projected token of Kubernetes; blanks and
   * line breaks around it do not count. Read by each connection attempt, so that a renewed token is taken up; a gateway
   * asks for a new connection before the token ends. With "plaintext" anyone on the way can take it. Default: none.
   */
  tokenFile?: string;

  /** Instead of `tokenFile`: called by each connection attempt. What it throws is told as an event, and tried again. */
  token?: () => string | Promise<string>;

  /**
   * Which addresses of a name that has both kinds are used. A replica with an IPv4 and an IPv6 address would be given
   * two streams by "all". Default: "preferIpv4".
   */
  family?: Family;

  /**
   * Looks a host name up: all its IPv4 and IPv6 addresses. What it throws is told as an event. Default: the system's
   * resolver.
   */
  resolver?: (host: string) => readonly string[] | Promise<readonly string[]>;

  /**
   * How often names are looked up again, in milliseconds (1,000 …). New addresses get a stream, vanished ones are not
   * dialled again. A name that cannot be found is looked up again after a pause as below, if that is shorter. Default:
   * 10,000.
   */
  resolveIntervalMs?: number;

  /**
   * The pause before a connection is tried again, in milliseconds: doubled from the first to the longest, each time held
   * to a random half … whole of itself. What will not mend by itself (a rejected identity, an unknown chain) waits the
   * longest at once. Default: 100 and 30,000.
   */
  reconnectFirstMs?: number;
  reconnectLongestMs?: number;

  /** How long a connection may take from dialling to the gateway's Welcome, in milliseconds. Default: 10,000. */
  connectTimeoutMs?: number;

  /**
   * How long a drain waits for handlers and for the gateway to take their settles, in milliseconds. What is left is
   * delivered again. Default: 20,000.
   */
  drainTimeoutMs?: number;

  /** What may wait to be sent on one stream before `context.send` waits, in bytes. Default: 16 MiB. */
  sendBufferBytes?: number;

  /** Around the handler, the first outermost. Default: none. */
  middleware?: readonly Middleware[];

  /** Called for every event, one at a time. Must not throw. Default: a line on standard error. */
  onEvent?: (event: WorkerEvent) => void;

  /**
   * Called for each result, in order for one stream; must be quick, and must not throw. Default: results of replies are
   * ignored, errors of items become events.
   */
  onResult?: (result: ItemResult) => void;
}

/** Options with every default filled in. */
export interface Settings {
  readonly gateways: readonly string[];
  readonly chains: readonly string[];
  readonly workerName: string;
  readonly instance: string;
  readonly windowMessages: number | "auto";
  readonly windowBytes: number;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly security: "tls" | "plaintext";
  readonly tls: TlsOptions;
  readonly tokenFile: string | undefined;
  readonly token: (() => string | Promise<string>) | undefined;
  readonly family: Family;
  readonly resolver: ((host: string) => readonly string[] | Promise<readonly string[]>) | undefined;
  readonly resolveIntervalMs: number;
  readonly reconnectFirstMs: number;
  readonly reconnectLongestMs: number;
  readonly connectTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly sendBufferBytes: number;
  readonly middleware: readonly Middleware[];
  readonly onEvent: (event: WorkerEvent) => void;
  readonly onResult: ((result: ItemResult) => void) | undefined;
}

const DEFAULTS = {
  workerName: "worker",
  windowMessages: "auto",
  windowBytes: 64 * 1024 * 1024,
  concurrency: "auto",
  leaseMs: 0,
  security: "tls",
  family: "preferIpv4",
  resolveIntervalMs: 10_000,
  reconnectFirstMs: 100,
  reconnectLongestMs: 30_000,
  connectTimeoutMs: 10_000,
  drainTimeoutMs: 20_000,
  sendBufferBytes: 16 * 1024 * 1024,
} as const;

const MAX_NAME_BYTES = 256; // worker.proto, Hello.
const MAX_CHAINS = 1_000; // worker.proto, Hello.
const MAX_CONCURRENCY = 4_096;
const MAX_DURATION_MS = 86_400_000; // A day: anything longer is a mistake in the unit.

const NAMES: readonly (keyof WorkerOptions)[] = [
  "gateways",
  "chains",
  "workerName",
  "instance",
  "windowMessages",
  "windowBytes",
  "concurrency",
  "leaseMs",
  "security",
  "tls",
  "tokenFile",
  "token",
  "family",
  "resolver",
  "resolveIntervalMs",
  "reconnectFirstMs",
  "reconnectLongestMs",
  "connectTimeoutMs",
  "drainTimeoutMs",
  "sendBufferBytes",
  "middleware",
  "onEvent",
  "onResult",
];

function bad(what: string): WorkerError {
  return new WorkerError("INVALID_ARGUMENT", what);
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : Array.isArray(value) ? "a list" : String(value);
}

const group = new Intl.NumberFormat("en-US");

function checkNumber(field: string, value: unknown, lowest: number, highest: number, unit = "", or = ""): void {
  if (Number.isSafeInteger(value) && (value as number) >= lowest && (value as number) <= highest) return;
  const range =
    highest === Number.MAX_SAFE_INTEGER
      ? `${group.format(lowest)} …`
      : `${group.format(lowest)} … ${group.format(highest)}`;
  throw bad(`${field} is ${show(value)}${unit}; allowed are whole numbers ${range}${unit}${or}`);
}

function checkText(field: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw bad(`${field} is ${show(value)}; allowed is a string`);
}

function checkName(field: string, value: unknown): void {
  checkText(field, value);
  const bytes = Buffer.byteLength(value);
  if (bytes > MAX_NAME_BYTES) throw bad(`${field} has ${String(bytes)} bytes; allowed are ${String(MAX_NAME_BYTES)}`);
}

function checkChoice(field: string, value: unknown, choices: readonly string[]): void {
  if (choices.includes(value as string)) return;
  throw bad(`${field} is ${show(value)}; allowed are ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`);
}

function checkFunction(field: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function")
    throw bad(`${field} is ${show(value)}; allowed is a function`);
}

function checkList(field: string, value: unknown): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw bad(`${field} is ${show(value)}; allowed is a list`);
}

function checkKnown(where: string, given: object, known: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) throw bad(`${where}${key} is no option; there are ${known.join(", ")}`);
  }
}

function checkTls(settings: Settings): void {
  const { tls } = settings;
  checkKnown("tls.", tls, ["caFile", "certFile", "keyFile", "serverName"]);
  for (const [field, value] of Object.entries(tls)) if (value !== undefined) checkText(`tls.${field}`, value);
  if (settings.security === "plaintext") {
    if (Object.values(tls).some((value) => value !== undefined && value !== "")) {
      throw bad('tls is set, but security is "plaintext"');
    }
    return;
  }
  if (Boolean(tls.certFile) !== Boolean(tls.keyFile)) throw bad("tls.certFile and tls.keyFile go together");
  for (const field of ["caFile", "certFile", "keyFile"] as const) {
    const path = tls[field];
    if (!path) continue;
    try {
      readFileSync(path);
    } catch (error) {
      throw bad(`tls.${field}: cannot read ${path}: ${errorText(error)}`);
    }
  }
}

const ANY = Number.MAX_SAFE_INTEGER;

function check(settings: Settings): void {
  checkList("gateways", settings.gateways);
  if (settings.gateways.length === 0) throw bad("gateways is empty: name at least one HOST:PORT");
  for (const gateway of settings.gateways) {
    checkText("a gateway", gateway);
    parseTarget(gateway);
  }
  checkList("chains", settings.chains);
  if (settings.chains.length === 0) throw bad("chains is empty: name at least one");
  if (settings.chains.length > MAX_CHAINS) {
    throw bad(`chains has ${group.format(settings.chains.length)} entries; allowed are ${group.format(MAX_CHAINS)}`);
  }
  for (const chain of settings.chains) {
    checkName("a chain's name", chain);
    if (chain === "") throw bad("chains has an empty name");
  }
  checkName("workerName", settings.workerName);
  checkName("instance", settings.instance);
  if (settings.windowMessages !== "auto") {
    checkNumber("windowMessages", settings.windowMessages, 1, 4_294_967_294, "", ', or "auto"');
  }
  checkNumber("windowBytes", settings.windowBytes, 0, ANY, " bytes");
  checkNumber("concurrency", settings.concurrency, 1, MAX_CONCURRENCY, "", ', or "auto"');
  checkNumber("leaseMs", settings.leaseMs, 0, MAX_DURATION_MS, " ms");
  checkNumber("resolveIntervalMs", settings.resolveIntervalMs, 1_000, MAX_DURATION_MS, " ms");
  checkNumber("reconnectFirstMs", settings.reconnectFirstMs, 1, MAX_DURATION_MS, " ms");
  checkNumber("reconnectLongestMs", settings.reconnectLongestMs, settings.reconnectFirstMs, MAX_DURATION_MS, " ms");
  checkNumber("connectTimeoutMs", settings.connectTimeoutMs, 1, MAX_DURATION_MS, " ms");
  checkNumber("drainTimeoutMs", settings.drainTimeoutMs, 0, MAX_DURATION_MS, " ms");
  checkNumber("sendBufferBytes", settings.sendBufferBytes, 0, ANY, " bytes");
  checkChoice("security", settings.security, ["tls", "plaintext"]);
  checkChoice("family", settings.family, ["preferIpv4", "preferIpv6", "all"]);
  if (settings.tokenFile !== undefined) checkText("tokenFile", settings.tokenFile);
  if (settings.tokenFile && settings.token) throw bad("tokenFile and token are both set; allowed is one of them");
  checkList("middleware", settings.middleware);
  settings.middleware.forEach((one, index) => {
    if (typeof one !== "function") throw bad(`middleware[${String(index)}] is ${show(one)}; allowed is a function`);
  });
  for (const field of ["token", "resolver", "onEvent", "onResult"] as const) checkFunction(field, settings[field]);
  checkTls(settings);
}

/** Fills in the defaults. Throws INVALID_ARGUMENT naming the field, what was found and what is allowed. */
export function settle(options: WorkerOptions): Settings {
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as WorkerOptions;
  const { concurrency, ...rest } = { ...DEFAULTS, ...given };
  const settings: Settings = {
    instance: `${hostname()}-${String(process.pid)}`,
    tls: {},
    tokenFile: undefined,
    token: undefined,
    resolver: undefined,
    middleware: [],
    onEvent: printEvent,
    onResult: undefined,
    ...rest,
    concurrency: concurrency === "auto" ? Math.max(4, availableParallelism()) : concurrency,
  };
  checkKnown("", given, NAMES);
  check(settings);
  return settings;
}

// Where gateways are: what the user named, what the names stand for now, and what changed since.
import { isIP } from "node:net";

import { WorkerError } from "./status.js";

const DEFAULT_PORT = 7443;

/** "HOST:PORT" as the user gave it, taken apart. */
export interface Target {
  readonly host: string; // Without brackets.
  readonly port: number;
  readonly literal: boolean; // An IP address: nothing to look up.
}

/** One gateway replica to dial. */
export interface Address {
  readonly ip: string;
  readonly port: number;
  readonly host: string; // The name it was found under: what its certificate must carry.
}

export type Family = "preferIpv4" | "preferIpv6" | "all";

/** Throws INVALID_ARGUMENT with the reason. The port is 7443 where none is given. */
export function parseTarget(text: string): Target {
  const bad = (why: string): WorkerError =>
    new WorkerError("INVALID_ARGUMENT", `gateway "${text}": ${why}; give HOST:PORT, [IPv6]:PORT or HOST`);
  if (text.includes("/")) throw bad("it is not a URL");
  let host = text;
  let port: string | undefined;
  if (text.startsWith("[")) {
    const close = text.indexOf("]");
    if (close < 0) throw bad("the closing ] is missing");
    host = text.slice(1, close);
    const rest = text.slice(close + 1);
    if (rest !== "") {
      if (!rest.startsWith(":")) throw bad("only :PORT may follow the ]");
      port = rest.slice(1);
    }
  } else {
    const colon = text.lastIndexOf(":");
    if (colon >= 0 && text.indexOf(":") === colon) {
      host = text.slice(0, colon);
      port = text.slice(colon + 1);
    }
  }
  if (host === "") throw bad("the host is missing");
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || number < 1 || number > 65_535)) {
    throw bad("the port is not a number from 1 to 65535");
  }
  const literal = isIP(host) !== 0;
  if (!literal && host.includes(":")) throw bad("it is no IPv6 address");
  return { host, port: number, literal };
}

/** "192.0.2.7:7443", "[2001:db8::7]:7443". */
export function addressText(address: Address): string {
  const host = address.ip.includes(":") ? `[${address.ip}]` : address.ip;
  return `${host}:${String(address.port)}`;
}

/** Names one replica, whatever name it was found under. */
export function addressKey(address: Address): string {
  return `${address.ip}|${String(address.port)}`;
}

/** Of what a look-up found, the addresses of the wanted family; sorted, without duplicates. */
export function chooseAddresses(found: readonly string[], target: Target, family: Family): Address[] {
  const v4 = found.filter((ip) => isIP(ip) === 4);
  const v6 = found.filter((ip) => isIP(ip) === 6);
  const wantV4 = family === "all" || (family === "preferIpv4" ? v4.length > 0 : v6.length === 0);
  const wantV6 = family === "all" || !wantV4;
  const chosen = new Set([...(wantV4 ? v4 : []), ...(wantV6 ? v6 : [])]);
  return [...chosen].sort().map((ip) => ({ ip, port: target.port, host: target.host }));
}

/** By ip and port: the same replica under two names is one. */
export function compareAddresses(
  before: readonly Address[],
  after: readonly Address[],
): { added: Address[]; gone: Address[] } {
  const missing = (from: readonly Address[], others: readonly Address[]): Address[] => {
    const known = new Set(others.map(addressKey));
    return from.filter((address) => {
      const key = addressKey(address);
      return known.has(key) ? false : known.add(key);
    });
  };
  return { added: missing(after, before), gone: missing(before, after) };
}

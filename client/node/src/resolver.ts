import { lookup } from "node:dns/promises";

import { type Address, chooseAddresses, type Target } from "./address.js";
import type { Backoff } from "./backoff.js";
import type { Settings } from "./options.js";
import { errorText } from "./status.js";

export interface Lookup {
  /** Why there are no addresses. */
  readonly error: string | undefined;
  readonly addresses: readonly Address[];
}

async function systemLookup(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

async function resolve(target: Target, settings: Settings): Promise<Lookup> {
  try {
    const found = await (settings.resolver ?? systemLookup)(target.host);
    const addresses = chooseAddresses(found, target, settings.family);
    return { error: addresses.length === 0 ? "the name has no address" : undefined, addresses };
  } catch (error) {
    return { error: errorText(error), addresses: [] };
  }
}

/**
 * Looks up every name among `targets` at once and then again and again; sooner, after a pause of `failed`, while one of
 * them cannot be found: who starts before the gateways' name is there is not to wait for long.
 */
export class Resolver {
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(
    private readonly targets: readonly Target[],
    private readonly settings: Settings,
    private readonly failed: Backoff,
    /** `againMs`: until the next look-up, for one that failed. */
    private readonly onLookup: (index: number, lookup: Lookup, againMs: number) => void,
  ) {}

  start(): void {
    this.targets.forEach((target, index) => {
      if (target.literal) {
        this.onLookup(
          index,
          { error: undefined, addresses: [{ ip: target.host, port: target.port, host: target.host }] },
          0,
        );
      }
    });
    if (this.targets.some((target) => !target.literal)) void this.#lookUpAll();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #lookUpAll(): Promise<void> {
    const lookups = await Promise.all(
      this.targets.map(async (target) => (target.literal ? undefined : resolve(target, this.settings))),
    );
    if (this.#stopped) return;
    let againMs = this.settings.resolveIntervalMs;
    if (lookups.some((found) => found?.error !== undefined)) againMs = Math.min(againMs, this.failed.next("NOT_FOUND"));
    else this.failed.reset();
    this.#timer = setTimeout(() => void this.#lookUpAll(), againMs);
    lookups.forEach((found, index) => {
      if (found !== undefined) this.onLookup(index, found, againMs);
    });
  }
}

import { readFileSync } from "node:fs";

import { type Handler, Worker, type WorkerEvent, type WorkerOptions } from "@sluice/worker";
import type { FakeGateway } from "@sluice/worker/testing";

/** A worker that runs until it goes out of scope, and remembers its events. */
export class RunningWorker implements AsyncDisposable {
  readonly events: WorkerEvent[] = [];
  readonly worker: Worker;
  readonly ended: Promise<string>;
  #onEvent: (() => void)[] = [];

  constructor(gateways: FakeGateway | readonly string[], handler: Handler, options: Partial<WorkerOptions> = {}) {
    this.worker = new Worker(
      {
        gateways: "address" in gateways ? [gateways.address] : gateways,
        chains: ["chain"],
        security: "plaintext",
        reconnectFirstMs: 1,
        reconnectLongestMs: 20,
        onEvent: (event) => {
          this.events.push(event);
          for (const check of this.#onEvent) check();
        },
        ...options,
      },
      handler,
    );
    this.ended = this.worker.run().then(
      () => "OK",
      (error: unknown) => (error as { code: string }).code,
    );
  }

  async event(kind: WorkerEvent["kind"], matches: (event: WorkerEvent) => boolean = () => true): Promise<WorkerEvent> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no event ${kind}; there were ${JSON.stringify(this.events)}`));
      }, 5_000);
      const check = (): void => {
        const found = this.events.find((event) => event.kind === kind && matches(event));
        if (found === undefined) return;
        clearTimeout(timer);
        this.#onEvent = this.#onEvent.filter((one) => one !== check);
        resolve(found);
      };
      this.#onEvent.push(check);
      check();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.worker.stop();
    await this.ended;
  }
}

/** A promise and the function that resolves it. */
export function gate(): { open: () => void; passed: Promise<void> } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

export function testFile(name: string): Buffer {
  return readFileSync(new URL(`../../test/${name}`, import.meta.url));
}

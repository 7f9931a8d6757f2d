import type { StatusCode } from "./status.js";

/** Codes that will not go away by themselves (worker.proto, "The life of a stream"). */
export function isFatal(code: StatusCode): boolean {
  return (
    code === "INVALID_ARGUMENT" ||
    code === "UNAUTHENTICATED" ||
    code === "PERMISSION_DENIED" ||
    code === "FAILED_PRECONDITION" ||
    code === "UNIMPLEMENTED"
  );
}

/** How long to wait before a connection is tried again. */
export class Backoff {
  #failures = 0;

  constructor(
    private readonly firstMs: number,
    private readonly longestMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** A random half … whole of a pause that doubles; with a fatal code, of the longest. */
  next(code: StatusCode): number {
    let whole = this.longestMs;
    if (!isFatal(code)) {
      whole = Math.min(this.longestMs, this.firstMs * 2 ** Math.min(this.#failures, 20));
      ++this.#failures;
    }
    return Math.round(whole / 2 + this.random() * (whole / 2));
  }

  /** After a stream that has served for a while. */
  reset(): void {
    this.#failures = 0;
  }
}

// A gateway that says anything else is not taken at its word.
const SHORTEST_MS = 1_000;
const LONGEST_MS = 3_600_000;
const GRACE_MS = 100;

/** When a Ping is due, and when silence means that the stream is lost. */
export class Heartbeat {
  #intervalMs = 0;
  #sent: number; // When the last frame was.
  #heard: number; // When the last frame came, or since when we read again.
  #suspectedAt = -1; // Silent for too long, unless something waits to be read.

  constructor(now: number) {
    this.#sent = this.#heard = now;
  }

  /** As the Welcome says. */
  every(intervalMs: number): void {
    this.#intervalMs = Math.min(Math.max(intervalMs, SHORTEST_MS), LONGEST_MS);
  }

  sent(now: number): void {
    this.#sent = now;
  }

  heard(now: number): void {
    this.#heard = now;
    this.#suspectedAt = -1;
  }

  /** `writing`: a frame is under way; the pause begins when it is through. */
  pingAt(now: number, writing: boolean): number {
    return (writing ? now : this.#sent) + this.#intervalMs / 2;
  }

  /** While nothing is read the gateway cannot be heard, and is not to blame. */
  silentAt(now: number, reading: boolean): number {
    return reading ? this.#heard + 2 * this.#intervalMs : now + this.#intervalMs;
  }

  /**
   * Too late, as it seems. But a handler that computed for long has kept the network waiting, too: what has come
   * meanwhile is read first. Until when; or `lost`, and it is too late indeed.
   */
  suspect(now: number): number | "lost" {
    if (this.#suspectedAt < 0) this.#suspectedAt = now;
    const until = this.#suspectedAt + GRACE_MS;
    return now < until ? until : "lost";
  }
}

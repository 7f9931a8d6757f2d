import { MOST_MESSAGES, worthTelling } from "./auto-window.js";
import type { Settings } from "./options.js";

/** What a stream holds, beside its window: how much it may hold as the gateway was told. */
export class Holdings {
  /** Received, and their settle not yet handed to the transport. */
  messages = 0;
  bytes = 0;
  readonly #mostMessages: number; // Of windows: what comes beyond is not read.
  readonly #mostBytes: number; // 0: any.
  #window: number; // As the gateway was told.
  #maxWindow = Infinity; // As the gateway grants.

  constructor(settings: Settings, window: number) {
    this.#window = window;
    this.#mostMessages = settings.windowMessages === "auto" ? MOST_MESSAGES : settings.windowMessages;
    this.#mostBytes = settings.windowBytes;
  }

  get window(): number {
    return this.#window;
  }

  /** As the Welcome says. */
  grant(messages: number): void {
    this.#maxWindow = messages;
  }

  /** The window is to be so large. True: the gateway is to be told. */
  resize(messages: number): boolean {
    const wanted = Math.min(messages, this.#maxWindow);
    if (!worthTelling(this.#window, wanted)) return false;
    this.#window = wanted;
    return true;
  }

  less(messages: number, bytes: number): void {
    this.messages -= messages;
    this.bytes -= bytes;
  }

  /** The gateway has sent more than it may: nothing is read. One message may be larger than the window. */
  get exceeded(): boolean {
    return (
      this.messages > this.#mostMessages || (this.#mostBytes > 0 && this.bytes > this.#mostBytes && this.messages > 1)
    );
  }
}

// How many messages a stream should hold when the user has not said. What waits in a worker is out of the reach of
// others. So there is no more of it than the handlers get through in LONGEST_WAIT_MS, and where one message takes
// longer than that, none: a worker that joins then finds its share with the gateway.

const LONGEST_WAIT_MS = 100;
export const MOST_MESSAGES = 1_000;

/** For one stream of `streams` that have something to do. `handlerMs`: what one message takes; 0: not known yet. */
export function autoWindow(concurrency: number, handlerMs: number, streams: number): number {
  let total = concurrency;
  if (handlerMs > 0) total += concurrency * Math.min(Math.floor(LONGEST_WAIT_MS / handlerMs), MOST_MESSAGES);
  return Math.min(Math.max(Math.ceil(total / Math.max(streams, 1)), 1), MOST_MESSAGES);
}

/** Small changes are not worth a message of their own. */
export function worthTelling(told: number, wanted: number): boolean {
  const change = Math.abs(told - wanted);
  return change > 0 && change >= Math.floor(told / 4);
}

const clock = performance; // A local name: looking up the global one costs as much as the call.

/** Milliseconds by a clock that nobody sets. */
export function monotonicMs(): number {
  return clock.now();
}

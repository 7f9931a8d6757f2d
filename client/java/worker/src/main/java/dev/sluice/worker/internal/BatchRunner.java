package dev.sluice.worker.internal;

import dev.sluice.worker.Answer;
import dev.sluice.worker.Handler;
import dev.sluice.worker.Settlement;
import dev.sluice.worker.SettlementException;
import java.util.concurrent.atomic.LongAdder;

/**
 * Calls the handler for messages of a batch, and hands what it answers to the stream. One a thread.
 */
final class BatchRunner {
  private static final Settlement ACK = Settlement.ack();
  // What gathers within a thread is handed over when it grows this large.
  private static final int PIECE_BYTES = 16 << 10;
  // A batch that is through sooner than this is sent as a whole: a frame costs more.
  private static final long SHORT = 200_000;

  private final Handler handler;
  private final LongAdder settled;
  private final boolean inline;
  private final Chunk chunk = new Chunk(1024); // Settles not yet handed to the stream.

  /** How long the first handler of the last run() took; -1: none ran, or inline. */
  long sampleNanos;

  /** What a message took in the last run(), on average; -1: none ran. */
  long meanNanos;

  /** `inline`: on the stream's own thread, which sends when the batch is through. */
  BatchRunner(Handler handler, LongAdder settled, boolean inline) {
    this.handler = handler;
    this.settled = settled;
    this.inline = inline;
  }

  /** Claims messages until none is left. `expected`: what a message takes; 0: not known. */
  void run(Batch batch, long expected) {
    sampleNanos = -1;
    meanNanos = -1;
    long start = Clock.now();
    int ran = 0;
    for (Held held = batch.claim(); held != null; held = batch.claim()) {
      if (runOne(batch, held)) {
        ran++;
        if (!inline) {
          if (sampleNanos < 0) {
            sampleNanos = Clock.now() - start;
          }
          int left = batch.unclaimed();
          long rest = left * Math.max(expected, sampleNanos);
          handOver(batch.stream, left == 0 || expected == 0 || rest > SHORT);
        }
      }
      finishOne(batch);
    }
    if (ran > 0) {
      meanNanos = (Clock.now() - start) / ran;
    }
    handOver(batch.stream, true);
  }

  private void finishOne(Batch batch) {
    if (batch.finishOne()) {
      settled.add(batch.size);
      batch.stream.finishBatch(batch);
    }
  }

  private void handOver(Stream stream, boolean now) {
    if (chunk.settled > 0) {
      stream.send(chunk, now);
    }
  }

  /** False: it was lost before its handler. */
  private boolean runOne(Batch batch, Held held) {
    if (!batch.stream.alive() || !held.move(Held.WAITING, Held.RUNNING)) {
      return false;
    }
    Settlement settlement;
    try {
      Answer answer = handler.handle(held.message, held);
      settlement = answer == null ? ACK : answer.settlement();
    } catch (SettlementException wanted) {
      settlement = wanted.settlement();
    } catch (Throwable failure) {
      String text = failure.getMessage();
      settlement = Settlement.retry(text == null || text.isEmpty() ? failure.toString() : text);
    }
    if (!inline) {
      Thread.interrupted(); // What the handler leaves behind is not meant for the next one.
    }
    if (held.move(Held.RUNNING, Held.DONE)) {
      settle(batch.stream, held, settlement);
    }
    return true;
  }

  private void settle(Stream stream, Held held, Settlement settlement) {
    int limit = stream.maxItemBytes();
    int items = FrameEncoder.items(settlement.replies());
    if (chunk.items + (long) items > FrameEncoder.MAX_FRAME_ITEMS) {
      handOver(stream, false);
    }
    int before = chunk.buffer.size;
    if (items > FrameEncoder.MAX_FRAME_ITEMS
        || !FrameEncoder.settle(held.id(), settlement, limit, chunk.buffer)) {
      String why =
          "the handler's replies are larger than the gateway takes (" + stream.limits() + ")";
      stream.reportRefused(why);
      items = 1;
      FrameEncoder.reject(held.id(), why, chunk.buffer);
    }
    if (before > 0 && chunk.buffer.size > Math.min(PIECE_BYTES, limit)) {
      // What was there goes first: together they may be more than a frame holds.
      Chunk last = new Chunk(chunk.buffer.size - before);
      last.buffer.append(chunk.buffer, before);
      chunk.buffer.size = before;
      stream.send(chunk, false);
      chunk.swap(last);
    }
    chunk.items += items;
    chunk.settled++;
    chunk.settledBytes += held.windowBytes;
  }
}

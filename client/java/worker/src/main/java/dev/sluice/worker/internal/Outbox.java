package dev.sluice.worker.internal;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * What a stream has to say and cannot send yet: while one write is under way the next frame gathers
 * here, in order. Pure; not thread-safe.
 */
final class Outbox {
  // Up to here a copy is cheaper than one more piece to handle.
  private static final int COPY_BELOW = 16 << 10;
  // So that a gateway with small frames can still be served piece by piece.
  private static final int PIECE_BYTES = 32 << 10;
  // Emptied pieces that are kept for what comes.
  private static final int SPARE = 4;

  /** What is sent at once. */
  static final class Frame {
    final List<Chunk> pieces = new ArrayList<>();
    int bytes;
    int settled;
    long settledBytes;
  }

  private final ArrayDeque<Chunk> chunks = new ArrayDeque<>();
  private final ArrayDeque<Chunk> spare = new ArrayDeque<>();
  private long bytes;
  private int maxFrame = Integer.MAX_VALUE;

  /** What take() will be called with at most: no piece grows larger by what is added to it. */
  void limit(int maxBytes) {
    maxFrame = maxBytes;
  }

  /** Takes the content of `chunk` and leaves it empty. */
  void append(Chunk chunk) {
    int added = chunk.buffer.size;
    bytes += added;
    Chunk last = chunks.peekLast();
    if (last != null
        && added < COPY_BELOW
        && !last.endsFrame
        && last.buffer.size + added <= Math.min(PIECE_BYTES, maxFrame)
        && last.items + chunk.items <= FrameEncoder.MAX_FRAME_ITEMS) {
      last.append(chunk);
      chunk.clear();
      return;
    }
    Chunk fresh = spare.isEmpty() ? new Chunk() : spare.pop();
    if (added < COPY_BELOW) {
      fresh.append(chunk);
      chunk.clear();
    } else {
      fresh.swap(chunk);
    }
    chunks.add(fresh);
  }

  boolean isEmpty() {
    return chunks.isEmpty();
  }

  /** Encoded bytes waiting. */
  long bytes() {
    return bytes;
  }

  /**
   * The next frame: as much as fits into `maxBytes` and the most items, at least one chunk. Not
   * when empty.
   */
  Frame take(int maxBytes) {
    Frame frame = new Frame();
    int items = 0;
    while (!chunks.isEmpty()) {
      Chunk next = chunks.peek();
      if (frame.bytes > 0
          && ((long) frame.bytes + next.buffer.size > maxBytes
              || items + next.items > FrameEncoder.MAX_FRAME_ITEMS)) {
        break;
      }
      chunks.remove();
      frame.pieces.add(next);
      frame.bytes += next.buffer.size;
      items += next.items;
      frame.settled += next.settled;
      frame.settledBytes += next.settledBytes;
      if (next.endsFrame) {
        break;
      }
    }
    bytes -= frame.bytes;
    return frame;
  }

  /** The frame has been sent: its pieces may be used again. */
  void recycle(Frame frame) {
    for (Chunk piece : frame.pieces) {
      if (spare.size() < SPARE && piece.buffer.bytes.length <= 2 * PIECE_BYTES) {
        piece.clear();
        spare.push(piece);
      }
    }
    frame.pieces.clear();
  }

  void clear() {
    chunks.clear();
    bytes = 0;
  }
}

package dev.sluice.worker.internal;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A growing buffer of encoded protobuf fields. As proto3 says, a default value is not written,
 * unless a method says otherwise. Not thread-safe.
 */
final class WireBuffer {
  byte[] bytes;
  int size;

  WireBuffer() {
    this(0);
  }

  WireBuffer(int capacity) {
    bytes = new byte[capacity];
  }

  void clear() {
    size = 0;
  }

  void append(WireBuffer other) {
    raw(other.bytes, other.size);
  }

  /** What `other` holds from `from` on. */
  void append(WireBuffer other, int from) {
    int length = other.size - from;
    reserve(length);
    System.arraycopy(other.bytes, from, bytes, size, length);
    size += length;
  }

  private void raw(byte[] from, int length) {
    reserve(length);
    System.arraycopy(from, 0, bytes, size, length);
    size += length;
  }

  private void reserve(int more) {
    if (bytes.length - size < more) {
      long wanted = Math.max((long) size + more, Math.max(bytes.length * 2L, 512));
      bytes = Arrays.copyOf(bytes, (int) Math.min(wanted, Integer.MAX_VALUE - 16));
    }
  }

  static int varintSize(long value) {
    return (Long.SIZE - Long.numberOfLeadingZeros(value | 1) + 6) / 7;
  }

  void varint(long value) {
    reserve(10);
    long rest = value;
    while ((rest & ~0x7FL) != 0) {
      bytes[size++] = (byte) (rest | 0x80);
      rest >>>= 7;
    }
    bytes[size++] = (byte) rest;
  }

  void number(int field, long value) {
    if (value != 0) {
      presentNumber(field, value);
    }
  }

  /** Written also when it is 0. */
  void presentNumber(int field, long value) {
    varint((long) field << 3);
    varint(value);
  }

  void flag(int field, boolean value) {
    number(field, value ? 1 : 0);
  }

  void bytes(int field, byte[] value) {
    if (value.length > 0) {
      presentBytes(field, value);
    }
  }

  /** Written also when it is empty. */
  void presentBytes(int field, byte[] value) {
    varint((long) field << 3 | WireReader.BYTES);
    varint(value.length);
    raw(value, value.length);
  }

  void string(int field, String value) {
    int length = value.length();
    if (length == 0) {
      return;
    }
    // Most text is short ASCII, which needs no array of its own.
    if (length < 128) {
      reserve(length + 8);
      int before = size;
      varint((long) field << 3 | WireReader.BYTES);
      bytes[size++] = (byte) length;
      for (int i = 0; i < length; i++) {
        char c = value.charAt(i);
        if (c >= 0x80) {
          size = before;
          break;
        }
        bytes[size++] = (byte) c;
      }
      if (size != before) {
        return;
      }
    }
    presentBytes(field, value.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Begins a message within this one, whose size may turn out other than `expected`. The result is
   * for end().
   */
  int begin(int field, int expected) {
    varint((long) field << 3 | WireReader.BYTES);
    int room = varintSize(expected);
    reserve(room);
    size += room;
    return size;
  }

  /** Ends what begin() with the same `expected` began at `mark`. */
  void end(int mark, int expected) {
    int length = size - mark;
    int room = varintSize(expected);
    int needed = varintSize(length);
    if (needed != room) {
      reserve(needed);
      System.arraycopy(bytes, mark, bytes, mark - room + needed, length);
      size += needed - room;
    }
    int at = mark - room;
    int rest = length;
    while ((rest & ~0x7F) != 0) {
      bytes[at++] = (byte) (rest | 0x80);
      rest >>>= 7;
    }
    bytes[at] = (byte) rest;
  }
}

package dev.sluice.worker.internal;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads the fields of one encoded protobuf message, in the order they stand there. Frames are read
 * by hand because generated classes copy each field, take long to load, and would tie users to one
 * version of protobuf.
 */
final class WireReader {
  static final int VARINT = 0;
  static final int FIXED64 = 1;
  static final int BYTES = 2;
  static final int FIXED32 = 5;

  /** The input is no encoded message. */
  static final class MalformedException extends Exception {
    private static final long serialVersionUID = 1;

    MalformedException(String what) {
      super("the gateway sent a malformed " + what, null, false, false);
    }
  }

  private final byte[] input;
  private int at;
  private int end;

  // The field that next() has read.
  int number;
  int type;
  long value; // VARINT, FIXED64, FIXED32.
  int begin; // BYTES: where they stand in the input.
  int length;

  WireReader(byte[] input) {
    this.input = input;
    this.end = input.length;
  }

  /** Reads what stands from `from` on, `size` bytes. */
  void enter(int from, int size) {
    at = from;
    end = from + size;
  }

  int end() {
    return end;
  }

  /** False at the end of the input. */
  boolean next() throws MalformedException {
    if (at == end) {
      return false;
    }
    long tag = varint();
    if (tag >>> 32 != 0 || tag >>> 3 == 0) {
      throw new MalformedException("frame");
    }
    number = (int) (tag >>> 3);
    type = (int) (tag & 7);
    switch (type) {
      case VARINT -> value = varint();
      case BYTES -> {
        long size = varint();
        if (size < 0 || size > end - at) {
          throw new MalformedException("frame");
        }
        begin = at;
        length = (int) size;
        at += length;
      }
      case FIXED64 -> value = fixed(8);
      case FIXED32 -> value = fixed(4);
      default -> throw new MalformedException("frame"); // Groups, which proto3 does not have.
    }
    return true;
  }

  private long varint() throws MalformedException {
    if (at < end && input[at] >= 0) {
      return input[at++];
    }
    long result = 0;
    for (int shift = 0; shift < 64 && at < end; shift += 7) {
      byte next = input[at++];
      result |= (long) (next & 0x7F) << shift;
      if (next >= 0) {
        return result;
      }
    }
    throw new MalformedException("frame");
  }

  private long fixed(int size) throws MalformedException {
    if (end - at < size) {
      throw new MalformedException("frame");
    }
    long result = 0;
    for (int i = 0; i < size; i++) {
      result |= (input[at++] & 0xFFL) << (8 * i);
    }
    return result;
  }

  /** The field's bytes as text. */
  String string() {
    return length == 0 ? "" : new String(input, begin, length, StandardCharsets.UTF_8);
  }

  /** The field's bytes, copied. */
  byte[] bytes() {
    return Arrays.copyOfRange(input, begin, begin + length);
  }

  /**
   * Text that often comes again, as chains do: the last one is kept, so that most deliveries share
   * it.
   */
  static final class Recent {
    private byte[] encoded = {};
    private String text = "";

    String of(WireReader field) {
      if (!Arrays.equals(
          field.input, field.begin, field.begin + field.length, encoded, 0, encoded.length)) {
        encoded = field.bytes();
        text = field.string();
      }
      return text;
    }
  }
}

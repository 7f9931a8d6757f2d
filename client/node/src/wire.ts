// Protobuf's wire format, as far as the frequent parts of frames need it: deliveries are read as views, and settles are
// written straight into the outgoing frame. Generated classes allocate and copy at each level.

export class MalformedError extends Error {
  constructor(what: string) {
    super(`the gateway sent a malformed ${what}`);
    this.name = "MalformedError";
  }
}

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

const SHORT_STRING = 12; // Up to here building a string byte by byte is faster than a call into Node.

function truncated(): never {
  throw new MalformedError("frame");
}

/** Reads one encoded message. Throws MalformedError. */
export class Reader {
  pos = 0;

  constructor(
    readonly buffer: Buffer,
    public end: number = buffer.length,
  ) {}

  /** A number; beyond 2^53 the nearest. Ids and times stay below. */
  varint(): number {
    const buffer = this.buffer;
    let byte = buffer[this.pos++] ?? truncated();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    byte = buffer[this.pos++] ?? truncated();
    value |= (byte & 0x7f) << 7;
    if (byte < 0x80) return value;
    byte = buffer[this.pos++] ?? truncated();
    value |= (byte & 0x7f) << 14;
    if (byte < 0x80) return value;
    byte = buffer[this.pos++] ?? truncated();
    value |= (byte & 0x7f) << 21;
    if (byte < 0x80) return value;
    for (let scale = 2 ** 28, count = 4; count < 10; scale *= 128, ++count) {
      byte = buffer[this.pos++] ?? truncated();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return truncated();
  }

  /** All 64 bits. */
  uint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.buffer[this.pos++] ?? truncated();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return truncated();
  }

  /** The end of the bytes field that begins here; `pos` is then at its first byte. */
  span(): number {
    const size = this.varint();
    const end = this.pos + size;
    if (end > this.end) truncated();
    return end;
  }

  bytes(): Buffer {
    const end = this.span();
    const view = this.buffer.subarray(this.pos, end);
    this.pos = end;
    return view;
  }

  string(): string {
    const end = this.span();
    const begin = this.pos;
    this.pos = end;
    if (end - begin > SHORT_STRING) return this.buffer.toString("utf8", begin, end);
    let text = "";
    for (let at = begin; at < end; ++at) {
      const byte = this.buffer[at] ?? 0;
      if (byte >= 0x80) return this.buffer.toString("utf8", begin, end);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** The same, for fields that mostly repeat the text they had in the message before: `last` remembers it. */
  repeatedString(last: LastString): string {
    const end = this.span();
    const begin = this.pos;
    const size = end - begin;
    const known = last.bytes;
    if (known.length === size) {
      let at = 0;
      while (at < size && known[at] === this.buffer[begin + at]) ++at;
      if (at === size) {
        this.pos = end;
        return last.text;
      }
    }
    last.bytes = Buffer.from(this.buffer.subarray(begin, end)); // A copy, which does not keep the frame.
    last.text = last.bytes.toString("utf8");
    this.pos = end;
    return last.text;
  }

  skip(type: number): void {
    if (type === VARINT) this.uint64();
    else if (type === BYTES) this.pos = this.span();
    else if (type === FIXED64) this.pos += 8;
    else if (type === FIXED32) this.pos += 4;
    else truncated(); // Groups, which proto3 does not have, and types that do not exist.
    if (this.pos > this.end) truncated();
  }
}

export class LastString {
  bytes: Buffer = Buffer.alloc(0);
  text = "";
}

export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 4;
  for (let rest = Math.floor(value / 0x1000_0000); rest > 0; rest = Math.floor(rest / 128)) ++size;
  return size;
}

/** Writes encoded fields one behind the other into memory that grows. */
export class Writer {
  buffer: Buffer;
  pos = 0;

  constructor(capacity: number) {
    this.buffer = Buffer.allocUnsafeSlow(capacity);
  }

  ensure(more: number): void {
    if (this.pos + more <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.pos + more));
    this.buffer.copy(larger, 0, 0, this.pos);
    this.buffer = larger;
  }

  /** `value`: 0 … 2^53. The caller has ensured 10 bytes. */
  varint(value: number): void {
    const buffer = this.buffer;
    let pos = this.pos;
    while (value >= 0x8000_0000) {
      buffer[pos++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    while (value >= 0x80) {
      buffer[pos++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    buffer[pos++] = value;
    this.pos = pos;
  }

  numberField(field: number, value: number): void {
    this.ensure(20);
    this.varint(field * 8 + VARINT);
    this.varint(value);
  }

  /** Reserves the size of a bytes field whose content follows, expected to have about `expected` bytes. */
  open(field: number, expected: number): number {
    this.ensure(20);
    this.varint(field * 8 + BYTES);
    this.pos += varintSize(expected);
    return this.pos;
  }

  /** `begin`, `expected`: of its open(). Writes the size, and moves the content when the size needs other room. */
  close(begin: number, expected: number): void {
    const size = this.pos - begin;
    const reserved = varintSize(expected);
    const needed = varintSize(size);
    if (needed !== reserved) {
      this.ensure(needed);
      this.buffer.copyWithin(begin + needed - reserved, begin, this.pos);
    }
    this.pos = begin - reserved;
    this.varint(size);
    this.pos += size;
  }

  bytesField(field: number, bytes: Uint8Array): void {
    this.ensure(bytes.length + 20);
    this.varint(field * 8 + BYTES);
    this.varint(bytes.length);
    this.buffer.set(bytes, this.pos);
    this.pos += bytes.length;
  }

  stringField(field: number, text: string): void {
    const length = text.length;
    this.ensure(length * 3 + 20);
    this.varint(field * 8 + BYTES);
    if (length <= 42) {
      // At most 126 bytes, so that the size has one byte.
      const buffer = this.buffer;
      let pos = this.pos + 1;
      for (let at = 0; at < length; ++at) {
        const unit = text.charCodeAt(at);
        if (unit >= 0x80) {
          pos = this.pos + 1 + buffer.write(text, this.pos + 1);
          break;
        }
        buffer[pos++] = unit;
      }
      buffer[this.pos] = pos - this.pos - 1;
      this.pos = pos;
      return;
    }
    const begin = this.pos + varintSize(length);
    this.pos = begin + this.buffer.write(text, begin);
    this.close(begin, length);
  }
}

//! Protobuf's wire format: varints and fields, read and written.

/// The bytes a varint takes.
pub(crate) fn varint_len(value: u64) -> usize {
    (((value | 1).ilog2() * 9 + 73) / 64) as usize
}

/// A field of a number, which is not written when 0.
pub(crate) fn uint_len(field: u32, value: u64) -> usize {
    if value == 0 {
        0
    } else {
        forced_uint_len(field, value)
    }
}

/// A field of a number, written also when 0.
pub(crate) fn forced_uint_len(field: u32, value: u64) -> usize {
    varint_len(u64::from(field) << 3) + varint_len(value)
}

/// A field of `len` bytes, which is not written when empty.
pub(crate) fn bytes_len(field: u32, len: usize) -> usize {
    if len == 0 {
        0
    } else {
        forced_bytes_len(field, len)
    }
}

/// A field of `len` bytes, written also when empty.
pub(crate) fn forced_bytes_len(field: u32, len: usize) -> usize {
    varint_len(u64::from(field) << 3) + varint_len(len as u64) + len
}

#[allow(clippy::cast_possible_truncation)] // Seven bits at a time.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_uint(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_forced_uint(out, field, value);
    }
}

pub(crate) fn put_forced_uint(out: &mut Vec<u8>, field: u32, value: u64) {
    put_varint(out, u64::from(field) << 3);
    put_varint(out, value);
}

/// The tag and length of a field whose `len` bytes follow.
pub(crate) fn put_head(out: &mut Vec<u8>, field: u32, len: usize) {
    put_varint(out, u64::from(field) << 3 | 2);
    put_varint(out, len as u64);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_forced_bytes(out, field, bytes);
    }
}

pub(crate) fn put_forced_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    put_head(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// What was read is no protobuf.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// One field as it stands on the wire.
pub(crate) enum Value {
    Number(u64),
    /// From … to, as offsets into what the reader was made of.
    Bytes(usize, usize),
    /// Of a kind that the protocol does not use: passed over.
    Other,
}

pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(Malformed)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn skip(&mut self, len: usize) -> Result<usize, Malformed> {
        let from = self.at;
        let to = from
            .checked_add(len)
            .filter(|to| *to <= self.bytes.len())
            .ok_or(Malformed)?;
        self.at = to;
        Ok(from)
    }

    /// The next field's number and value; `None` at the end.
    pub(crate) fn field(&mut self) -> Result<Option<(u32, Value)>, Malformed> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
        if number == 0 {
            return Err(Malformed);
        }
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => {
                self.skip(8)?;
                Value::Other
            }
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                let from = self.skip(len)?;
                Value::Bytes(from, self.at)
            }
            5 => {
                self.skip(4)?;
                Value::Other
            }
            _ => return Err(Malformed),
        };
        Ok(Some((number, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back_and_their_length_is_known() {
        for value in [0, 1, 127, 128, 16_383, 16_384, 1 << 35, u64::MAX >> 1, u64::MAX] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value), "{value}");
            assert_eq!(Reader::new(&out).varint(), Ok(value));
        }
    }

    #[test]
    fn what_is_cut_off_is_malformed() {
        let mut out = Vec::new();
        put_bytes(&mut out, 3, b"hello");
        put_uint(&mut out, 4, 300);
        for end in [1, 3, 6, 8] {
            let mut reader = Reader::new(&out[..end]);
            let outcome = loop {
                match reader.field() {
                    Ok(Some(_)) => {}
                    Ok(None) => break false,
                    Err(Malformed) => break true,
                }
            };
            assert!(outcome, "{end}");
        }
    }
}

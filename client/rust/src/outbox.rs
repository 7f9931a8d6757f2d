//! What a stream has to say and cannot send yet: while the connection is busy the next frame gathers here. Pure.

use std::collections::VecDeque;

/// The most items that a frame may hold (worker.proto, "Frames"); a frame with more ends the stream.
pub(crate) const MAX_ITEMS: usize = 100_000;

/// Up to here a copy is cheaper than one more piece.
const COPY_BELOW: usize = 4_096;
const PIECE_BYTES: usize = 32 << 10;

/// Encoded fields of a `WorkerFrame`, and what sending them frees.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    pub bytes: Vec<u8>,
    /// Deliveries settled in it, and their window bytes.
    pub settled: u64,
    pub settled_bytes: u64,
    /// As `MAX_ITEMS` counts them; no more than that.
    pub items: usize,
    /// What comes later must be in a later frame.
    pub ends_frame: bool,
}

impl Chunk {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take_in(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.settled += other.settled;
        self.settled_bytes += other.settled_bytes;
        self.items += other.items;
        self.ends_frame = other.ends_frame;
    }

    /// Empty again; keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.settled = 0;
        self.settled_bytes = 0;
        self.items = 0;
        self.ends_frame = false;
    }
}

/// Keeps the order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    chunks: VecDeque<Chunk>,
    size: usize,
}

/// What goes out in one write.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub pieces: Vec<Vec<u8>>,
    pub settled: u64,
    pub settled_bytes: u64,
}

impl Outbox {
    /// Takes the content of `chunk` and leaves it empty: a small one is copied behind the last, so that a frame has few
    /// pieces and the chunk keeps its memory; a large one is moved. No piece grows beyond `max_bytes` by that.
    pub(crate) fn append(&mut self, chunk: &mut Chunk, max_bytes: usize) {
        let added = chunk.bytes.len();
        self.size += added;
        if added >= COPY_BELOW {
            self.chunks.push_back(std::mem::take(chunk));
            return;
        }
        let room = PIECE_BYTES.min(max_bytes);
        match self.chunks.back_mut() {
            Some(last)
                if !last.ends_frame && last.bytes.len() + added <= room && last.items + chunk.items <= MAX_ITEMS =>
            {
                last.take_in(chunk);
            }
            _ => {
                let mut copy = Chunk::default();
                copy.take_in(chunk);
                self.chunks.push_back(copy);
            }
        }
        chunk.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Encoded bytes waiting.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The next frame: as much as fits into `max_bytes` and `MAX_ITEMS`, at least one chunk. `None` when empty.
    pub(crate) fn take(&mut self, max_bytes: usize) -> Option<Frame> {
        let mut frame = Frame::default();
        let (mut bytes, mut items) = (0, 0);
        while let Some(next) = self.chunks.front() {
            let fits = bytes + next.bytes.len() <= max_bytes && items + next.items <= MAX_ITEMS;
            if !frame.pieces.is_empty() && !fits {
                break;
            }
            bytes += next.bytes.len();
            items += next.items;
            frame.settled += next.settled;
            frame.settled_bytes += next.settled_bytes;
            let ends = next.ends_frame;
            frame.pieces.extend(self.chunks.pop_front().map(|chunk| chunk.bytes));
            if ends {
                break;
            }
        }
        self.size -= bytes;
        (!frame.pieces.is_empty()).then_some(frame)
    }

    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
        self.size = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(len: usize, items: usize) -> Chunk {
        Chunk {
            bytes: vec![b'x'; len],
            settled: 1,
            settled_bytes: 10,
            items,
            ends_frame: false,
        }
    }

    fn sizes(outbox: &mut Outbox, max_bytes: usize) -> Vec<usize> {
        let mut sizes = Vec::new();
        while let Some(frame) = outbox.take(max_bytes) {
            sizes.push(frame.pieces.iter().map(Vec::len).sum());
        }
        sizes
    }

    #[test]
    fn what_gathered_goes_out_in_one_frame() {
        let mut outbox = Outbox::default();
        for len in [10, 20, 5_000] {
            outbox.append(&mut chunk(len, 1), 1 << 20);
        }
        assert_eq!(outbox.size(), 5_030);
        let frame = outbox.take(1 << 20).unwrap();
        assert_eq!((frame.settled, frame.settled_bytes), (3, 30));
        assert!(outbox.is_empty() && outbox.size() == 0 && outbox.take(1).is_none());
    }

    #[test]
    fn frames_are_cut_at_bytes_and_items() {
        let mut outbox = Outbox::default();
        for _ in 0..10 {
            outbox.append(&mut chunk(100, 1), 250);
        }
        assert_eq!(sizes(&mut outbox, 250), [200; 5]);
        for _ in 0..3 {
            outbox.append(&mut chunk(10, 60_000), 1 << 20);
        }
        assert_eq!(sizes(&mut outbox, 1 << 20), [10; 3]);
    }

    #[test]
    fn what_ends_a_frame_ends_it() {
        let mut outbox = Outbox::default();
        let mut last = chunk(10, 0);
        last.ends_frame = true;
        outbox.append(&mut last, 1 << 20);
        outbox.append(&mut chunk(7, 0), 1 << 20);
        assert_eq!(sizes(&mut outbox, 1 << 20), [10, 7]);
    }
}

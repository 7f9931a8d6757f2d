//! Settles on their way from handlers to streams: gathered, so that a stream is locked once for many.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use crate::context::Batch;
use crate::encode::{self, TooLarge};
use crate::leases::Group;
use crate::outbox::{Chunk, MAX_ITEMS};
use crate::pool::Pool;
use crate::settlement::Settlement;

/// What gathers is handed to the stream when it grows this large.
const SEND_AT: usize = 64 << 10;

/// Settles on their way to a stream.
pub(crate) struct Settles<'a> {
    pub pool: &'a Pool,
    stream: Option<Arc<Batch>>,
    chunk: Chunk,
    finished: Vec<Arc<Group>>,
    through: u64,
}

impl<'a> Settles<'a> {
    pub(crate) fn new(pool: &'a Pool) -> Self {
        Self {
            pool,
            stream: None,
            chunk: Chunk::default(),
            finished: Vec::new(),
            through: 0,
        }
    }

    /// What follows is of this batch.
    pub(crate) fn turn_to(&mut self, batch: &Arc<Batch>) {
        if self
            .stream
            .as_ref()
            .is_some_and(|now| !Arc::ptr_eq(&now.stream, &batch.stream))
        {
            self.flush();
        }
        self.stream = Some(Arc::clone(batch));
    }

    /// A handler has come to its end; `None`: it was never called, since its delivery was lost before.
    pub(crate) fn through(&mut self, batch: &Batch, index: usize, settlement: Option<&Settlement>) {
        if let Some(settlement) = settlement {
            let held = &batch.group.deliveries[index];
            if held.finish() {
                self.put(batch, held.id, held.window_bytes, settlement);
            }
            self.through += 1;
        }
        if batch.group.one_is_through() {
            self.finished.push(Arc::clone(&batch.group));
        }
    }

    fn put(&mut self, batch: &Batch, delivery_id: u64, window_bytes: u64, settlement: &Settlement) {
        let max_bytes = batch.stream.max_item_bytes();
        let items = encode::items_of_settle(settlement);
        if self.chunk.items + items > MAX_ITEMS {
            self.flush();
        }
        let before = self.chunk.bytes.len();
        let too_large = items > MAX_ITEMS
            || encode::put_settle(&mut self.chunk.bytes, delivery_id, settlement, max_bytes) == Err(TooLarge);
        let items = if too_large {
            let why = TooLarge::text("the handler's replies are larger", max_bytes);
            batch.stream.report_refused(why.clone());
            let _ = encode::put_settle(&mut self.chunk.bytes, delivery_id, &Settlement::reject(why), usize::MAX);
            1
        } else {
            items
        };
        if self.chunk.bytes.len() > max_bytes && before > 0 {
            // Each fits into a frame, both do not.
            let last = self.chunk.bytes.split_off(before);
            self.flush();
            self.chunk.bytes = last;
        }
        self.chunk.items += items;
        self.chunk.settled += 1;
        self.chunk.settled_bytes += window_bytes;
        if self.chunk.bytes.len() >= SEND_AT {
            self.flush();
        }
    }

    pub(crate) fn flush(&mut self) {
        self.pool
            .settled
            .fetch_add(std::mem::take(&mut self.through), Ordering::Relaxed);
        if self.chunk.is_empty() && self.finished.is_empty() {
            return;
        }
        if let Some(batch) = &self.stream {
            batch.stream.send(&mut self.chunk, &mut self.finished);
        }
    }
}

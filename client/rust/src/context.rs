//! The handler's line to the gateway while it runs.

use std::fmt;
use std::sync::Arc;

use crate::encode::{self, TooLarge};
use crate::leases::{Group, Held};
use crate::outbox::Chunk;
use crate::reply::Reply;
use crate::status::{Code, Status};
use crate::stream::Stream;

/// The deliveries of one frame, and the stream that takes their settles.
pub(crate) struct Batch {
    pub stream: Arc<Stream>,
    pub group: Arc<Group>,
}

/// The handler's line to the gateway while it runs. A clone costs next to nothing and can be handed to other tasks.
#[derive(Clone)]
pub struct Context {
    batch: Arc<Batch>,
    index: usize,
    /// For replies that are sent by it.
    #[cfg(feature = "otel")]
    properties: Option<Arc<[(String, String)]>>,
}

impl Context {
    pub(crate) fn new(batch: Arc<Batch>, index: usize) -> Self {
        Self {
            batch,
            index,
            #[cfg(feature = "otel")]
            properties: None,
        }
    }

    /// The same, with user properties for the replies that are sent by it.
    #[cfg(feature = "otel")]
    pub(crate) fn with_properties(mut self, properties: Arc<[(String, String)]>) -> Self {
        self.properties = Some(properties);
        self
    }

    fn held(&self) -> &Held {
        &self.batch.group.deliveries[self.index]
    }

    /// Publishes a reply now, ahead of the settlement; order is kept. Waits while more than
    /// [`Options::send_buffer_bytes`](crate::Options::send_buffer_bytes) are unsent.
    ///
    /// # Errors
    ///
    /// [`Code::Unavailable`]: nobody waits for it, see [`is_abandoned`](Self::is_abandoned); the message will be, or was,
    /// delivered again. [`Code::InvalidArgument`]: larger than the gateway takes.
    pub async fn send(&self, reply: Reply) -> Result<(), Status> {
        #[cfg(feature = "otel")]
        let reply = {
            let mut reply = reply;
            crate::otel::add(&mut reply, self.properties.as_deref().unwrap_or_default());
            reply
        };
        let stream = &self.batch.stream;
        let max_bytes = stream.max_item_bytes();
        let mut chunk = Chunk {
            items: encode::items_of(&reply),
            ..Chunk::default()
        };
        encode::put_early_reply(&mut chunk.bytes, self.held().id, &reply, max_bytes).map_err(|TooLarge| {
            let text = TooLarge::text("the reply is larger", max_bytes);
            Status::new(Code::InvalidArgument, text)
        })?;
        drop(reply);
        stream.send_early(&mut chunk, self.held()).await
    }

    /// True once nobody waits for the outcome: the stream has ended, or the gateway gave the message to another worker.
    /// What the handler returns is then without effect.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        !self.batch.stream.is_alive() || self.held().is_lost()
    }

    /// Waits until nobody waits for the outcome any more. For a long handler to give up, in a `select!`:
    ///
    /// ```ignore
    /// tokio::select! {
    ///     reply = work(&message) => Ok(reply),
    ///     () = context.abandoned() => Err(Retry::new("nobody waits for it")),
    /// }
    /// ```
    pub async fn abandoned(&self) {
        self.batch.stream.until(|| self.held().is_lost()).await;
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("delivery_id", &self.held().id)
            .field("abandoned", &self.is_abandoned())
            .finish()
    }
}

//! What a user writes: handlers, and middleware around them.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use crate::context::Context;
use crate::message::Message;
use crate::pool::{Job, Pool};
use crate::runner;
use crate::settlement::{IntoSettlement, Settlement};

/// What becomes of a message: `async fn(Message) -> T` or `async fn(Message, Context) -> T`, where `T` is
/// [`IntoSettlement`]. Implemented for functions and closures; nothing else needs to.
///
/// As many run at once as [`Options::concurrency`](crate::Options::concurrency) says, on the runtime that
/// [`Worker::run`](crate::Worker::run) was called on. Like every async function a handler must not block for long:
/// `tokio::task::spawn_blocking` is for that. A panic becomes a RETRY with its text, where the program unwinds.
pub trait Handler<Arguments>: Send + Sync + 'static {
    /// What it returns.
    type Output: IntoSettlement;
    /// The work on one message.
    type Future: Future<Output = Self::Output> + Send + 'static;
    /// Begins the work on one message.
    fn call(&self, message: Message, context: Context) -> Self::Future;
}

impl<F, Fut> Handler<(Message,)> for F
where
    F: Fn(Message) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoSettlement> + Send + 'static,
{
    type Output = Fut::Output;
    type Future = Fut;

    fn call(&self, message: Message, _: Context) -> Fut {
        self(message)
    }
}

impl<F, Fut> Handler<(Message, Context)> for F
where
    F: Fn(Message, Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoSettlement> + Send + 'static,
{
    type Output = Fut::Output;
    type Future = Fut;

    fn call(&self, message: Message, context: Context) -> Fut {
        self(message, context)
    }
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A handler whose type is forgotten. What runs often stays within it, so that no message costs an allocation.
pub(crate) trait Erased: Send + Sync {
    fn call(&self, message: Message, context: Context) -> BoxFuture<Settlement>;
    /// A task that takes jobs from the pool until there are none.
    fn runner(self: Arc<Self>, pool: Arc<Pool>) -> BoxFuture<()>;
    /// Works a job off on the caller's task.
    fn here(self: Arc<Self>, pool: Arc<Pool>, job: Job) -> BoxFuture<()>;
    /// Works a job off at once. What is not ready at once goes on in a runner.
    fn at_once(self: Arc<Self>, pool: &Arc<Pool>, job: Job, cx: &mut std::task::Context<'_>);
}

pub(crate) struct Typed<H, A> {
    pub handler: H,
    arguments: PhantomData<fn() -> A>,
}

impl<H: Handler<A>, A: 'static> Typed<H, A> {
    pub(crate) fn new(handler: H) -> Self {
        Self {
            handler,
            arguments: PhantomData,
        }
    }
}

impl<H: Handler<A>, A: 'static> Erased for Typed<H, A> {
    fn call(&self, message: Message, context: Context) -> BoxFuture<Settlement> {
        let work = self.handler.call(message, context);
        Box::pin(async move { work.await.into_settlement() })
    }

    fn runner(self: Arc<Self>, pool: Arc<Pool>) -> BoxFuture<()> {
        Box::pin(runner::work(self, pool, None))
    }

    fn here(self: Arc<Self>, pool: Arc<Pool>, job: Job) -> BoxFuture<()> {
        Box::pin(runner::work_off(self, pool, job))
    }

    fn at_once(self: Arc<Self>, pool: &Arc<Pool>, job: Job, cx: &mut std::task::Context<'_>) {
        runner::work_at_once(&self, pool, job, cx);
    }
}

/// Something around the handler: it sees the message before, and the settlement after.
///
/// Implemented for closures and functions, too:
///
/// ```
/// use sluice_worker::{Context, Message, Next, Options, Reply, Worker};
/// let worker = Worker::new(Options::new(["gateway:7443"], ["chain"]), |_: Message| async { Reply::new("x") })
///     .with(|message: Message, context: Context, next: Next| async move {
///         let id = message.message_id().to_owned();
///         let settlement = next.run(message, context).await;
///         println!("{id}: {:?}", settlement.outcome);
///         settlement
///     });
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Calls `next.run(message, context)`, or does not, and says what becomes of the message. A panic of the handler
    /// passes through, and becomes a RETRY outside of all middleware.
    fn call(&self, message: Message, context: Context, next: Next)
        -> impl Future<Output = Settlement> + Send + 'static;
}

impl<F, Fut> Middleware for F
where
    F: Fn(Message, Context, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Settlement> + Send + 'static,
{
    fn call(
        &self,
        message: Message,
        context: Context,
        next: Next,
    ) -> impl Future<Output = Settlement> + Send + 'static {
        self(message, context, next)
    }
}

/// What a middleware is around: the next one, or the handler.
#[derive(Clone)]
pub struct Next(Arc<dyn Erased>);

impl Next {
    /// What the handler makes of the message.
    pub async fn run(&self, message: Message, context: Context) -> Settlement {
        self.0.call(message, context).await
    }
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Next")
    }
}

pub(crate) fn layered(middleware: impl Middleware, inner: Arc<dyn Erased>) -> Arc<dyn Erased> {
    let handler = move |message, context| -> BoxFuture<Settlement> {
        Box::pin(middleware.call(message, context, Next(inner.clone())))
    };
    Arc::new(Typed::<_, (Message, Context)>::new(handler))
}

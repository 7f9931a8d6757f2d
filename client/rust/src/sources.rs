//! Functions of the user's that the SDK asks: for addresses, and for tokens.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use crate::handler::BoxFuture;

/// Any error, as user functions return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

type LookUp = dyn Fn(String) -> BoxFuture<Result<Vec<IpAddr>, BoxError>> + Send + Sync;
type GiveToken = dyn Fn() -> BoxFuture<Result<String, BoxError>> + Send + Sync;

/// A look-up function of the user's: host → addresses. See [`Options::resolver`](crate::Options::resolver).
#[derive(Clone)]
pub struct Resolver(Arc<LookUp>);

impl Resolver {
    /// ```
    /// use sluice_worker::Resolver;
    /// let fixed = Resolver::new(|_host| async { Ok(vec!["127.0.0.1".parse()?]) });
    /// ```
    pub fn new<F, Fut>(look_up: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<IpAddr>, BoxError>> + Send + 'static,
    {
        Self(Arc::new(move |host| Box::pin(look_up(host))))
    }

    pub(crate) fn look_up(&self, host: &str) -> BoxFuture<Result<Vec<IpAddr>, BoxError>> {
        (self.0)(host.to_owned())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// Where tokens come from, if not from a file. See [`Options::token`](crate::Options::token).
#[derive(Clone)]
pub struct TokenSource(Arc<GiveToken>);

impl TokenSource {
    /// Called by each connection attempt.
    ///
    /// ```
    /// use sluice_worker::TokenSource;
    /// let source = TokenSource::new(|| async { Ok(std::env::var("TOKEN")?) });
    /// ```
    pub fn new<F, Fut>(source: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, BoxError>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(source())))
    }

    pub(crate) fn token(&self) -> BoxFuture<Result<String, BoxError>> {
        (self.0)()
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSource")
    }
}

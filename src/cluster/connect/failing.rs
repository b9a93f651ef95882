//! Requests that came to nothing, in the log: which it was, and how it ended.
//!
//! Whoever sent it says what follows from that, and tries again. A cluster that is ill fails one
//! request after the other: of each verb one line comes in ten seconds, with how many came to nothing
//! since the last. An answer that says that the request is wrong is no failure of the cluster, and not
//! told here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use tower::{BoxError, Service};

use crate::clock;
use crate::telemetry::{Sparse, chain};

/// The layer that logs them.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer(Arc<Sparse>);

/// See [`Layer`].
#[derive(Clone, Debug)]
pub(super) struct Logged<S> {
    inner: S,
    sparse: Arc<Sparse>,
}

/// A verb as the key of a line: what is not listed is `other`.
fn verb(method: &Method) -> &'static str {
    const KNOWN: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

// === impl Layer ===

impl<S> tower::Layer<S> for Layer {
    type Service = Logged<S>;

    fn layer(&self, inner: S) -> Logged<S> {
        Logged { inner, sparse: Arc::clone(&self.0) }
    }
}

// === impl Logged ===

impl<S, A, B> Service<Request<A>> for Logged<S>
where
    S: Service<Request<A>, Response = Response<B>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let method = request.method().clone();
        let uri = request.uri().clone();
        let answer = self.inner.call(request);
        let sparse = Arc::clone(&self.sparse);
        Box::pin(async move {
            let answer = answer.await;
            let (status, error) = match &answer {
                Ok(answer) if answer.status().is_server_error() => {
                    (Some(answer.status().as_u16()), None)
                }
                Ok(_) => return answer,
                Err(error) => (None, Some(chain(&**error))),
            };
            if let Some(held_back) = sparse.admit(verb(&method), clock::instant()) {
                // Without the query: it is long, and nobody promises what is in it.
                let path = uri.path();
                tracing::warn!(%method, path, status, error, held_back, "{FAILED}");
            }
            answer
        })
    }
}

const FAILED: &str = "a request to the API server came to nothing";

#[cfg(test)]
mod tests;

//! Requests that came to nothing, in the log: which it was, and how it ended.
//!
//! Whoever sent it says what follows from that, and tries again. A cluster that is ill fails one
//! request after the other: of each verb one line comes in ten seconds, with how many came to nothing
//! since the last. An answer that says that the request is wrong is no failure of the cluster, and not
//! told here.

use std::sync::Arc;

use http::{Method, Request, Response};
use tower::{BoxError, Service, ServiceExt};

use crate::clock;
use crate::telemetry::{Sparse, chain};

/// Sends a request, and logs it where it comes to nothing.
pub(super) async fn send<S, A, B>(
    service: S,
    request: Request<A>,
    sparse: Arc<Sparse>,
) -> Result<Response<B>, BoxError>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Error: Into<BoxError>,
{
    let method = request.method().clone();
    let uri = request.uri().clone();
    let answer = service.oneshot(request).await.map_err(Into::into);
    let (status, error) = match &answer {
        Ok(answer) if answer.status().is_server_error() => (Some(answer.status().as_u16()), None),
        Ok(_) => return answer,
        Err(error) => (None, Some(chain(&**error))),
    };
    if let Some(held_back) = sparse.admit(verb(&method), clock::instant()) {
        // Without the query: it is long, and nobody promises what is in it.
        let path = uri.path();
        tracing::warn!(%method, path, status, error, held_back, "{FAILED}");
    }
    answer
}

/// A verb as the key of a line: what is not listed is `other`.
fn verb(method: &Method) -> &'static str {
    const KNOWN: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

const FAILED: &str = "a request to the API server came to nothing";

#[cfg(test)]
mod tests;

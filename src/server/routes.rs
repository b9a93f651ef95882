//! What the HTTPS port answers: reviews of Jobs and `CronJob`s, reviews of the policy itself, and
//! a clear error for everything else.
//!
//! Errors are plain text; the API server puts it into its own log. None carries `Retry-After`
//! (see `limits`), and none redirects, since the API server would follow.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::post;

use super::policy_review;
use super::request::{POLICY_ROUTE, ROUTE, Rejection, admitted, apart, json, waited};
use super::shared::Shared;
use crate::clock;

/// The routes. Routing looks at the path alone: the API server appends `?timeout=…`.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(ROUTE, post(answer))
        .route(POLICY_ROUTE, post(answer_policy_review))
        .method_not_allowed_fallback(async |State(shared): State<Arc<Shared>>, method: Method| {
            Rejection::Method { method }.response(&shared.metrics)
        })
        .fallback(async |State(shared): State<Arc<Shared>>, uri: Uri| {
            Rejection::NotFound { path: uri.path().to_owned() }.response(&shared.metrics)
        })
        .with_state(shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    review(&shared, request).await.unwrap_or_else(|rejection| rejection.response(&shared.metrics))
}

async fn answer_policy_review(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let answer = policy_review::review(&shared, request).await;
    answer.unwrap_or_else(|rejection| rejection.response(&shared.metrics))
}

async fn review(shared: &Shared, request: Request) -> Result<Response, Rejection> {
    let began = clock::instant();
    let (body, turn) = admitted(shared, &shared.intake, request).await?;
    let answer = if body.len() < shared.settings.large_body {
        if !turn.judged() {
            return Err(Rejection::Displaced);
        }
        let body = body.whole();
        // A panic must cost this request only. Nothing that the closure sees is left half-changed:
        // it reads a policy, and counts.
        catch_unwind(AssertUnwindSafe(|| (shared.judge)(&body))).map_err(|_| Rejection::Panic)??
    } else {
        let large = waited(&shared.large, &turn).await?;
        let judge = Arc::clone(&shared.judge);
        apart(move || {
            let _held = (turn, large);
            judge(&body.whole())
        })
        .await?
    };
    shared.metrics.reviewed(&answer.report, began.elapsed());
    Ok(json(answer.body))
}

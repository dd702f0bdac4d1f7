//! The API without a door: the same routes, called in this process. What the command line uses where no daemon runs.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use tower::ServiceExt;

use super::auth::LocalPeer;

/// The routes, to be called in this process as the user who runs it.
pub struct Here {
    routes: axum::Router,
}

impl Here {
    /// Those routes.
    pub fn new(routes: axum::Router) -> Self {
        Self { routes }
    }

    /// One request; answers status and body. `key` is its `Idempotency-Key`, `body` JSON.
    pub async fn call(&self, method: &str, path: &str, key: &str, body: String) -> Option<(u16, Vec<u8>)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Idempotency-Key", key)
            .header(header::CONTENT_TYPE, "application/json")
            .extension(ConnectInfo(LocalPeer { uid: 0, trusted: true }))
            .body(Body::from(body))
            .ok()?;
        // The service of a router never fails: faults are answers.
        let response = self.routes.clone().oneshot(request).await.ok()?;
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.ok()?;
        Some((status, body.to_vec()))
    }
}

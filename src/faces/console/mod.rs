//! The console.
use crate::faces::door::Lan;
use axum::Router;
pub fn router(_lan: Lan) -> Router {
    Router::new()
}

//! The console.
use crate::faces::lan::Lan;
use axum::Router;
pub fn router(_lan: Lan) -> Router {
    Router::new()
}

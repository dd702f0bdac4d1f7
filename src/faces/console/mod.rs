//! The console.
use axum::Router;
use crate::faces::lan::Lan;
pub fn router(_lan: Lan) -> Router { Router::new() }

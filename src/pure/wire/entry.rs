//! stub
use super::cbor::{CborError, Value};
use crate::pure::domain::Entry;
pub fn entry_value(_e: &Entry) -> Value { Value::Null }
pub fn entry_read(_v: &Value) -> Result<Entry, CborError> { Err(CborError::Trailing) }

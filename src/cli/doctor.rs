//! doctor
use anyhow::Result;
use clap::Args;
use super::Context;
#[derive(Args, Debug)]
pub struct DoctorArgs {}
pub fn run(_c: &Context, _a: DoctorArgs) -> Result<()> { Ok(()) }

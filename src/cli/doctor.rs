//! doctor
use super::Context;
use anyhow::Result;
use clap::Args;
#[derive(Args, Debug)]
pub struct DoctorArgs {}
pub fn run(_c: &Context, _a: DoctorArgs) -> Result<()> {
    Ok(())
}

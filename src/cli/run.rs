//! `stampd run`: the daemon.

use anyhow::Result;
use clap::Args;

use super::Context;
use crate::base::config::{Config, Environment, Overrides};
use crate::daemon::{Daemon, Opened};

/// What a daemon may be told beside its configuration.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The address of the first door, instead of [api] listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Worker threads of the runtime: the API of one shop needs no more, and the device has other work.
const WORKERS: usize = 2;

/// Runs the command until it is told to stop.
pub fn run(context: &Context, args: RunArgs) -> Result<()> {
    super::logs_start();
    let environment = Environment::of_process();
    let mut overrides = Overrides::from_environment(&environment);
    if let Some(listen) = args.listen {
        overrides = overrides.with_flag("api.listen", "--listen", listen);
    }
    let config = Config::load_with(&context.config, &overrides, &environment)?;
    serve(config, |daemon| {
        tracing::info!("daemon.ready: stampd {} answers at {}", env!("CARGO_PKG_VERSION"), daemon.url());
        Ok(())
    })
}

/// Starts a daemon, calls `ready` once it answers, and serves until it is told to stop.
pub fn serve(config: Config, ready: impl FnOnce(&Daemon) -> Result<()>) -> Result<()> {
    let opened = Opened::open(config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let served = runtime.block_on(async {
        let daemon = Daemon::start(opened).await?;
        ready(&daemon)?;
        daemon.serve(std::future::pending()).await
    });
    // Whatever still blocks (a reader's driver, a slow read) does not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    served
}

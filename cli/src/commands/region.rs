//! `lab region`: one region of a lab in a process of its own; the lab starts this.

use lab::region::serve_process;

use crate::{args::RegionServer, error::CliError, exit};

pub(crate) async fn run(region: &RegionServer) -> Result<exit::Code, CliError> {
    serve_process(region.name.clone(), region.address, region.seed, region.tls.as_deref()).await?;
    Ok(exit::DONE)
}

//! How well the fleet keeps its schedule: `cargo run --release -p lab --example fleet [RATE] [SECONDS]`.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt;
use lab::{
    fleet::{Answer, Fleet, Load},
    region::Region,
};

fn main() -> io::Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let rate = numbers.next().unwrap_or(2_000.0);
    let seconds = numbers.next().unwrap_or(5.0);
    // One worker: the fleet and the region share one core.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(run(rate, seconds))
}

async fn run(rate: f64, seconds: f64) -> io::Result<()> {
    let address = IpAddr::from(Ipv4Addr::new(127, 0, 1, 1));
    let region = Region::start("lab".parse().map_err(io::Error::other)?, (address, 0).into(), 1).await?;
    let load = Load {
        name: "api.example.com".parse().map_err(io::Error::other)?,
        port: region.address().port(),
        paths: vec!["/api/orders".to_owned()],
        rate,
        clients: const { std::num::NonZeroUsize::new(50).unwrap() },
        timeout: Duration::from_secs(2),
        outstanding: 5_000,
        seed: 1,
    };
    let resolve = Arc::new(move |_| {
        async move { Some(Answer { addresses: vec![address], ttl: Duration::from_secs(10) }) }.boxed()
    });
    let fleet = Fleet::start(load, resolve, Instant::now());
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let records = fleet.stop().await;
    let answered = records.requests.iter().filter(|request| request.outcome.is_success()).count();
    writeln!(
        io::stdout(),
        "{} requests, {answered} answered with 2xx, p99 lateness {:?}",
        records.requests.len(),
        records.lateness_p99().unwrap_or_default()
    )?;
    region.stop().await;
    Ok(())
}

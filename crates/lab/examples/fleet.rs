//! How well the fleet keeps its schedule: `fleet [RATE [SECONDS]]`, against a region in a process of its own.
//! Prints one line of JSON.

use std::{
    error::Error,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::Share;
use futures::FutureExt;
use lab::{
    fleet::{Answer, Fleet, Load},
    processes::Marker,
    region::{Region, Spawn, serve_process},
};
use report::records::{Records, Request};

const CLIENTS: NonZeroUsize = NonZeroUsize::new(50).expect("it is not zero");
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 3, 1, 1));

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        // What `Region::spawn` asks of its program.
        ["lab", "region", name, address, ..] => Ok(serve_process(name.parse()?, address.parse()?, 1, None).await?),
        [] => measure(2_000.0, 5.0).await,
        [rate] => measure(rate.parse()?, 5.0).await,
        [rate, seconds, ..] => measure(rate.parse()?, seconds.parse()?).await,
    }
}

async fn measure(rate: f64, seconds: f64) -> Result<(), Box<dyn Error>> {
    let marker = Marker::fresh();
    let settings = Spawn { name: "lab".parse()?, address: (ADDRESS, 0).into(), seed: 1, tls: None, marker: &marker };
    let region = Region::spawn(&std::env::current_exe()?, settings).await?;
    let load = Load {
        name: "api.example.com".parse()?,
        port: region.address().port(),
        paths: vec!["/api/orders".to_owned()],
        rate,
        clients: CLIENTS,
        timeout: Duration::from_secs(2),
        outstanding: 5_000,
        tls: None,
        stale: Share::NONE,
        seed: 1,
    };
    let resolve =
        Arc::new(|_| async { Some(Answer { addresses: vec![ADDRESS], ttl: Duration::from_secs(10) }) }.boxed());
    let fleet = Fleet::start(load, resolve, Instant::now());
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let records = fleet.stop().await;
    region.stop().await;
    writeln!(io::stdout(), "{}", summary(rate, seconds, &records))?;
    Ok(())
}

fn summary(rate: f64, seconds: f64, records: &Records) -> serde_json::Value {
    let mut late: Vec<Duration> = records.requests.iter().map(Request::late).collect();
    late.sort();
    let late_ms = |percent: usize| {
        let place = late.len() * percent / 100;
        late.get(place).or(late.last()).map(|late| late.as_secs_f64() * 1e3)
    };
    serde_json::json!({
        "rate": rate,
        "seconds": seconds,
        "requests": records.requests.len(),
        "failed": records.requests.iter().filter(|request| !request.outcome.is_success()).count(),
        "late_p50_ms": late_ms(50),
        "late_p99_ms": late_ms(99),
        "late_max_ms": late_ms(100),
    })
}

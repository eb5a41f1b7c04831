//! What the proxy costs a call: `proxy FOLDER [CALLS]`. Asks a MiniStack for the same object by turns, through the proxy and
//! without it, and prints one line of JSON. The folder is the one that keeps MiniStack's installation, `.pointsman`.

use std::{
    error::Error,
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use lab::{
    emulator::{Embedded, Emulator, Kind},
    hosted::{Delays, Route53},
    processes::Marker,
    proxy::Proxy,
};

type Http = Client<HttpConnector, Full<Bytes>>;

/// The first ones open connections.
const WARM_UP: usize = 20;
/// As large as an observation.
const OBJECT: usize = 4096;
const SIGNATURE: &str =
    "AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, calls) = match &arguments[..] {
        [folder] => (Path::new(folder), 1000),
        [folder, calls] => (Path::new(folder), calls.parse()?),
        _ => return Err("usage: proxy FOLDER [CALLS]".into()),
    };
    fs::create_dir_all(folder)?;
    let run = tempfile::tempdir()?;
    let marker = Marker::fresh();
    let settings =
        Embedded { kind: Kind::Ministack, folder, run: run.path(), marker, functions: Vec::new(), port: None };
    let emulator = Emulator::start(&settings, &|progress| tracing::info!(?progress)).await?;
    let upstream: SocketAddr = emulator.endpoint().trim_start_matches("http://").parse()?;
    let delays = Delays { propagation: Duration::ZERO, status: Duration::ZERO, second: Duration::from_secs(1) };
    let route53 = Route53::new(delays);
    let proxy = Proxy::start(upstream, route53).await?;
    let http = Client::builder(TokioExecutor::new()).build_http();

    let (direct, proxied) = (format!("http://{upstream}"), proxy.endpoint());
    call(&http, Method::PUT, &format!("{direct}/bench"), Bytes::new()).await?;
    call(&http, Method::PUT, &format!("{direct}/bench/object"), vec![b'x'; OBJECT].into()).await?;
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..calls + WARM_UP {
        for (endpoint, times) in [&direct, &proxied].into_iter().zip(&mut times) {
            let began = Instant::now();
            let size = call(&http, Method::GET, &format!("{endpoint}/bench/object"), Bytes::new()).await?;
            if size != OBJECT {
                return Err(format!("{endpoint} answered with {size} bytes").into());
            }
            if turn >= WARM_UP {
                times.push(began.elapsed());
            }
        }
    }
    emulator.stop().await?;
    let [direct, proxied] = times.map(percentiles);
    let found = serde_json::json!({ "calls": calls, "direct": direct, "proxied": proxied });
    writeln!(io::stdout(), "{found}")?;
    Ok(())
}

/// The size of what the call is answered with.
async fn call(http: &Http, method: Method, uri: &str, body: Bytes) -> Result<usize, Box<dyn Error>> {
    let request =
        Request::builder().method(method).uri(uri).header("authorization", SIGNATURE).body(Full::new(body))?;
    let response = http.request(request).await?;
    let status = response.status();
    let size = response.into_body().collect().await?.to_bytes().len();
    if status.is_success() { Ok(size) } else { Err(format!("{uri}: {status}").into()) }
}

fn percentiles(mut times: Vec<Duration>) -> serde_json::Value {
    times.sort();
    let ms = |percent: usize| times.get(times.len() * percent / 100).map(|time| time.as_secs_f64() * 1e3);
    serde_json::json!({ "p50_ms": ms(50), "p99_ms": ms(99) })
}

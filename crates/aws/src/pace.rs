//! Route 53 lets an account make five requests a second (R42): ours wait for their turn rather than being refused.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_smithy_http_client::{Builder, ConnectorBuilder, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::{
    connector_metadata::ConnectorMetadata,
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use route53::RateLimit;
use tokio::time::timeout;

/// A little longer than a second, since requests do not arrive as evenly as they leave.
const SECOND: Duration = Duration::from_millis(1050);

/// The turns of one process.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    began: Instant,
    second: Duration,
    limit: Arc<Mutex<RateLimit>>,
}

impl Pace {
    /// `speed` is how much faster than life a lab is, else 1.
    pub(crate) fn new(speed: f64) -> Self {
        Self { began: Instant::now(), second: SECOND.div_f64(speed), limit: Arc::default() }
    }

    /// Waits for the next turn.
    pub(crate) async fn turn(&self) {
        loop {
            let wait = {
                let now = self.began.elapsed();
                let mut limit = self.limit.lock().expect("no holder of this lock panics");
                if limit.admit(now, self.second) {
                    return;
                }
                limit.free_in(now, self.second)
            };
            tokio::time::sleep(wait).await;
        }
    }
}

/// The SDK's HTTP client, of which every request waits for its turn: the SDK's retries are requests too.
#[derive(Debug)]
pub(crate) struct Paced {
    client: SharedHttpClient,
    pace: Pace,
    patience: Duration,
}

impl Paced {
    /// A request that got its turn has `patience` for its answer.
    pub(crate) fn new(pace: Pace, patience: Duration) -> Self {
        // As the SDK makes its own, which it does not hand out.
        let client = Builder::new().build_with_connector_fn(|settings, components| {
            let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
            let mut connector = ConnectorBuilder::default().tls_provider(provider);
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            connector.set_proxy_config(Some(ProxyConfig::from_env()));
            connector.build()
        });
        Self { client, pace, patience }
    }
}

impl HttpClient for Paced {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(PacedConnector { connector, pace: self.pace.clone(), patience: self.patience })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.client.connector_metadata()
    }
}

#[derive(Debug)]
struct PacedConnector {
    connector: SharedHttpConnector,
    pace: Pace,
    patience: Duration,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (connector, pace, patience) = (self.connector.clone(), self.pace.clone(), self.patience);
        HttpConnectorFuture::new(async move {
            pace.turn().await;
            match timeout(patience, connector.call(request)).await {
                Ok(answer) => answer,
                Err(late) => Err(ConnectorError::timeout(late.into())),
            }
        })
    }
}

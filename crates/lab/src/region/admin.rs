//! The endpoint by which a region's faults are set: `PUT /faults {"kind":"down"}`, `PUT /cut-off ["127.0.2.1"]`.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::{net::TcpListener, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{RETRY, pages::json, state::Switches};
use scenario::fault::Fault;

/// The longest list that is read, in bytes.
const LONGEST: usize = 16 * 1024;

/// What the endpoint needs.
pub(super) struct Admin {
    pub(super) switches: Switches,
    /// Whether the region has certificates.
    pub(super) has_tls: bool,
}

/// Why nothing was changed.
type Refusal = (StatusCode, String);

pub(super) async fn serve(listener: TcpListener, admin: Admin, tasks: TaskTracker, stop: CancellationToken) {
    let admin = std::sync::Arc::new(admin);
    let accepting = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(RETRY).await;
                continue;
            };
            let (admin, stop) = (admin.clone(), stop.clone());
            tasks.spawn(async move {
                let service = service_fn(|request| admin.answer(request));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A client that breaks off is the client's affair.
                let _broken = stop.run_until_cancelled(connection).await;
            });
        }
    };
    stop.run_until_cancelled(accepting).await;
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, serde_json::Error> {
        let done = match request.uri().path() {
            "/faults" => self.faults(request).await,
            "/cut-off" => self.cut_off(request).await,
            _ => Err((StatusCode::NOT_FOUND, "only /faults and /cut-off are here".to_owned())),
        };
        match done {
            Ok(body) => Ok(json(StatusCode::OK, body)),
            Err((status, error)) => {
                Ok(json(status, serde_json::to_vec(&serde_json::json!({ "error": error }))?.into()))
            }
        }
    }

    async fn faults(&self, request: Request<Incoming>) -> Result<Bytes, Refusal> {
        let method = request.method().clone();
        let state = match method {
            Method::GET => self.switches.now(),
            Method::DELETE => self.switches.change(|state| state.faults.clear()).await,
            Method::PUT | Method::POST => {
                let faults = self.read_faults(&body(request).await?)?;
                let change = self.switches.change(|state| {
                    if method == Method::PUT {
                        state.faults.clear();
                    }
                    state.faults.extend(faults);
                });
                change.await
            }
            _ => return Err(not_allowed("GET, PUT (only these), POST (these too) or DELETE")),
        };
        written(&state.faults)
    }

    /// One fault or a list of them.
    fn read_faults(&self, body: &[u8]) -> Result<Vec<Fault>, Refusal> {
        let faults = match body.trim_ascii_start() {
            list @ [b'[', ..] => serde_json::from_slice(list),
            one => serde_json::from_slice(one).map(|fault| vec![fault]),
        };
        let faults: Vec<Fault> = faults.map_err(unreadable)?;
        match faults.iter().find(|fault| !self.has_tls && matches!(fault, Fault::TlsExpired | Fault::TlsWrongName)) {
            Some(fault) => {
                Err((StatusCode::CONFLICT, format!("this region speaks no TLS, so it can't be that {fault}")))
            }
            None => Ok(faults),
        }
    }

    async fn cut_off(&self, request: Request<Incoming>) -> Result<Bytes, Refusal> {
        let state = match *request.method() {
            Method::GET => self.switches.now(),
            Method::PUT => {
                let sources = serde_json::from_slice(&body(request).await?).map_err(unreadable)?;
                self.switches.change(|state| state.cut_off = sources).await
            }
            _ => return Err(not_allowed("GET or PUT (these addresses)")),
        };
        written(&state.cut_off)
    }
}

async fn body(request: Request<Incoming>) -> Result<Bytes, Refusal> {
    match Limited::new(request.into_body(), LONGEST).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err((StatusCode::PAYLOAD_TOO_LARGE, format!("it did not arrive, or is too long: {error}"))),
    }
}

fn written(what: &impl Serialize) -> Result<Bytes, Refusal> {
    serde_json::to_vec(what).map(Bytes::from).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn unreadable(error: serde_json::Error) -> Refusal {
    (StatusCode::BAD_REQUEST, error.to_string())
}

fn not_allowed(what_is: &str) -> Refusal {
    (StatusCode::METHOD_NOT_ALLOWED, what_is.to_owned())
}

//! The endpoint by which people set a region's faults: `PUT /faults {"kind":"down"}`.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Control, RETRY, json};
use crate::fault::Fault;

/// The longest fault that is read, in bytes.
const LONGEST: usize = 16 * 1024;

pub(super) async fn serve(listener: TcpListener, control: Control, tasks: TaskTracker, stop: CancellationToken) {
    let accepting = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(RETRY).await;
                continue;
            };
            let control = control.clone();
            let stop = stop.clone();
            tasks.spawn(async move {
                let service = service_fn(|request| answer(&control, request));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A client that breaks off is the client's affair.
                let _broken = stop.run_until_cancelled(connection).await;
            });
        }
    };
    stop.run_until_cancelled(accepting).await;
}

async fn answer(control: &Control, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, serde_json::Error> {
    if request.uri().path() != "/faults" {
        return refusal(StatusCode::NOT_FOUND, "only /faults is here");
    }
    let method = request.method().clone();
    match method {
        Method::GET => {}
        Method::DELETE => control.clear().await,
        Method::PUT | Method::POST => {
            let Ok(body) = Limited::new(request.into_body(), LONGEST).collect().await else {
                return refusal(StatusCode::PAYLOAD_TOO_LARGE, "the fault did not arrive, or is too long");
            };
            match serde_json::from_slice::<Fault>(&body.to_bytes()) {
                Ok(fault) if method == Method::PUT => control.set(vec![fault]).await,
                Ok(fault) => control.add(fault).await,
                Err(error) => return refusal(StatusCode::BAD_REQUEST, &error.to_string()),
            }
        }
        _ => return refusal(StatusCode::METHOD_NOT_ALLOWED, "GET, PUT (only this), POST (one more) or DELETE"),
    }
    Ok(json(StatusCode::OK, serde_json::to_vec(&*control.faults())?.into()))
}

fn refusal(status: StatusCode, error: &str) -> Result<Response<Full<Bytes>>, serde_json::Error> {
    Ok(json(status, serde_json::to_vec(&serde_json::json!({ "error": error }))?.into()))
}

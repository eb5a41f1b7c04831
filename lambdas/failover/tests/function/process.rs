//! The function's process, and the Runtime API that it is invoked through.

use std::{convert::Infallible, net::Ipv4Addr, process::Stdio, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use nix::unistd::Pid;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::{Mutex, mpsc, oneshot},
    task::{AbortHandle, JoinSet},
};

/// What an invocation led to; `None`: the process is gone.
pub(crate) type Outcome = Option<Result<Value, String>>;

type Answer = oneshot::Sender<Result<Value, String>>;

/// A warm function.
pub(crate) struct Function {
    process: Child,
    invocations: mpsc::Sender<Answer>,
    api: AbortHandle,
    _serves: JoinSet<()>,
}

#[derive(Default)]
struct Api {
    waiting: Mutex<Option<Answer>>,
}

impl Function {
    /// Starts the process, as Lambda does for the first invocation.
    pub(crate) async fn start(environment: &[(String, String)]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (invocations, invoked) = mpsc::channel(1);
        let mut serves = JoinSet::new();
        let api = serves.spawn(serve(listener, invoked));
        let process = Command::new(env!("CARGO_BIN_EXE_failover"))
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { process, invocations, api, _serves: serves }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().unwrap().try_into().unwrap())
    }

    /// Invokes it, and waits for its answer or its end.
    pub(crate) async fn invoke(&mut self) -> Outcome {
        let (answer, answered) = oneshot::channel();
        self.invocations.send(answer).await.unwrap();
        tokio::select! {
            answer = answered => Some(answer.unwrap()),
            _ = self.process.wait() => None,
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.api.abort();
    }
}

async fn serve(listener: TcpListener, invoked: mpsc::Receiver<Answer>) {
    let (api, invoked) = (Arc::<Api>::default(), Arc::new(Mutex::new(invoked)));
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (api, invoked) = (Arc::clone(&api), Arc::clone(&invoked));
        connections.spawn(async move {
            let service = service_fn(|request| handle(request, &api, &invoked));
            // The process that is ended leaves its connections as they are.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn handle(
    request: Request<Incoming>,
    api: &Api,
    invoked: &Mutex<mpsc::Receiver<Answer>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let response = Response::builder();
    if request.method() == Method::GET {
        assert!(path.ends_with("/invocation/next"), "{path}");
        let Some(answer) = invoked.lock().await.recv().await else {
            return Ok(response.status(StatusCode::GONE).body(Full::default()).unwrap());
        };
        *api.waiting.lock().await = Some(answer);
        let response = response
            .header("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000")
            .header("lambda-runtime-deadline-ms", (jiff::Timestamp::now().as_millisecond() + 30_000).to_string())
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:ca-central-1:000000000000:function:f");
        return Ok(response.body(Full::from("{}")).unwrap());
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let outcome = if path.ends_with("/response") {
        Ok(serde_json::from_slice(&body).unwrap())
    } else {
        Err(String::from_utf8_lossy(&body).into_owned())
    };
    if let Some(answer) = api.waiting.lock().await.take() {
        let _ = answer.send(outcome);
    }
    Ok(response.status(StatusCode::ACCEPTED).body(Full::default()).unwrap())
}

//! What a region answers with.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use domain::RegionName;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Either, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Response, StatusCode,
    body::Frame,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
};
use tokio::time::{Instant, sleep_until};

use super::REGION_HEADER;

/// A body that is there at once, or one that trickles.
pub(super) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;

/// What another server says that took this one's place.
const WRONG: &[u8] = b"<html><body><h1>It works!</h1></body></html>";

/// The pages, made once.
#[derive(Debug)]
pub(super) struct Pages {
    region: HeaderValue,
    health: Bytes,
    orders: Bytes,
    users: Bytes,
    home: Bytes,
    unknown: Bytes,
    unavailable: Bytes,
}

impl Pages {
    pub(super) fn new(region: &RegionName) -> Self {
        let page = |mut body: serde_json::Value| {
            body["region"] = region.as_str().into();
            Bytes::from(body.to_string())
        };
        Self {
            region: HeaderValue::from_str(region.as_str()).expect("a region's name is made of a-z, 0-9 and -"),
            health: page(serde_json::json!({ "status": "ok" })),
            orders: page(serde_json::json!({ "orders": [{ "id": 1, "user": 1, "total": "12.50" }] })),
            users: page(serde_json::json!({ "users": [{ "id": 1, "name": "Ada" }] })),
            home: page(serde_json::json!({ "paths": ["/health", "/api/orders", "/api/users"] })),
            unknown: page(serde_json::json!({ "error": "not found" })),
            unavailable: page(serde_json::json!({ "error": "service unavailable" })),
        }
    }

    pub(super) fn at(&self, path: &str) -> Response<Full<Bytes>> {
        let (status, body) = match path {
            "/health" => (StatusCode::OK, &self.health),
            "/api/orders" => (StatusCode::OK, &self.orders),
            "/api/users" => (StatusCode::OK, &self.users),
            "/" => (StatusCode::OK, &self.home),
            _ => (StatusCode::NOT_FOUND, &self.unknown),
        };
        self.signed(json(status, body.clone()))
    }

    pub(super) fn unavailable(&self) -> Response<Full<Bytes>> {
        self.signed(json(StatusCode::SERVICE_UNAVAILABLE, self.unavailable.clone()))
    }

    pub(super) fn wrong(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(WRONG)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        self.signed(response)
    }

    fn signed(&self, mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
        response.headers_mut().insert(REGION_HEADER, self.region.clone());
        response
    }
}

pub(super) fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The same response, whose body arrives a byte at a time: the last one after `over`.
pub(super) async fn slowly(response: Response<Full<Bytes>>, over: Duration) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    let began = Instant::now();
    let step = over / u32::try_from(body.len()).unwrap_or(u32::MAX).max(1);
    let bytes = stream::iter(0..body.len()).then(move |at| {
        let byte = body.slice(at..=at);
        async move {
            sleep_until(began + step * u32::try_from(at + 1).unwrap_or(u32::MAX)).await;
            Ok(Frame::data(byte))
        }
    });
    Response::from_parts(head, Either::Right(StreamBody::new(bytes).boxed_unsync()))
}

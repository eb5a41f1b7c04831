//! The least HTTP that serves: one request, one connection.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Asks `url`, as in `http://HOST:PORT/PATH`.
pub(crate) fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    const WITHIN: Duration = Duration::from_secs(10);
    let wrong = |what: &str| io::Error::other(format!("{method} {url}: {what}"));
    let rest = url.strip_prefix("http://").ok_or_else(|| wrong("not plain HTTP"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(WITHIN))?;
    // An answer of version 1.0 comes in one piece, and its end is the connection's.
    let head = format!("{method} /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n", body.len());
    let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    stream.write_all(&[head.as_bytes(), headers.concat().as_bytes(), b"\r\n", body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|at| at == b"\r\n\r\n").ok_or_else(|| wrong("no whole head"))?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| wrong("no status"))?;
    Ok(Answer { status, body: answer[end + 4..].to_vec() })
}

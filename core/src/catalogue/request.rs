//! One request: an address and what is already here enter, the answer's head and then its bytes leave.
//!
//! The connection lives on a thread of its own, so that whoever waits can stop at any moment. Knows nothing of files.

use std::io::Read as _;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use ureq::http::HeaderMap;
use ureq::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, IF_RANGE, LAST_MODIFIED, RANGE,
};
use ureq::{Agent, Proxy};

use super::trouble::Trouble;

/// Bytes in one report of the connection's thread.
const CHUNK: usize = 1 << 16;
/// Reports that wait to be taken; more would only fill memory when the disk is slow.
const WAITING: usize = 8;
/// Redirects followed: authors' hosts take one or two.
const MOST_REDIRECTS: u32 = 8;

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until connected.
    pub(super) connect: Duration,
    /// Without a byte.
    pub(super) silence: Duration,
    /// Whether the environment's proxy variables count.
    pub(super) is_proxied: bool,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The address.
    pub(super) address: String,
    /// The first byte that is missing, with the validator of the bytes before it.
    pub(super) rest: Option<(u64, String)>,
}

/// What the connection's thread reports.
pub(super) enum Event {
    /// The answer began; always the first.
    Head(Head),
    /// More of the body.
    Bytes(Vec<u8>),
    /// The body is complete as far as the host is concerned.
    End,
    /// Nothing more will come.
    Failed(Trouble),
}

/// The head of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// Of this answer's body, in bytes.
    pub(super) length: Option<u64>,
    pub(super) range: Option<ContentRange>,
    /// A web page.
    pub(super) is_page: bool,
    /// Compressed on the way, though that was not asked for.
    pub(super) is_encoded: bool,
}

/// `bytes 5-9/10` or `bytes */10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// First and last byte; `None` for `*`.
    pub(super) span: Option<(u64, u64)>,
    /// Size of the whole.
    pub(super) total: Option<u64>,
}

impl ContentRange {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (span, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
        let total = match total.trim() {
            "*" => None,
            digits => Some(digits.parse().ok()?),
        };
        let span = match span.trim() {
            "*" => None,
            span => {
                let (first, last) = span.split_once('-')?;
                let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
                (first <= last).then_some(Some((first, last)))?
            }
        };
        Some(Self { span, total })
    }
}

impl Head {
    fn of(status: u16, headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let kind = text(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        Self {
            status,
            etag: text(ETAG).map(str::to_owned),
            last_modified: text(LAST_MODIFIED).map(str::to_owned),
            length: text(CONTENT_LENGTH).and_then(|value| value.parse().ok()),
            range: text(CONTENT_RANGE).and_then(ContentRange::parse),
            is_page: kind.starts_with("text/html") || kind.starts_with("application/xhtml"),
            is_encoded: text(CONTENT_ENCODING).is_some_and(|value| !value.is_empty() && value != "identity"),
        }
    }
}

/// A client with these limits. Redirects away from encryption are refused when `is_secure`.
pub(super) fn agent(limits: &Limits, is_secure: bool) -> Agent {
    Agent::config_builder()
        .https_only(is_secure)
        .http_status_as_error(false)
        .max_redirects(MOST_REDIRECTS)
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_recv_response(Some(limits.silence))
        .timeout_per_read(Some(limits.silence))
        .user_agent(concat!("fluoro/", env!("CARGO_PKG_VERSION")))
        // The bytes as they are: their number and their hash are checked.
        .accept_encoding("identity")
        .proxy(limits.is_proxied.then(Proxy::try_from_env).flatten())
        .build()
        .new_agent()
}

/// The host of an address, with its port.
pub(super) fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// Starts a request. Dropping the receiver ends it.
pub(super) fn start(agent: &Agent, wanted: Wanted) -> Result<Receiver<Event>, Trouble> {
    let (sender, receiver) = bounded(WAITING);
    let agent = agent.clone();
    std::thread::Builder::new()
        .name("fluoro-download".to_owned())
        .spawn(move || {
            let last = match run(&agent, &wanted, &sender) {
                Ok(true) => Event::End,
                // Nobody listens any more.
                Ok(false) => return,
                Err(trouble) => Event::Failed(trouble),
            };
            let _ = sender.send(last);
        })
        .map_err(|e| Trouble::Final(format!("no thread for the download ({e})")))?;
    Ok(receiver)
}

/// Runs a request to its end; false when the receiver went away.
fn run(agent: &Agent, wanted: &Wanted, sender: &Sender<Event>) -> Result<bool, Trouble> {
    let host = host(&wanted.address);
    let mut request = agent.get(&wanted.address);
    if let Some((first, validator)) = &wanted.rest {
        request = request.header(RANGE, format!("bytes={first}-")).header(IF_RANGE, validator);
    }
    let response = request.call().map_err(|e| Trouble::of_request(e, host))?;
    let head = Head::of(response.status().as_u16(), response.headers());
    let has_body = matches!(head.status, 200 | 206);
    if sender.send(Event::Head(head)).is_err() {
        return Ok(false);
    }
    if !has_body {
        return Ok(true);
    }
    let mut body = response.into_body().into_reader();
    loop {
        let mut chunk = vec![0; CHUNK];
        let count = body.read(&mut chunk).map_err(|e| Trouble::of_stream(&e, host))?;
        if count == 0 {
            return Ok(true);
        }
        chunk.truncate(count);
        if sender.send(Event::Bytes(chunk)).is_err() {
            return Ok(false);
        }
    }
}

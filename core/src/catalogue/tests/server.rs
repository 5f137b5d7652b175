//! A host on this machine that answers as a test says, one connection at a time, and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub path: String,
    pub range: Option<String>,
    pub if_range: Option<String>,
    pub headers: Vec<String>,
}

impl Asked {
    /// First byte wanted.
    pub fn first(&self) -> Option<usize> {
        self.range.as_ref()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<String>,
    body: Vec<u8>,
    /// Bytes of the body before the connection is cut.
    cut: Option<usize>,
    /// Whether the connection stays open, silent, instead of being cut.
    hangs: bool,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), cut: None, hangs: false }
    }

    /// The whole of `body`.
    pub fn whole(body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..Self::status(200) }.header(&format!("Content-Length: {}", body.len()))
    }

    /// What is behind the first `first` bytes of `body`.
    pub fn rest(body: &[u8], first: usize) -> Self {
        Self { body: body[first..].to_vec(), ..Self::status(206) }
            .header(&format!("Content-Length: {}", body.len() - first))
            .header(&format!("Content-Range: bytes {first}-{}/{}", body.len() - 1, body.len()))
    }

    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    pub fn header(mut self, header: &str) -> Self {
        self.headers.push(header.to_owned());
        self
    }

    pub fn etag(self, tag: &str) -> Self {
        self.header(&format!("ETag: {tag}"))
    }

    pub fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    pub fn hang(mut self, after: usize) -> Self {
        self.hangs = true;
        self.cut(after)
    }
}

/// The host. It ends when dropped.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers the n-th request, counted from 0, with `answer(n, request)`.
    pub fn start(answer: impl Fn(usize, &Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, is_over) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::<AtomicBool>::default());
        let (seen, over) = (asked.clone(), is_over.clone());
        let thread = std::thread::Builder::new()
            .name("test-host".to_owned())
            .spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let Some(request) = read(&stream) else { continue };
                    let number = seen.lock().len();
                    seen.lock().push(request.clone());
                    send(stream, &answer(number, &request), &over);
                }
            })
            .unwrap();
        Self { address, asked, is_over, thread: Some(thread) }
    }

    /// A host that knows ranges and serves `body` under `tag`.
    pub fn of(body: &[u8], tag: &str) -> Self {
        let (body, tag) = (body.to_vec(), tag.to_owned());
        Self::start(move |_, asked| match asked.first() {
            Some(first) if asked.if_range.as_deref() == Some(&tag) => Reply::rest(&body, first).etag(&tag),
            _ => Reply::whole(&body).etag(&tag),
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream.take(1 << 16)).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut asked = Asked { path, ..Asked::default() };
    for line in lines {
        let line = line.ok()?;
        if line.is_empty() {
            return Some(asked);
        }
        let (name, value) = line.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.range = Some(value.to_owned()),
            "if-range" => asked.if_range = Some(value.to_owned()),
            _ => {}
        }
        asked.headers.push(line.to_ascii_lowercase());
    }
    None
}

fn send(mut stream: TcpStream, reply: &Reply, is_over: &AtomicBool) {
    let mut head = format!("HTTP/1.1 {} Reply\r\nConnection: close\r\n", reply.status);
    for header in &reply.headers {
        head.push_str(&format!("{header}\r\n"));
    }
    head.push_str("\r\n");
    let body = &reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())];
    // A client that went away is a test's doing.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).and_then(|()| stream.flush());
    // Silent until the client gives up: the next request waits for it.
    let _ = stream.set_read_timeout(Some(Duration::from_millis(10)));
    while reply.hangs && !is_over.load(Ordering::Relaxed) && !matches!(stream.read(&mut [0]), Ok(0)) {}
}

//! A server on a free port of this machine that keeps what it is sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;

/// An answer without a body.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// The server; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    seen: Mutex<Vec<String>>,
    answers: Mutex<VecDeque<String>>,
    tls: Option<Arc<ServerConfig>>,
    /// Where tunnels lead, whatever they ask for.
    tunnels_to: Option<SocketAddr>,
}

/// A body as an answer.
pub(crate) fn json(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Server {
    /// Gives these answers, then `200`.
    pub(crate) async fn start(answers: &[&str]) -> Self {
        Self::with(answers, None, None).await
    }

    pub(crate) async fn over_tls(tls: ServerConfig) -> Self {
        Self::with(&[], Some(Arc::new(tls)), None).await
    }

    pub(crate) async fn proxy_to(address: SocketAddr) -> Self {
        Self::with(&[], None, Some(address)).await
    }

    async fn with(answers: &[&str], tls: Option<Arc<ServerConfig>>, tunnels_to: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let state = Arc::new(State { seen: Mutex::default(), answers: Mutex::new(answers), tls, tunnels_to });
        let server = Self { address: listener.local_addr().unwrap(), state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&state).welcome(stream));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}/", if self.state.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// All requests so far, with headers in lower case; of connections over TLS also what they offered to speak.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The value of a header of the last request; several as a list.
    pub(crate) fn last(&self, header: &str) -> Option<String> {
        let seen = self.seen();
        let values: Vec<&str> = seen
            .last()?
            .lines()
            .filter_map(|line| line.split_once(": ").filter(|(name, _)| *name == header))
            .map(|(_, value)| value)
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

impl State {
    fn note(&self, text: String) {
        self.seen.lock().unwrap().push(text);
    }

    async fn welcome(self: Arc<Self>, stream: TcpStream) {
        let Some(tls) = &self.tls else { return self.serve(stream).await };
        let Ok(start) = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await else {
            return;
        };
        let offered = start.client_hello().alpn().into_iter().flatten();
        let offered: Vec<_> = offered.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        self.note(format!("offers {}", offered.join(" ")));
        if let Ok(stream) = start.into_stream(Arc::clone(tls)).await {
            self.serve(stream).await;
        }
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read(&mut stream).await {
            let is_tunnel = request.starts_with("CONNECT ");
            self.note(request);
            let answer = self.answers.lock().unwrap().pop_front();
            if let (true, Some(address)) = (is_tunnel, self.tunnels_to) {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut upstream = TcpStream::connect(address).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
                return;
            }
            stream.write_all(answer.as_deref().unwrap_or(OK).as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
        }
    }
}

async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let line = match line.trim_end().split_once(": ") {
            Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
            None => line.trim_end().to_owned(),
        };
        if let Some(bytes) = line.strip_prefix("content-length: ") {
            length = bytes.parse().ok()?;
        }
        request.push_str(&line);
        request.push('\n');
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(request + &String::from_utf8_lossy(&body))
}

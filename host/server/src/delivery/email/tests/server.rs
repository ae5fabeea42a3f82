//! A mail server on a free port of this machine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::http_client::tests::tls::{Identity, server_config};

/// The server; it ends with the test's runtime.
pub(super) struct MailServer {
    pub(super) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    extensions: Vec<String>,
    tls: Option<TlsAcceptor>,
    /// A command that is answered otherwise, and how; `.` for the end of the mail.
    special: Option<(&'static str, &'static str)>,
    commands: Mutex<Vec<String>>,
    mail: Mutex<Vec<String>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

fn acceptor(identity: &Identity) -> TlsAcceptor {
    Arc::new(server_config(identity, None)).into()
}

impl MailServer {
    /// One with these extensions, and a certificate for STARTTLS.
    pub(super) async fn start(extensions: &[&str], identity: Option<&Identity>) -> Self {
        let extensions = extensions.iter().map(|line| (*line).to_owned()).collect();
        Self::with(State { extensions, tls: identity.map(acceptor), ..State::default() }, false).await
    }

    /// One that begins with TLS.
    pub(super) async fn encrypted(identity: &Identity) -> Self {
        Self::with(State { tls: Some(acceptor(identity)), ..State::default() }, true).await
    }

    /// One that answers a command otherwise.
    pub(super) async fn answering(command: &'static str, reply: &'static str) -> Self {
        Self::with(State { special: Some((command, reply)), ..State::default() }, false).await
    }

    async fn with(state: State, is_implicit: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (state, address) = (Arc::new(state), listener.local_addr().unwrap());
        let server = Self { address, state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    match state.tls.as_ref().filter(|_| is_implicit) {
                        None => state.talk(Box::new(stream)).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => state.talk(Box::new(stream)).await,
                            Err(_) => Some(()),
                        },
                    }
                });
            }
        });
        server
    }

    /// All commands so far.
    pub(super) fn commands(&self) -> Vec<String> {
        self.state.commands.lock().unwrap().clone()
    }

    /// The lines of the last mail.
    pub(super) fn mail(&self) -> Vec<String> {
        self.state.mail.lock().unwrap().clone()
    }
}

impl State {
    async fn talk(&self, stream: Box<dyn Stream>) -> Option<()> {
        let mut stream = BufReader::new(stream);
        say(&mut stream, "220 ready").await?;
        loop {
            let command = line(&mut stream).await?;
            self.commands.lock().unwrap().push(command.clone());
            let verb = command.split([' ', ':']).next().unwrap_or("");
            let special = self.special.filter(|(name, _)| *name == verb).map(|(_, reply)| reply);
            match (verb, special) {
                ("QUIT", _) => return say(&mut stream, "221 bye").await,
                (_, Some(reply)) => say(&mut stream, reply).await?,
                ("EHLO", None) => say(&mut stream, &self.welcome()).await?,
                ("STARTTLS", None) => {
                    say(&mut stream, "220 go on").await?;
                    let encrypted = self.tls.as_ref()?.accept(stream.into_inner()).await.ok()?;
                    stream = BufReader::new(Box::new(encrypted));
                }
                ("AUTH", None) => self.log_in(&mut stream, &command).await?,
                ("DATA", None) => self.take_mail(&mut stream).await?,
                _ => say(&mut stream, "250 fine").await?,
            }
        }
    }

    fn welcome(&self) -> String {
        let lines: Vec<_> =
            std::iter::once("mail.example").chain(self.extensions.iter().map(String::as_str)).collect();
        let last = lines.len() - 1;
        let line = |(at, line): (usize, &&str)| format!("250{}{line}", if at == last { ' ' } else { '-' });
        lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\r\n")
    }

    async fn log_in(&self, stream: &mut BufReader<Box<dyn Stream>>, command: &str) -> Option<()> {
        // The challenge of RFC 2195, then what LOGIN asks for.
        let challenges: &[&str] = match command {
            "AUTH CRAM-MD5" => &["PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"],
            "AUTH LOGIN" => &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"],
            _ => &[],
        };
        for challenge in challenges {
            say(stream, &format!("334 {challenge}")).await?;
            let answer = line(stream).await?;
            self.commands.lock().unwrap().push(answer);
        }
        say(stream, "235 welcome").await
    }

    async fn take_mail(&self, stream: &mut BufReader<Box<dyn Stream>>) -> Option<()> {
        say(stream, "354 go on").await?;
        let mut lines = Vec::new();
        loop {
            let line = line(stream).await?;
            if line == "." {
                break;
            }
            lines.push(line.strip_prefix('.').map(str::to_owned).unwrap_or(line));
        }
        *self.mail.lock().unwrap() = lines;
        let special = self.special.filter(|(name, _)| *name == ".").map(|(_, reply)| reply);
        say(stream, special.unwrap_or("250 taken")).await
    }
}

async fn line(stream: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn say(stream: &mut BufReader<Box<dyn Stream>>, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

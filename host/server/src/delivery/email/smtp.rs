//! The part of SMTP that it takes to hand over a mail, over any stream.
//!
//! By itself and not by a library because what is configured needs all of it in hand: the handshake of TLS, the
//! order in which logins are tried, and the class of each refusal.

use bellwether_model::receiver::DeliveryFailure;
use lettre::address::Envelope;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// The longest line of a reply, in bytes; the standard has 512.
const MAX_LINE_BYTES: u64 = 4096;
/// Lines of one reply.
const MAX_LINES: usize = 128;

/// What mail goes over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpError {
    /// The connection.
    #[error("{0}")]
    Connection(#[from] std::io::Error),
    /// Encryption.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server said no.
    #[error("{command}: {code} {text}")]
    Refused { command: &'static str, code: u16, text: String },
    /// What it said was no SMTP.
    #[error("the server does not speak SMTP: {0:?}")]
    Garbled(String),
    /// The settings do not go with what the server offers.
    #[error("{0}")]
    Unsuitable(String),
}

impl SmtpError {
    /// What becomes of the message: refusals with a 5 are for good, as the standard says.
    pub(super) fn into_failure(self, server: &str) -> DeliveryFailure {
        let text = format!("cannot send mail through {server}: {self}");
        match self {
            Self::Refused { code: 500.., .. } => DeliveryFailure::Permanent(text),
            Self::Unsuitable(_) => DeliveryFailure::Misconfigured(text),
            Self::Connection(_) | Self::Tls(_) | Self::Refused { .. } | Self::Garbled(_) => {
                DeliveryFailure::Retryable(text)
            }
        }
    }
}

/// A reply: its code, and its lines.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) code: u16,
    lines: Vec<String>,
}

impl Reply {
    pub(super) fn text(&self) -> String {
        self.lines.join(" ")
    }
}

/// A conversation with a mail server.
pub(super) struct Smtp {
    stream: BufReader<Box<dyn Stream>>,
    /// What the server can do, a line each, as in its answer to the greeting.
    extensions: Vec<String>,
}

impl Smtp {
    /// Waits until the server is ready.
    pub(super) async fn open(stream: Box<dyn Stream>) -> Result<Self, SmtpError> {
        let mut smtp = Self { stream: BufReader::new(stream), extensions: Vec::new() };
        let reply = smtp.reply().await?;
        expect("connect", reply, 220)?;
        Ok(smtp)
    }

    /// Greets, and learns what the server can do. Old servers know no other greeting than the second.
    pub(super) async fn greet(&mut self, hello: &str) -> Result<(), SmtpError> {
        self.extensions.clear();
        let reply = self.command(&format!("EHLO {hello}")).await?;
        if reply.code < 500 {
            let reply = expect("EHLO", reply, 250)?;
            self.extensions = reply.lines.into_iter().skip(1).collect();
            return Ok(());
        }
        let reply = self.command(&format!("HELO {hello}")).await?;
        expect("HELO", reply, 250).map(drop)
    }

    /// What the server says to an extension; none where it has it not.
    pub(super) fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.iter().find_map(|line| {
            let (have, parameters) = line.split_once([' ', '=']).unwrap_or((line, ""));
            have.eq_ignore_ascii_case(name).then_some(parameters)
        })
    }

    /// Asks for encryption, and gives the stream to encrypt.
    pub(super) async fn start_tls(mut self) -> Result<Box<dyn Stream>, SmtpError> {
        let reply = self.command("STARTTLS").await?;
        expect("STARTTLS", reply, 220)?;
        // What came before the handshake would be taken for what the server says after it.
        if !self.stream.buffer().is_empty() {
            return Err(SmtpError::Tls("the server sent something before the handshake".to_owned()));
        }
        Ok(self.stream.into_inner())
    }

    /// The conversation goes on, encrypted; the server is not heard first.
    pub(super) fn resumed(stream: Box<dyn Stream>) -> Self {
        Self { stream: BufReader::new(stream), extensions: Vec::new() }
    }

    /// Hands over a mail.
    pub(super) async fn send(&mut self, envelope: &Envelope, mail: &[u8]) -> Result<(), SmtpError> {
        let from = envelope.from().map(ToString::to_string).unwrap_or_default();
        let mut parameters = String::new();
        if self.extension("8BITMIME").is_some() {
            parameters.push_str(" BODY=8BITMIME");
        }
        if !from.is_ascii() || envelope.to().iter().any(|to| !to.to_string().is_ascii()) {
            parameters.push_str(" SMTPUTF8");
        }
        let reply = self.command(&format!("MAIL FROM:<{from}>{parameters}")).await?;
        expect("MAIL", reply, 250)?;
        for to in envelope.to() {
            let reply = self.command(&format!("RCPT TO:<{to}>")).await?;
            expect("RCPT", reply, 250)?;
        }
        let reply = self.command("DATA").await?;
        expect("DATA", reply, 354)?;
        self.stream.write_all(&dotted(mail)).await?;
        self.stream.flush().await?;
        let reply = self.reply().await?;
        expect("DATA", reply, 250).map(drop)
    }

    /// Says goodbye. Whether that is heard changes nothing.
    pub(super) async fn quit(&mut self) {
        let _unheard = self.command("QUIT").await;
    }

    /// A line to the server, and its reply.
    pub(super) async fn command(&mut self, line: &str) -> Result<Reply, SmtpError> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.flush().await?;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply, SmtpError> {
        let mut lines = Vec::new();
        while lines.len() < MAX_LINES {
            let mut line = Vec::new();
            (&mut self.stream).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
            if line.is_empty() {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            let (code, rest) = line.split_at_checked(3).ok_or_else(|| SmtpError::Garbled(line.to_owned()))?;
            let code = code.parse().map_err(|_| SmtpError::Garbled(line.to_owned()))?;
            lines.push(rest.get(1..).unwrap_or("").to_owned());
            if !rest.starts_with('-') {
                return Ok(Reply { code, lines });
            }
        }
        Err(SmtpError::Garbled(format!("a reply of more than {MAX_LINES} lines")))
    }
}

/// Replies of the class that is wanted are as good: 251 to 250.
pub(super) fn expect(command: &'static str, reply: Reply, wanted: u16) -> Result<Reply, SmtpError> {
    if reply.code / 100 == wanted / 100 {
        return Ok(reply);
    }
    Err(SmtpError::Refused { command, code: reply.code, text: reply.text() })
}

/// A mail as it goes over the wire: lines that begin with a dot get another one, and a dot alone ends it.
fn dotted(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + 8);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

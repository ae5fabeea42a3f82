//! A recorded connection as a byte stream, as fast as it was or faster.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{OpenError, Opened};
use crate::capture::{self, Capture};
use crate::config::ReplayConfig;

/// Plays a file from its beginning on each connection.
#[derive(Debug)]
pub struct ReplayTransport {
    config: ReplayConfig,
}

impl ReplayTransport {
    pub(super) const fn new(config: ReplayConfig) -> Self {
        Self { config }
    }

    pub(super) async fn open(&self) -> Result<Opened, OpenError> {
        let name = self.config.path.display().to_string();
        let size =
            tokio::fs::metadata(&self.config.path).await.map_err(|e| OpenError::from_io(&name, e))?.len();
        if size > capture::MAX_FILE_BYTES {
            return Err(OpenError::BadCapture(name, format!("{size} bytes are too many")));
        }
        let text =
            tokio::fs::read_to_string(&self.config.path).await.map_err(|e| OpenError::from_io(&name, e))?;
        let capture =
            Capture::parse(&text).map_err(|error| OpenError::BadCapture(name, error.to_string()))?;
        Ok(Opened::new(ReplayStream::new(&capture, self.config.speed)))
    }
}

/// What is left to be read, each piece with its time; the stream ends after the last one.
struct ReplayStream {
    pieces: VecDeque<(Duration, Vec<u8>)>,
    taken: usize,
    ends_after: Duration,
    began: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl ReplayStream {
    fn new(capture: &Capture, speed: f64) -> Self {
        let scaled =
            |at: Duration| Duration::try_from_secs_f64(at.as_secs_f64() / speed).unwrap_or(Duration::MAX);
        let pieces = capture.received().map(|(at, bytes)| (scaled(at), bytes.to_vec())).collect();
        let began = Instant::now();
        Self {
            pieces,
            taken: 0,
            ends_after: scaled(capture.duration()),
            began,
            sleep: Box::pin(sleep_until(began)),
        }
    }
}

impl AsyncRead for ReplayStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let after = self.pieces.front().map_or(self.ends_after, |(at, _)| *at);
        let due = self.began.checked_add(after).unwrap_or(self.began);
        self.sleep.as_mut().reset(due);
        ready!(self.sleep.as_mut().poll(cx));
        let taken = self.taken;
        if let Some((_, bytes)) = self.pieces.front() {
            let part = (bytes.len() - taken).min(buf.remaining());
            buf.put_slice(&bytes[taken..taken + part]);
            let whole = taken + part == bytes.len();
            self.taken = if whole { 0 } else { taken + part };
            if whole {
                self.pieces.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ReplayStream {
    /// A recording does not listen.
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

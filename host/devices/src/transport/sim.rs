//! Simulated boards as byte streams, on tokio's clock.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{OpenError, Opened};
use crate::config::SimConfig;
use crate::sim::{SimBoard, SimStep};

/// A board that goes on living while nobody is connected to it.
#[derive(Debug)]
pub struct SimTransport {
    id: String,
    board: Arc<Mutex<SimBoard>>,
    epoch: Instant,
}

impl SimTransport {
    pub(super) fn new(id: &str, config: &SimConfig, epoch: Instant) -> Self {
        let board = Arc::new(Mutex::new(SimBoard::new(id, config)));
        Self { id: id.to_owned(), board, epoch }
    }

    pub(super) fn open(&self) -> Result<Opened, OpenError> {
        let mut stream = SimStream {
            board: Arc::clone(&self.board),
            epoch: self.epoch,
            unread: Vec::new(),
            taken: 0,
            connected: true,
            sleep: Box::pin(sleep_until(self.epoch)),
        };
        let step = stream.poll_board();
        if !step.connected {
            return Err(OpenError::NoSuchDevice(format!("sim:{} is unplugged", self.id)));
        }
        // What the board wrote before is lost, as on a UART that nobody has opened; its line of now is not.
        let newest = step.bytes.split_inclusive(|&byte| byte == b'\n').next_back().unwrap_or_default();
        stream.unread = newest.to_vec();
        Ok(Opened::new(stream))
    }
}

/// What the board writes from now on, until its cable is pulled.
struct SimStream {
    board: Arc<Mutex<SimBoard>>,
    epoch: Instant,
    unread: Vec<u8>,
    taken: usize,
    connected: bool,
    sleep: Pin<Box<Sleep>>,
}

impl SimStream {
    fn poll_board(&self) -> SimStep {
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.poll(self.epoch.elapsed())
    }

    fn next_due(&self) -> Instant {
        self.epoch + self.board.lock().unwrap_or_else(PoisonError::into_inner).next_due()
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let unread = &self.unread[self.taken..];
            if !unread.is_empty() {
                let part = unread.len().min(buf.remaining());
                buf.put_slice(&unread[..part]);
                self.taken += part;
                return Poll::Ready(Ok(()));
            }
            if !self.connected {
                return Poll::Ready(Ok(()));
            }
            let due = self.next_due();
            self.sleep.as_mut().reset(due);
            ready!(self.sleep.as_mut().poll(cx));
            let step = self.poll_board();
            (self.unread, self.taken, self.connected) = (step.bytes, 0, step.connected);
        }
    }
}

impl AsyncWrite for SimStream {
    /// The boards have no console: what is written to them goes nowhere, and fails once the cable is out.
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.connected {
            Poll::Ready(Ok(buf.len()))
        } else {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

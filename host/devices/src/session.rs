//! One connection: reads, frames, asks the driver, and does what it says.
//!
//! Reading and driving run side by side in the device's task with a bounded queue between them. A driver that lags
//! fills the queue, then reading stops, and the operating system's buffer shows the loss as broken frames.

use std::collections::VecDeque;
use std::time::Duration;

use bellwether_model::device::{
    DeviceContext, Driver, DriverFailure, DriverInfo, DriverOutput, DriverSession, Frame, Framing,
};
use bellwether_model::{BoxFuture, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tracing::warn;

use crate::capture::Capture;
use crate::framing::Framer;
use crate::lifecycle::End;
use crate::log_rules::{is_text, readable_line};
use crate::manager::DriverLookup;
use crate::monitor::Monitor;
use crate::notice::NoticeKind;
use crate::output::DropReason;
use crate::transport::ByteStream;

/// Longest chunk of one read, in bytes.
const CHUNK_BYTES: usize = 16 << 10;
/// Chunks that may wait for the driver: one MiB, some 90 s of a serial line at 115,200 baud.
const QUEUED_CHUNKS: usize = 64;
/// Most frames of one call, as the driver interface promises.
const BATCH_FRAMES: usize = 256;
/// Most bytes of one call, unless a single frame is longer.
const BATCH_BYTES: usize = 64 << 10;
/// Frames of one call were read within this time: samples without a time of their own get that of the last frame.
const BATCH_SPAN: Duration = Duration::from_millis(100);
/// A call that takes longer counts as a crash. Plugins are stopped much earlier by their own budget.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The shortest wait that a driver may ask for: a driver that always wants to be called must not starve the rest.
const SHORTEST_WAKE: Duration = Duration::from_millis(10);
/// Most bytes that one call may write to the device.
const WRITE_BYTES: usize = 4 << 10;
/// A device that does not take bytes for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// What a new driver has to make sense of before it takes over, in bytes.
const REHEARSAL_BYTES: usize = 64 << 10;
/// Most events of one call.
const EVENTS_PER_CALL: usize = 100;
/// Most log lines of one call.
const LOGS_PER_CALL: usize = 1_000;

/// How a connection ended, and why, in words.
#[derive(Debug)]
pub(crate) struct SessionEnd {
    pub(crate) end: End,
    pub(crate) reason: String,
}

impl SessionEnd {
    pub(crate) fn closed(reason: impl Into<String>) -> Self {
        Self { end: End::Closed, reason: reason.into() }
    }

    /// What a failure that ends the connection means; bad input does not.
    pub(crate) fn of(failure: DriverFailure) -> Self {
        let end = match failure {
            DriverFailure::Unsupported(_) => End::Unsupported,
            DriverFailure::Crashed(_) => End::Crashed,
            DriverFailure::BadInput(_) | DriverFailure::Reset(_) => End::Closed,
        };
        Self { end, reason: failure.to_string() }
    }
}

/// The driver that serves a connection, and how another one takes its place while the connection stands.
pub(crate) struct Drivers<'a> {
    /// What the driver that serves says of itself.
    pub(crate) serving: DriverInfo,
    /// What its session began with.
    pub(crate) context: DeviceContext,
    /// Finds the driver that is to serve now.
    pub(crate) lookup: &'a DriverLookup,
    /// Says that this may be another one.
    pub(crate) replaced: &'a Notify,
}

fn framer_of(driver: &DriverInfo) -> Framer {
    Framer::new(driver.framing, driver.max_frame_bytes)
}

/// What the reading side passes on.
enum Input {
    Chunk { at: Timestamp, bytes: Vec<u8> },
    End(String),
}

/// Serves one connection until it ends. `good` is notified after each call that made sense of a frame.
pub(crate) async fn serve(
    stream: Box<dyn ByteStream>,
    session: Box<dyn DriverSession>,
    drivers: Drivers<'_>,
    monitor: &Monitor,
    good: &Notify,
) -> SessionEnd {
    let (reader, writer) = tokio::io::split(stream);
    let (queue, chunks) = mpsc::channel(QUEUED_CHUNKS);
    let (framing, framer) = (drivers.serving.framing, framer_of(&drivers.serving));
    let connection = Connection {
        session,
        drivers,
        writer,
        framing,
        framer,
        pending: VecDeque::new(),
        wake: None,
        monitor,
        good,
    };
    let reading = async {
        read(reader, queue, monitor).await;
        // Whatever is queued is still to be driven.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        end = connection.drive(chunks) => end,
        () = reading => SessionEnd::closed("reading ended"),
    }
}

async fn read(mut reader: impl AsyncRead + Unpin, queue: mpsc::Sender<Input>, monitor: &Monitor) {
    let mut buffer = vec![0; CHUNK_BYTES];
    // Asking for room first is what stops the reading while the driver lags.
    while let Ok(room) = queue.reserve().await {
        match reader.read(&mut buffer).await {
            Ok(0) => return room.send(Input::End("unplugged, or closed by the other side".to_owned())),
            Ok(n) => {
                let at = monitor.now();
                monitor.received(at, &buffer[..n]);
                room.send(Input::Chunk { at, bytes: buffer[..n].to_vec() });
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return room.send(Input::End(format!("reading failed: {error}"))),
        }
    }
}

struct Connection<'a, W> {
    session: Box<dyn DriverSession>,
    drivers: Drivers<'a>,
    writer: W,
    framing: Framing,
    framer: Framer,
    pending: VecDeque<Frame>,
    wake: Option<Instant>,
    monitor: &'a Monitor,
    good: &'a Notify,
}

impl<W: AsyncWrite + Unpin> Connection<'_, W> {
    async fn drive(mut self, mut chunks: mpsc::Receiver<Input>) -> SessionEnd {
        match self.run(&mut chunks).await {
            Ok(reason) => SessionEnd::closed(reason),
            Err(end) => end,
        }
    }

    async fn run(&mut self, chunks: &mut mpsc::Receiver<Input>) -> Result<String, SessionEnd> {
        let now = self.monitor.now();
        let output = call(self.session.start(now)).await.map_err(SessionEnd::of)?;
        self.apply(output, now).await?;
        loop {
            tokio::select! {
                biased;
                () = self.drivers.replaced.notified() => self.change_driver().await?,
                () = until(self.wake) => self.tick().await?,
                input = chunks.recv() => match input {
                    Some(Input::Chunk { at, bytes }) => self.chunk(at, &bytes, chunks).await?,
                    Some(Input::End(reason)) => return Ok(reason),
                    None => return Ok("reading ended".to_owned()),
                },
            }
        }
    }

    /// Goes on with the driver that has taken the place of this one, between two frames and on the same connection, if it
    /// can make sense of what the device sent lately. Where it cannot, or there is none any more, the old one goes on.
    async fn change_driver(&mut self) -> Result<(), SessionEnd> {
        let Some(driver) = (self.drivers.lookup)(&self.monitor.config.driver) else { return Ok(()) };
        let info = driver.info();
        if (info.framing, info.max_frame_bytes)
            != (self.drivers.serving.framing, self.drivers.serving.max_frame_bytes)
        {
            return Err(SessionEnd::closed("the driver was replaced by one that cuts frames differently"));
        }
        match succession(driver.as_ref(), &self.drivers, self.monitor).await {
            Ok((session, output)) => {
                self.session = session;
                self.drivers.serving = driver.info().clone();
                self.monitor.declare_driver(driver.info());
                self.wake = None;
                self.apply(output, self.monitor.now()).await
            }
            Err(failure) => {
                let error = failure.to_string();
                warn!(device = self.monitor.config.id, error, "a new driver fails, the old one goes on");
                self.monitor.notice(NoticeKind::DriverRejected { error });
                Ok(())
            }
        }
    }

    async fn tick(&mut self) -> Result<(), SessionEnd> {
        self.wake = None;
        let now = self.monitor.now();
        match call(self.session.tick(now)).await {
            Ok(output) => self.apply(output, now).await,
            Err(DriverFailure::BadInput(_)) => Ok(()),
            Err(failure) => Err(SessionEnd::of(failure)),
        }
    }

    /// Frames one chunk, and those that wait behind it as long as a call has room for more.
    async fn chunk(
        &mut self,
        at: Timestamp,
        bytes: &[u8],
        chunks: &mut mpsc::Receiver<Input>,
    ) -> Result<(), SessionEnd> {
        self.frame(at, bytes);
        let mut after = None;
        while self.pending.len() < BATCH_FRAMES && after.is_none() {
            match chunks.try_recv() {
                Ok(Input::Chunk { at, bytes }) => self.frame(at, &bytes),
                Ok(Input::End(reason)) => after = Some(reason),
                Err(_) => break,
            }
        }
        self.monitor.publish_events();
        while !self.pending.is_empty() {
            self.receive().await?;
        }
        after.map_or(Ok(()), |reason| Err(SessionEnd::closed(reason)))
    }

    fn frame(&mut self, at: Timestamp, bytes: &[u8]) {
        let mut frames = Vec::new();
        self.framer.push(bytes, &mut frames);
        let dropped = self.framer.take_dropped().total();
        if dropped > 0 {
            self.monitor.count_frames(0, dropped, None);
        }
        if is_text(self.framing) {
            frames.iter().for_each(|frame| self.look_at_line(at, frame));
        }
        self.pending.extend(frames.into_iter().map(|data| Frame { at, data }));
    }

    /// What people and log rules see of a line, before the driver does.
    fn look_at_line(&self, at: Timestamp, frame: &[u8]) {
        let line = readable_line(frame);
        self.monitor.keep_line(at, &line);
        for hit in self.monitor.log_rules().apply(&line, at) {
            if let Some(log) = hit.log {
                self.monitor.log(log, at);
            }
            self.monitor.event(hit.event, at);
        }
    }

    async fn receive(&mut self) -> Result<(), SessionEnd> {
        let batch = next_batch(&mut self.pending);
        let Some(at) = batch.last().map(|frame| frame.at) else {
            return Ok(());
        };
        let count = batch.len() as u64;
        match call(self.session.receive(batch)).await {
            Ok(output) => {
                let bad = u64::from(output.skipped).min(count);
                self.monitor.count_frames(count - bad, bad, (bad < count).then_some(at));
                if bad < count {
                    self.good.notify_one();
                }
                self.apply(output, at).await
            }
            Err(failure) => {
                self.monitor.count_frames(0, count, None);
                match failure {
                    DriverFailure::BadInput(_) => Ok(()),
                    fatal => Err(SessionEnd::of(fatal)),
                }
            }
        }
    }

    /// Does what the driver said, in the order of the interface.
    async fn apply(&mut self, output: DriverOutput, at: Timestamp) -> Result<(), SessionEnd> {
        if let Some(identity) = output.identity {
            self.monitor.identify(identity);
        }
        self.monitor.store(output.samples, at);
        let excess = output.events.len().saturating_sub(EVENTS_PER_CALL)
            + output.logs.len().saturating_sub(LOGS_PER_CALL);
        if excess > 0 {
            self.monitor.count_dropped(DropReason::NoticeLimit, excess as u64);
        }
        for log in output.logs.into_iter().take(LOGS_PER_CALL) {
            if !is_text(self.framing) {
                self.monitor.keep_line(at, &log.message);
            }
            self.monitor.log(log, at);
        }
        output.events.into_iter().take(EVENTS_PER_CALL).for_each(|event| self.monitor.event(event, at));
        self.monitor.publish_events();
        self.write(output.writes).await?;
        if let Some(wait) = output.wake {
            self.wake = Instant::now().checked_add(wait.max(SHORTEST_WAKE));
        }
        Ok(())
    }

    async fn write(&mut self, writes: Vec<Vec<u8>>) -> Result<(), SessionEnd> {
        let total: usize = writes.iter().map(Vec::len).sum();
        if total == 0 {
            return Ok(());
        }
        if !self.monitor.config.allow_writes || total > WRITE_BYTES {
            self.monitor.count_dropped(DropReason::WriteRefused, writes.len() as u64);
            return Ok(());
        }
        let all = writes.concat();
        let writing = async {
            self.writer.write_all(&all).await?;
            self.writer.flush().await
        };
        match tokio::time::timeout(WRITE_TIMEOUT, writing).await {
            Ok(Ok(())) => {
                self.monitor.sent(all);
                Ok(())
            }
            Ok(Err(error)) => Err(SessionEnd::closed(format!("writing failed: {error}"))),
            Err(_) => Err(SessionEnd::closed("the device takes no bytes")),
        }
    }
}

/// A session that has begun, of a driver that has gone through a rehearsal.
async fn succession(
    driver: &dyn Driver,
    drivers: &Drivers<'_>,
    monitor: &Monitor,
) -> Result<(Box<dyn DriverSession>, DriverOutput), DriverFailure> {
    let context = || DeviceContext { now: monitor.now(), ..drivers.context.clone() };
    let mut rehearsal = call(driver.open(context())).await?;
    call(rehearsal.start(monitor.now())).await?;
    let mut frames = latest_frames(&drivers.serving, &monitor.capture());
    while !frames.is_empty() {
        match call(rehearsal.receive(next_batch(&mut frames))).await {
            Ok(_) | Err(DriverFailure::BadInput(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    let mut session = call(driver.open(context())).await?;
    let output = call(session.start(monitor.now())).await?;
    Ok((session, output))
}

/// What the device sent lately.
fn latest_frames(driver: &DriverInfo, capture: &Capture) -> VecDeque<Frame> {
    let received: Vec<_> = capture.received().collect();
    let mut bytes = 0;
    let fits = |(_, chunk): &&(Duration, &[u8])| {
        bytes += chunk.len();
        bytes <= REHEARSAL_BYTES
    };
    let count = received.iter().rev().take_while(fits).count();
    let mut framer = framer_of(driver);
    let mut latest = VecDeque::new();
    for (at, chunk) in &received[received.len() - count..] {
        let mut frames = Vec::new();
        framer.push(chunk, &mut frames);
        let at = capture.head.t0_ms + *at;
        latest.extend(frames.into_iter().map(|data| Frame { at, data }));
    }
    latest
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Calls a driver with a limit on its time.
pub(crate) async fn call<T>(calling: BoxFuture<'_, Result<T, DriverFailure>>) -> Result<T, DriverFailure> {
    tokio::time::timeout(CALL_TIMEOUT, calling).await.unwrap_or_else(|_| {
        Err(DriverFailure::Crashed(format!("the driver did not answer within {} s", CALL_TIMEOUT.as_secs())))
    })
}

/// Takes the frames of one call: within the limits, and read close to each other.
fn next_batch(pending: &mut VecDeque<Frame>) -> Vec<Frame> {
    let Some(began) = pending.front().map(|frame| frame.at) else {
        return Vec::new();
    };
    let mut bytes = 0;
    let fits = |frame: &&Frame| {
        bytes += frame.data.len();
        bytes <= BATCH_BYTES && frame.at.since(began) <= BATCH_SPAN
    };
    // A single frame may be longer than a batch.
    let count = pending.iter().take(BATCH_FRAMES).take_while(fits).count().max(1);
    pending.drain(..count).collect()
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;

    use super::*;
    use crate::sim::demo_fleet;
    use crate::testing::{Recorder, clock};

    fn frames(of: &[(i64, usize)]) -> VecDeque<Frame> {
        of.iter().map(|&(at, len)| Frame { at: Timestamp::from_millis(at), data: vec![0; len] }).collect()
    }

    fn batches(mut pending: VecDeque<Frame>) -> Vec<usize> {
        let mut sizes = Vec::new();
        while !pending.is_empty() {
            sizes.push(next_batch(&mut pending).len());
        }
        sizes
    }

    #[test]
    fn batches_are_limited_in_frames_bytes_and_time() {
        assert_eq!(batches(frames(&[(0, 1); 600])), [256, 256, 88]);
        assert_eq!(batches(frames(&[(0, 40 << 10); 3])), [1, 1, 1]);
        assert_eq!(batches(frames(&[(0, 100 << 10), (0, 1)])), [1, 1]);
        assert_eq!(batches(frames(&[(0, 1), (100, 1), (101, 1)])), [2, 1]);
    }

    /// A reader that always has more, and counts what was taken.
    struct Endless(Arc<AtomicUsize>);

    impl AsyncRead for Endless {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            self.0.fetch_add(buf.remaining(), Ordering::Relaxed);
            buf.put_slice(&vec![b'x'; buf.remaining()]);
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reading_stops_while_nobody_takes_the_chunks() {
        let (sink, _heard) = Recorder::new();
        let config = Arc::new(demo_fleet().remove(0));
        let monitor = Monitor::new(config, Arc::default(), sink, clock());
        let taken = Arc::new(AtomicUsize::new(0));
        let (queue, mut chunks) = mpsc::channel(QUEUED_CHUNKS);
        let reading = read(Endless(Arc::clone(&taken)), queue, &monitor);
        let limited = tokio::time::timeout(Duration::from_secs(60), reading);
        assert!(limited.await.is_err(), "reading waits");
        assert_eq!(taken.load(Ordering::Relaxed), QUEUED_CHUNKS * CHUNK_BYTES);
        assert!(chunks.try_recv().is_ok());
    }
}

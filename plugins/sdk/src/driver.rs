//! Platform drivers: bytes of a device in, samples, events and log lines out.

use std::cell::RefCell;
use std::marker::PhantomData;

mod bindings {
    #![allow(missing_docs, unused_qualifications, clippy::all, reason = "generated")]
    wit_bindgen::generate!({
        path: ["../../wit/host", "../../wit/driver"],
        world: "bellwether:driver/driver-plugin",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_driver_world",
        default_bindings_module: "bellwether_plugin_sdk::driver",
    });
}

#[doc(hidden)]
pub use bindings::{export_driver_world, exports};

use bindings::exports::bellwether::driver::driver as wit;

pub use bindings::bellwether::host::log;
pub use bindings::bellwether::host::types::{About, Label, MetricKind, Problem, Setting, SettingKind};
pub use wit::{
    Block, Device, Event, EventKind, Failure, Frame, Framing, Hint, Identity, Info, LogLine, Metric, Output,
    Sample, Severity,
};

/// Unix time in milliseconds.
pub type Instant = i64;

/// Longest frame that a text driver takes where it says nothing else.
pub const DEFAULT_MAX_FRAME_BYTES: u32 = 4096;

/// A driver with the state of one connection.
pub trait Driver: Sized + 'static {
    /// Facts about the driver. Always the same.
    fn describe() -> Info;

    /// Begins a session; refuses settings that do not go together.
    fn open(device: Device) -> Result<Self, Problem>;

    /// Right after the connection stands.
    fn start(&mut self, now: Instant, out: &mut Out) -> Result<(), Failure> {
        let _ = (now, out);
        Ok(())
    }

    /// One frame. A [`Failure::BadInput`] counts this frame as skipped; the other frames of the batch go on.
    fn receive(&mut self, frame: &Frame, out: &mut Out) -> Result<(), Failure>;

    /// The time asked for by [`Out::wake`] has come.
    fn tick(&mut self, now: Instant, out: &mut Out) -> Result<(), Failure> {
        let _ = (now, out);
        Ok(())
    }
}

/// A description with a name, lines as framing, and nothing else: fill in the rest with `..info(…)`.
pub fn info(name: &str, version: &str, summary: &str) -> Info {
    Info {
        about: About {
            name: name.into(),
            version: version.into(),
            summary: summary.into(),
            homepage: None,
            settings: Vec::new(),
        },
        framing: Framing::Lines,
        max_frame: DEFAULT_MAX_FRAME_BYTES,
        baud_rates: vec![115_200],
        hints: Vec::new(),
        metrics: Vec::new(),
        events: Vec::new(),
    }
}

/// What the host shall do after the call.
#[derive(Default)]
pub struct Out {
    identity: Option<Identity>,
    samples: Vec<Sample>,
    blocks: Vec<Block>,
    events: Vec<Event>,
    logs: Vec<LogLine>,
    skipped: u32,
    writes: Vec<Vec<u8>>,
    wake: Option<u32>,
}

impl Out {
    /// One measurement at the time of the frame.
    pub fn sample<'a>(
        &mut self,
        metric: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) {
        let labels = labels
            .into_iter()
            .map(|(name, value)| Label { name: name.into(), value: value.into() })
            .collect();
        self.push_sample(Sample { metric: metric.into(), labels, value, at: None });
    }

    /// One measurement, with all that can be said about it.
    pub fn push_sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Evenly spaced measurements of one series.
    pub fn push_block(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Something that happened on the device.
    pub fn push_event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// A line of the device's own log.
    pub fn push_log(&mut self, line: LogLine) {
        self.logs.push(line);
    }

    /// What is known of the device itself.
    pub fn set_identity(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// Bytes to write to the device.
    pub fn write(&mut self, bytes: impl Into<Vec<u8>>) {
        self.writes.push(bytes.into());
    }

    /// Asks for a call of `tick` in so many milliseconds.
    pub fn wake(&mut self, after_ms: u32) {
        self.wake = Some(after_ms);
    }

    /// Counts a part of the input that made no sense.
    pub fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Whether the call has produced nothing but skipped input.
    fn is_empty(&self) -> bool {
        self.identity.is_none()
            && self.samples.is_empty()
            && self.blocks.is_empty()
            && self.events.is_empty()
            && self.logs.is_empty()
            && self.writes.is_empty()
            && self.wake.is_none()
    }

    fn into_wit(self) -> Output {
        Output {
            identity: self.identity,
            samples: self.samples,
            blocks: self.blocks,
            events: self.events,
            logs: self.logs,
            skipped: self.skipped,
            writes: self.writes,
            wake: self.wake,
        }
    }
}

/// Hands a batch of frames to a driver one by one. Bad frames are counted; only a batch without any good frame and
/// without any output fails as a whole.
pub fn receive_all<D: Driver>(driver: &mut D, frames: &[Frame]) -> Result<Output, Failure> {
    let mut out = Out::default();
    let mut bad = None;
    let mut good_frames = 0;
    for frame in frames {
        match driver.receive(frame, &mut out) {
            Ok(()) => good_frames += 1,
            Err(Failure::BadInput(why)) => {
                out.skip();
                bad.get_or_insert(why);
            }
            Err(other) => return Err(other),
        }
    }
    match bad {
        Some(why) if good_frames == 0 && out.is_empty() => Err(Failure::BadInput(why)),
        _ => Ok(out.into_wit()),
    }
}

/// The component around a driver; made by [`export_driver!`](crate::export_driver).
pub struct Adapter<D>(PhantomData<D>);

/// One session of a driver.
pub struct Session<D>(RefCell<D>);

impl<D: Driver> wit::Guest for Adapter<D> {
    type Session = Session<D>;

    fn describe() -> Info {
        crate::panic::report_to(log_panic);
        D::describe()
    }

    fn open(device: Device) -> Result<wit::Session, Problem> {
        crate::panic::report_to(log_panic);
        Ok(wit::Session::new(Session(RefCell::new(D::open(device)?))))
    }
}

impl<D: Driver> wit::GuestSession for Session<D> {
    fn start(&self, now: Instant) -> Result<Output, Failure> {
        let mut out = Out::default();
        self.0.borrow_mut().start(now, &mut out)?;
        Ok(out.into_wit())
    }

    fn receive(&self, frames: Vec<Frame>) -> Result<Output, Failure> {
        receive_all(&mut *self.0.borrow_mut(), &frames)
    }

    fn tick(&self, now: Instant) -> Result<Output, Failure> {
        let mut out = Out::default();
        self.0.borrow_mut().tick(now, &mut out)?;
        Ok(out.into_wit())
    }
}

#[doc(hidden)]
pub const fn is_driver<T: Driver>() {}

fn log_panic(text: &str) {
    log::write(log::Level::Error, text, &[]);
}

/// Makes a type that implements [`Driver`](crate::driver::Driver) the component's driver. Off wasm it does nothing, so that
/// plugins can be tested natively.
#[macro_export]
macro_rules! export_driver {
    ($driver:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedDriver = $crate::driver::Adapter<$driver>;
        #[cfg(target_family = "wasm")]
        $crate::driver::export_driver_world!(ExportedDriver);
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::driver::is_driver::<$driver>();
    };
}

//! A driver that does what its frames say: `spin`, `hoard`, `crash`, `recurse`, `flood` or any number.

use bellwether_plugin_sdk::driver::{Device, Driver, Failure, Frame, Info, Out, Problem, info, log};

use crate::misbehave;

struct Hostile;

impl Driver for Hostile {
    fn describe() -> Info {
        info("hostile-driver", env!("CARGO_PKG_VERSION"), "Misbehaves on demand")
    }

    fn open(device: Device) -> Result<Self, Problem> {
        if device.name == "crash-on-open" {
            misbehave::crash();
        }
        Ok(Self)
    }

    fn receive(&mut self, frame: &Frame, out: &mut Out) -> Result<(), Failure> {
        match frame.data.as_slice() {
            b"spin" => misbehave::spin(),
            b"hoard" => out.sample("hoarded", [], misbehave::hoard() as f64),
            b"crash" => misbehave::crash(),
            b"recurse" => out.sample("depth", [], misbehave::recurse(0) as f64),
            b"flood" => flood(out),
            b"shout" => (0..10_000).for_each(|_| log::write(log::Level::Info, &"x".repeat(100_000), &[])),
            b"reset" => return Err(Failure::Reset("asked to".into())),
            number => {
                let text = String::from_utf8_lossy(number);
                let value = text.parse().map_err(|_| Failure::BadInput(format!("{text:?} is no number")))?;
                out.sample("value", [], value);
            }
        }
        Ok(())
    }
}

/// Far more samples than a call may give, within the memory that it may use.
fn flood(out: &mut Out) {
    for i in 0..50_000 {
        out.sample("x", [], f64::from(i));
    }
}

bellwether_plugin_sdk::export_driver!(Hostile);

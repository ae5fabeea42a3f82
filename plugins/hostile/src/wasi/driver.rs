//! A driver that looks around by WASI, as its frames say: what it finds becomes a sample.

use bellwether_plugin_sdk::driver::{Device, Driver, Failure, Frame, Info, Out, Problem, info};

use super::bindings::wasi::cli::exit::exit;
use super::{hoards, probes};
use crate::lie;

struct Prober;

impl Driver for Prober {
    fn describe() -> Info {
        match lie::chosen() {
            "exit" => exit(Ok(())),
            "sleep" => drop(hoards::perform("sleep")),
            _ => {}
        }
        info("hostile-wasi", env!("CARGO_PKG_VERSION"), "Looks around on demand")
    }

    fn open(_device: Device) -> Result<Self, Problem> {
        Ok(Self)
    }

    fn receive(&mut self, frame: &Frame, out: &mut Out) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(&frame.data);
        let found = match text.as_ref() {
            "exit" => {
                exit(Ok(()));
                0.0
            }
            "print" => print_much(),
            deed => match probes::look(deed).or_else(|| hoards::perform(deed)) {
                Some(found) => found,
                None => text.parse().map_err(|_| Failure::BadInput(format!("{text:?} is no number")))?,
            },
        };
        out.sample("found", [], found);
        Ok(())
    }
}

/// A line that never ends, with what plays tricks on terminals.
fn print_much() -> f64 {
    let bytes = "\u{1b}[2J".repeat(1000);
    (0..1_000).for_each(|_| super::print(bytes.as_bytes()));
    0.0
}

bellwether_plugin_sdk::export_driver!(Prober);

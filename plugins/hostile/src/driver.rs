//! A driver that does what its frames say. After `later:` it does the rest of the frame when its timer rings, and a device
//! that is called `<deed>-on-open` or `<deed>-on-start` makes it misbehave there. A frame that is a number is a sample.

mod floods;
mod forgeries;
mod raw;

use bellwether_plugin_sdk::driver::{Device, Driver, Failure, Frame, Info, Instant, Out, Problem, info, log};
use bellwether_plugin_sdk::driver::{Framing, Setting, SettingKind};

use crate::lie;
use crate::misbehave::{self, machine};

struct Hostile {
    on_start: String,
    later: String,
}

impl Driver for Hostile {
    fn describe() -> Info {
        let honest = info("hostile-driver", env!("CARGO_PKG_VERSION"), "Misbehaves on demand");
        match lie::chosen() {
            "endless frames" => Info { max_frame: u32::MAX, ..honest },
            "empty packets" => Info { framing: Framing::Fixed(0), ..honest },
            "odd prefix" => Info { framing: Framing::LengthPrefixed(3), ..honest },
            "secret of a driver" => with_secret(honest),
            "host's metric" => forgeries::metrics_of_the_host(honest),
            _ => honest,
        }
    }

    fn open(device: Device) -> Result<Self, Problem> {
        let deed_on = |moment| device.name.strip_suffix(moment).unwrap_or_default().to_owned();
        let refused = |failure| Problem { setting: None, message: format!("{failure:?}") };
        perform(&deed_on("-on-open"), &mut Out::default()).map_err(refused)?;
        Ok(Self { on_start: deed_on("-on-start"), later: String::new() })
    }

    fn start(&mut self, _now: Instant, out: &mut Out) -> Result<(), Failure> {
        perform(&self.on_start, out)
    }

    fn receive(&mut self, frame: &Frame, out: &mut Out) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(&frame.data);
        if let Some(deed) = text.strip_prefix("later:") {
            deed.clone_into(&mut self.later);
            out.wake(0);
            return Ok(());
        }
        perform(&text, out)
    }

    fn tick(&mut self, _now: Instant, out: &mut Out) -> Result<(), Failure> {
        perform(&self.later, out)
    }
}

fn with_secret(mut info: Info) -> Info {
    let [name, help] = ["token", "Of no use to a driver"].map(String::from);
    info.about.settings.push(Setting {
        name,
        help,
        kind: SettingKind::Secret,
        required: false,
        default: None,
    });
    info
}

fn perform(deed: &str, out: &mut Out) -> Result<(), Failure> {
    match deed {
        "" => {}
        "spin" => misbehave::spin(),
        "chatter" => misbehave::chatter(|| log::write(log::Level::Debug, "still here", &[])),
        "hoard" => out.sample("hoarded", [], misbehave::hoard() as f64),
        "grow-at-once" => out.sample("pages", [], machine::grow_at_once() as f64),
        "grow-by-pages" => machine::grow_by_pages(),
        "recurse" => out.sample("depth", [], misbehave::recurse(0) as f64),
        "crash" => misbehave::crash(),
        "unreachable" => machine::unreachable(),
        "stray" => out.sample("stray", [], f64::from(machine::stray())),
        "reset" => return Err(Failure::Reset("asked to".into())),
        "grumble" => return Err(Failure::BadInput("no ".repeat(1 << 20))),
        flood if floods::perform(flood, out) => {}
        forgery if forgeries::perform(forgery, out) => {}
        number => {
            let value = number.parse().map_err(|_| Failure::BadInput(format!("{number:?} is no number")))?;
            out.sample("value", [], value);
        }
    }
    Ok(())
}

bellwether_plugin_sdk::export_driver!(Hostile);

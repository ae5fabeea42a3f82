//! Turns facts into samples: by the operator's mapping first, then by the built-in names.

use std::collections::BTreeMap;
use std::rc::Rc;

use bellwether_plugin_sdk::config;
use bellwether_plugin_sdk::driver::{Out, Problem};
use serde::Deserialize;

use crate::fact::{Fact, Value, normalized};
use crate::names::{self, KnownMetric, MEMORY_FREE, MEMORY_TOTAL, MEMORY_USAGE, Meaning, MemoryPart};

/// Other names of the texts that become labels.
const LABEL_SYNONYMS: [(&str, &str); 3] =
    [("model", "model_name"), ("quant", "quantization"), ("sensor", "sensor_location")];

/// Keys of a device that are remembered beside the operator's; what more there are is looked up each time.
const MAX_MET_KEYS: usize = 256;

#[derive(Deserialize)]
struct Settings {
    map: BTreeMap<String, Entry>,
    keep_unknown: bool,
}

/// One entry of the operator's mapping.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Name(String),
    Full(Target),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    metric: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default = "one")]
    scale: f64,
}

const fn one() -> f64 {
    1.0
}

/// What a key becomes.
enum Use {
    /// As the operator says.
    Mapped(Target),
    /// By its built-in name.
    Known(Meaning),
    /// A number that the operator wants although nobody knows what it is.
    Unknown,
    Nothing,
}

impl Use {
    fn of(key: &str, keep_unknown: bool) -> Self {
        match names::meaning(key) {
            Some(meaning) => Self::Known(meaning),
            None if keep_unknown => Self::Unknown,
            None => Self::Nothing,
        }
    }
}

/// How the facts of one device become samples.
pub(crate) struct Mapping {
    /// The operator's keys, and those that were met: a device says the same ones again and again.
    keys: BTreeMap<String, Rc<Use>>,
    /// How many keys more than the operator's are remembered.
    room: usize,
    keep_unknown: bool,
    /// Totals that were told once, by kind of memory: firmware often says them only in its first line.
    totals: BTreeMap<&'static str, f64>,
}

impl Mapping {
    /// Reads the settings that [`crate::settings`] declares.
    pub(crate) fn parse(json: &str) -> Result<Self, Problem> {
        let problem = |message| Problem { setting: Some("map".into()), message };
        let settings: Settings = config::parse(json).map_err(problem)?;
        let mut keys = BTreeMap::new();
        for (key, entry) in settings.map {
            let target = match entry {
                Entry::Name(metric) => Target { metric, labels: BTreeMap::new(), scale: one() },
                Entry::Full(target) => target,
            };
            if !is_metric_name(&target.metric) {
                return Err(problem(format!("{key}: {:?} is no name of a metric", target.metric)));
            }
            keys.insert(normalized(&key).into_owned(), Rc::new(Use::Mapped(target)));
        }
        Ok(Self { keys, room: MAX_MET_KEYS, keep_unknown: settings.keep_unknown, totals: BTreeMap::new() })
    }

    /// Puts out what the facts measure; returns how many samples there are.
    pub(crate) fn samples(&mut self, facts: &[Fact<'_>], out: &mut Out) -> usize {
        let mut memories = Memories::default();
        let mut count = 0;
        for fact in facts {
            if let Value::Number(number) = fact.value {
                let becomes = self.becomes(&fact.key);
                count += sample(&becomes, (&fact.key, number), facts, &mut memories, out);
            }
        }
        count + memories.samples(&mut self.totals, out)
    }

    fn becomes(&mut self, key: &str) -> Rc<Use> {
        if let Some(known) = self.keys.get(key) {
            return Rc::clone(known);
        }
        let becomes = Rc::new(Use::of(key, self.keep_unknown));
        if self.room > 0 {
            self.room -= 1;
            self.keys.insert(key.to_owned(), Rc::clone(&becomes));
        }
        becomes
    }
}

fn sample(
    becomes: &Use,
    (key, number): (&str, f64),
    facts: &[Fact<'_>],
    memories: &mut Memories,
    out: &mut Out,
) -> usize {
    match becomes {
        Use::Mapped(target) => {
            let labels = target.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            out.sample(&target.metric, labels, number * target.scale);
        }
        Use::Known(Meaning::Metric { metric, scale }) => {
            out.sample(metric.name, labels_in(facts, metric), number * scale);
        }
        Use::Known(Meaning::TemperatureOf { metric, place }) => {
            out.sample(metric.name, [("sensor_location", place.as_str())], number);
        }
        Use::Known(Meaning::Memory { memory_type, part }) => {
            memories.learn(memory_type, *part, number);
            return 0;
        }
        Use::Unknown => out.sample(names::UNKNOWN, [("name", key)], number),
        Use::Nothing => return 0,
    }
    1
}

/// The texts among the facts that are labels of a metric.
fn labels_in<'a>(facts: &'a [Fact<'a>], metric: &KnownMetric) -> impl Iterator<Item = (&'a str, &'a str)> {
    let wanted = metric.labels;
    facts.iter().filter_map(move |fact| {
        let Value::Text(text) = &fact.value else {
            return None;
        };
        let synonym = LABEL_SYNONYMS.iter().find(|(short, _)| *short == fact.key);
        let name = synonym.map_or(&*fact.key, |(_, long)| long);
        wanted.contains(&name).then_some((name, &**text))
    })
}

/// What one line says about memories.
#[derive(Default)]
struct Memories(BTreeMap<&'static str, Memory>);

#[derive(Default)]
struct Memory {
    free: Option<f64>,
    used: Option<f64>,
    total: Option<f64>,
}

impl Memories {
    fn learn(&mut self, memory_type: &'static str, part: MemoryPart, bytes: f64) {
        let memory = self.0.entry(memory_type).or_default();
        match part {
            MemoryPart::Free => memory.free = Some(bytes),
            MemoryPart::Used => memory.used = Some(bytes),
            MemoryPart::Total => memory.total = Some(bytes),
        }
    }

    /// Usage is what was told, or the total without what is free. Free memory alone has a metric of its own.
    fn samples(self, totals: &mut BTreeMap<&'static str, f64>, out: &mut Out) -> usize {
        let mut count = 0;
        for (memory_type, memory) in self.0 {
            if let Some(total) = memory.total {
                totals.insert(memory_type, total);
            }
            let total = totals.get(memory_type).copied();
            let used = memory.used.or_else(|| Some(total? - memory.free?));
            let lonely_free = memory.free.filter(|_| used.is_none());
            let numbers = [(MEMORY_USAGE, used), (MEMORY_TOTAL, total), (MEMORY_FREE, lonely_free)];
            for (metric, bytes) in numbers.into_iter().filter_map(|(metric, bytes)| Some((metric, bytes?))) {
                out.sample(metric, [("memory_type", memory_type)], bytes);
                count += 1;
            }
        }
        count
    }
}

fn is_metric_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(legal)
}

//! What belongs to one loaded plugin and is shared by all its instances.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bellwether_model::plugin_store::PluginStore;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::blame::{Blame, Refusal};
use crate::crash::{Crash, CrashCause};
use crate::http::HttpClient;
use crate::limits::Limits;
use crate::memory::MemoryPool;
use crate::plugin_log::PluginLog;
use crate::usage::Usage;

/// Crashes that are kept of each plugin.
const KEPT_CRASHES: usize = 16;

/// Subjects that are counted: enough to see how many of them a plugin crashes for.
const COUNTED_SUBJECTS: usize = 1_000;

/// One loaded plugin, seen from its instances.
#[derive(Debug)]
pub(crate) struct PluginContext {
    pub(crate) name: String,
    pub(crate) limits: Limits,
    pub(crate) log: PluginLog,
    pub(crate) http: Arc<dyn HttpClient>,
    /// What it keeps, beside what others keep.
    pub(crate) values: Arc<dyn PluginStore>,
    /// One permit for each request under way.
    pub(crate) requests: Semaphore,
    /// Memory of all its instances.
    pub(crate) memory: Arc<MemoryPool>,
    pub(crate) usage: Usage,
    blame: Blame,
    crashes: Mutex<VecDeque<Crash>>,
    /// For whom it ran.
    subjects: Mutex<HashSet<String>>,
}

impl PluginContext {
    pub(crate) fn new(
        name: &str,
        limits: Limits,
        (http, values): (Arc<dyn HttpClient>, Arc<dyn PluginStore>),
        machine: &Arc<MemoryPool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            memory: MemoryPool::new(limits.plugin_memory_bytes, Some(Arc::clone(machine))),
            name: name.to_owned(),
            log: PluginLog::new(),
            http,
            values,
            requests: Semaphore::new(limits.requests_at_once),
            limits,
            usage: Usage::new(),
            blame: Blame::default(),
            crashes: Mutex::new(VecDeque::new()),
            subjects: Mutex::new(HashSet::new()),
        })
    }

    pub(crate) const fn blame(&self) -> &Blame {
        &self.blame
    }

    /// Whether the plugin may run for a subject now.
    pub(crate) fn admit(&self, subject: &str) -> Result<(), Refusal> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        if subjects.len() < COUNTED_SUBJECTS && !subjects.contains(subject) {
            subjects.insert(subject.to_owned());
        }
        drop(subjects);
        self.blame.admit(&self.name, subject)
    }

    /// For how many it crashed lately, and for how many it ran.
    pub(crate) fn subject_counts(&self) -> (usize, usize) {
        let served = self.subjects.lock().unwrap_or_else(PoisonError::into_inner).len();
        (self.blame.subjects().len(), served)
    }

    /// Reports a crash, keeps it, and blames the subject.
    pub(crate) fn crashed(&self, crash: Crash) {
        warn!(
            plugin = self.name,
            call = crash.call,
            subject = crash.subject,
            cause = %crash.cause,
            last_words = crash.last_words,
            backtrace = ?crash.backtrace,
            "plugin crashed"
        );
        self.usage.crashed();
        let mut crashes = self.crashes.lock().unwrap_or_else(PoisonError::into_inner);
        if crashes.len() == KEPT_CRASHES {
            crashes.pop_front();
        }
        crashes.push_back(crash.clone());
        self.blame.strike(crash);
    }

    /// An answer that cannot be true; counts as a crash.
    pub(crate) fn bad_answer(&self, call: &str, subject: &str, text: String) -> Crash {
        Crash {
            plugin: self.name.clone(),
            call: call.to_owned(),
            subject: subject.to_owned(),
            cause: CrashCause::BadAnswer { text },
            backtrace: Vec::new(),
            last_words: None,
        }
    }

    /// The crashes that are kept, the oldest first.
    pub(crate) fn crashes(&self) -> Vec<Crash> {
        self.crashes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

//! What came of a file: a plugin with its state, or the reason why there is none.

use std::sync::Arc;

use bellwether_model::Timestamp;

use super::describe::Description;
use super::grants::Grants;
use super::load::Key;
use super::{LoadStage, PluginKind, PluginSource, PluginState, PluginStatus, Unavailable};
use crate::context::PluginContext;
use crate::detector::SandboxedDetector;
use crate::driver::SandboxedDriver;
use crate::egress::OriginPattern;
use crate::receiver::ReceiverPlugin;

/// What is known of a file from reading it.
#[derive(Debug, Clone, Default)]
pub(super) struct Fingerprint {
    pub(super) sha256: String,
    pub(super) size_bytes: u64,
}

/// A file with what came of it.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) source: PluginSource,
    pub(super) fingerprint: Fingerprint,
    pub(super) loaded_at: Timestamp,
    pub(super) outcome: Outcome,
}

/// What came of a file.
#[derive(Debug)]
pub(super) enum Outcome {
    Loading(LoadStage),
    Broken(String),
    /// With what it says of itself, where it can.
    Disabled(Option<Box<Resting>>),
    Usable(Box<Usable>),
}

/// What is kept of a plugin that is switched off.
#[derive(Debug)]
pub(super) struct Resting {
    pub(super) description: Description,
    kind: PluginKind,
}

impl Outcome {
    /// The same plugin, switched off: its code is not kept.
    pub(super) fn switched_off(self) -> Self {
        match self {
            Self::Usable(usable) => {
                let kind = usable.kind();
                Self::Disabled(Some(Box::new(Resting { description: usable.description, kind })))
            }
            Self::Loading(_) | Self::Broken(_) | Self::Disabled(_) => Self::Disabled(None),
        }
    }

    /// What the plugin says of itself.
    pub(super) fn description(&self) -> Option<&Description> {
        match self {
            Self::Usable(usable) => Some(&usable.description),
            Self::Disabled(resting) => resting.as_ref().map(|resting| &resting.description),
            Self::Loading(_) | Self::Broken(_) => None,
        }
    }
}

/// A plugin that has described itself.
#[derive(Debug)]
pub(super) struct Usable {
    pub(super) description: Description,
    pub(super) guest: Guest,
    pub(super) grants: Grants,
    pub(super) grants_file: String,
}

#[derive(Debug)]
pub(super) enum Guest {
    Driver(SandboxedDriver),
    Detector(SandboxedDetector),
    Receiver(ReceiverPlugin),
}

impl Usable {
    /// Origins that it wants and the operator has not granted. What settings name is granted by naming it.
    fn missing_grants(&self) -> Vec<String> {
        let is_missing = |wanted: &&OriginPattern| !self.grants.allowed.covers(wanted);
        self.description.wants_hosts.iter().filter(is_missing).map(ToString::to_string).collect()
    }

    const fn kind(&self) -> PluginKind {
        match &self.guest {
            Guest::Driver(_) => PluginKind::Driver,
            Guest::Detector(_) => PluginKind::Detector,
            Guest::Receiver(_) => PluginKind::Receiver,
        }
    }

    fn context(&self) -> &Arc<PluginContext> {
        match &self.guest {
            Guest::Driver(driver) => driver.context(),
            Guest::Detector(detector) => detector.context(),
            Guest::Receiver(receiver) => receiver.context(),
        }
    }
}

impl Loaded {
    /// What can be shown of a file while it is being loaded.
    pub(super) fn loading(key: &Key, stage: LoadStage, now: Timestamp) -> Self {
        Self {
            name: key.name(),
            source: key.source(),
            fingerprint: Fingerprint::default(),
            loaded_at: now,
            outcome: Outcome::Loading(stage),
        }
    }

    pub(super) fn kind(&self) -> Option<PluginKind> {
        match &self.outcome {
            Outcome::Usable(usable) => Some(usable.kind()),
            Outcome::Disabled(resting) => resting.as_ref().map(|resting| resting.kind),
            Outcome::Loading(_) | Outcome::Broken(_) => None,
        }
    }

    /// Whether it can be handed out. A plugin in quarantine can: each call of it says so.
    pub(super) fn is_usable(&self) -> bool {
        self.usable().is_some_and(|usable| usable.missing_grants().is_empty())
    }

    /// Whether the operator switched it off.
    pub(super) const fn is_off(&self) -> bool {
        matches!(self.outcome, Outcome::Disabled(_))
    }

    pub(super) fn broken_because(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Broken(reason) => Some(reason),
            Outcome::Loading(_) | Outcome::Disabled(_) | Outcome::Usable(_) => None,
        }
    }

    /// What it asks for and was not granted, in words.
    pub(super) fn waits_because(&self) -> Option<String> {
        match self.state() {
            PluginState::WaitingForGrants { missing, file } => Some(format!(
                "asks for {}, which is not granted in {file}; look at it with: bellwether plugin approve {}",
                missing.join(", "),
                self.name
            )),
            _ => None,
        }
    }

    pub(super) fn driver(&self) -> Option<&SandboxedDriver> {
        match &self.usable()?.guest {
            Guest::Driver(driver) => Some(driver),
            Guest::Detector(_) | Guest::Receiver(_) => None,
        }
    }

    pub(super) fn detector(&self) -> Option<&SandboxedDetector> {
        match &self.usable()?.guest {
            Guest::Detector(detector) => Some(detector),
            Guest::Driver(_) | Guest::Receiver(_) => None,
        }
    }

    pub(super) fn receiver(&self) -> Option<&ReceiverPlugin> {
        match &self.usable()?.guest {
            Guest::Receiver(receiver) if self.is_usable() => Some(receiver),
            Guest::Driver(_) | Guest::Detector(_) | Guest::Receiver(_) => None,
        }
    }

    pub(super) fn context(&self) -> Option<&Arc<PluginContext>> {
        self.usable().map(Usable::context)
    }

    /// Why it cannot be had as this kind of plugin.
    pub(super) fn unavailable(&self, wanted: PluginKind) -> Unavailable {
        let name = self.name.clone();
        match self.kind() {
            Some(found) if found != wanted => Unavailable::OtherKind { name, found, wanted },
            _ => Unavailable::NotReady { name, reason: self.reason() },
        }
    }

    fn reason(&self) -> String {
        match self.state() {
            PluginState::Loading { .. } => "it is being loaded".into(),
            PluginState::Ready | PluginState::Active | PluginState::Degraded { .. } => {
                "it is not ready".into()
            }
            PluginState::WaitingForGrants { missing, file } => {
                format!("it waits for grants; add {} to hosts under [grants] in {file}", missing.join(", "))
            }
            PluginState::Disabled => "it is switched off by enabled = false".into(),
            PluginState::Broken { reason } => format!("{} {reason}", self.source),
            PluginState::Quarantined => "it is in quarantine".into(),
        }
    }

    fn state(&self) -> PluginState {
        let usable = match &self.outcome {
            Outcome::Broken(reason) => {
                return PluginState::Broken { reason: reason.clone() };
            }
            Outcome::Loading(stage) => return PluginState::Loading { stage: *stage },
            Outcome::Disabled(_) => return PluginState::Disabled,
            Outcome::Usable(usable) => usable,
        };
        let missing = usable.missing_grants();
        if !missing.is_empty() {
            return PluginState::WaitingForGrants { missing, file: usable.grants_file.clone() };
        }
        let context = usable.context();
        if context.blame().is_bad() {
            return PluginState::Quarantined;
        }
        let subjects = context.blame().refused();
        if !subjects.is_empty() {
            return PluginState::Degraded { subjects };
        }
        if context.usage.is_at_work() { PluginState::Active } else { PluginState::Ready }
    }

    pub(super) fn status(&self) -> PluginStatus {
        let description = self.outcome.description().cloned().unwrap_or_default();
        let context = self.context();
        PluginStatus {
            name: self.name.clone(),
            kind: self.kind(),
            version: description.version,
            summary: description.summary,
            source: self.source.clone(),
            sha256: self.fingerprint.sha256.clone(),
            size_bytes: self.fingerprint.size_bytes,
            loaded_at: self.loaded_at,
            state: self.state(),
            rejected_update: None,
            update_stage: None,
            settings: description.settings,
            provides: description.provides,
            wants_hosts: description.wants_hosts.iter().map(ToString::to_string).collect(),
            granted_hosts: self.usable().map(granted).unwrap_or_default(),
            subjects: context.map(|context| context.blame().subjects()).unwrap_or_default(),
            usage: context.map(|context| context.usage.status()).unwrap_or_default(),
            crashes: context.map(|context| context.crashes()).unwrap_or_default(),
            log: context.map(|context| context.log.lines()).unwrap_or_default(),
        }
    }

    fn usable(&self) -> Option<&Usable> {
        match &self.outcome {
            Outcome::Usable(usable) => Some(usable),
            Outcome::Loading(_) | Outcome::Broken(_) | Outcome::Disabled(_) => None,
        }
    }
}

fn granted(usable: &Usable) -> Vec<String> {
    usable.grants.allowed.origins.iter().map(ToString::to_string).collect()
}

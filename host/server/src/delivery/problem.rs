//! What keeps an integration from working, with the place where it is written down.

use std::fmt;

use bellwether_alerting::config::{Integration, ReceiverConfig};
use bellwether_model::yaml::Location;

/// What would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Other settings: as it is written it can never work.
    Settings,
    /// A plugin, a grant, a file or a certificate, which may be put right while the host runs.
    Surroundings,
}

/// Something wrong with an integration, before it is known whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Obstacle {
    /// The setting that is meant; none where it is about all of them.
    pub(super) setting: Option<String>,
    /// What is wrong, and what to do about it.
    pub(super) text: String,
    pub(super) remedy: Remedy,
}

impl Obstacle {
    /// One that other settings would remove.
    pub(super) fn in_settings(setting: Option<&str>, text: String) -> Self {
        Self { setting: setting.map(str::to_owned), text, remedy: Remedy::Settings }
    }

    /// One that something beside the configuration would remove.
    pub(super) fn around(setting: Option<&str>, text: String) -> Self {
        Self { setting: setting.map(str::to_owned), text, remedy: Remedy::Surroundings }
    }

    /// Of which receiver's integration, and where.
    pub(super) fn of(self, receiver: &ReceiverConfig, integration: &Integration) -> IntegrationProblem {
        let place = self.setting.map_or(integration.place, |setting| integration.place_of(&setting));
        let is_upstream_kind = integration.is_upstream_kind();
        let (receiver, text) = (receiver.name.clone(), self.text);
        IntegrationProblem { receiver, is_upstream_kind, place, text, remedy: self.remedy }
    }
}

/// Why messages of an integration do not get out, or not as they should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationProblem {
    /// Name of the receiver.
    pub receiver: String,
    /// Whether Alertmanager has integrations of that kind.
    pub is_upstream_kind: bool,
    /// Where the setting stands that is meant; the integration where it is about no setting.
    pub place: Location,
    /// What is wrong, and what to do about it.
    pub text: String,
    /// What would help.
    pub remedy: Remedy,
}

impl fmt::Display for IntegrationProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "receiver {:?}, line {}: {}", self.receiver, self.place.line(), self.text)
    }
}

//! The native inbox: messages are kept beside the rest of the state and shown on the page.

use std::sync::Arc;

use bellwether_model::BoxFuture;
use bellwether_model::receiver::{
    DeliveryFailure, Notification, Receipt, Receiver, ReceiverCall, ReceiverTemplate,
};
use bellwether_model::state::{DurableState, InboxMessage};
use tokio::sync::broadcast;

/// Messages that a slow listener may lag behind before it loses some.
const FEED_CAPACITY: usize = 256;

/// Keeps notifications where the page shows them.
pub struct Inbox {
    /// None where it is only looked at, by those who check settings.
    state: Option<Arc<dyn DurableState>>,
    feed: broadcast::Sender<InboxMessage>,
    templates: [ReceiverTemplate; 2],
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Inbox {
    /// An inbox in this state.
    pub fn new(state: Arc<dyn DurableState>) -> Self {
        Self { state: Some(state), ..Self::closed() }
    }

    /// An inbox that keeps nothing: for those who only look at settings.
    pub(super) fn closed() -> Self {
        Self { state: None, feed: broadcast::channel(FEED_CAPACITY).0, templates: templates() }
    }

    /// All messages from now on.
    pub fn follow(&self) -> broadcast::Receiver<InboxMessage> {
        self.feed.subscribe()
    }

    /// Keeps a message of the host's own, which nobody else has to carry.
    pub async fn tell(&self, id: String, notification: Notification) -> Result<(), DeliveryFailure> {
        let annotation = |name: &str| notification.common_annotations.value(name).to_owned();
        let (title, body) = (annotation("summary"), annotation("description"));
        let (status, receiver, at) = (notification.status, notification.receiver.clone(), notification.at);
        self.post(InboxMessage { id, at, receiver, status, title, body, notification }).await
    }

    async fn keep(&self, call: ReceiverCall) -> Result<Receipt, DeliveryFailure> {
        let rendered = |name: &str| {
            let found = call.rendered.iter().find(|(have, _)| have == name);
            found.map(|(_, text)| text.trim().to_owned()).unwrap_or_default()
        };
        let message = InboxMessage {
            id: call.idempotency_key.clone(),
            at: call.now,
            receiver: call.notification.receiver.clone(),
            status: call.notification.status,
            title: rendered("title"),
            body: rendered("text"),
            notification: call.notification,
        };
        let receipt = Receipt { id: message.id.clone(), url: None };
        self.post(message).await?;
        Ok(receipt)
    }

    async fn post(&self, message: InboxMessage) -> Result<(), DeliveryFailure> {
        let Some(state) = &self.state else {
            return Err(DeliveryFailure::Permanent("this inbox keeps nothing".to_owned()));
        };
        let (state, kept) = (Arc::clone(state), message.clone());
        let posted = tokio::task::spawn_blocking(move || state.post_to_inbox(&kept)).await;
        let posted = posted.map_err(|error| DeliveryFailure::Retryable(error.to_string()))?;
        posted.map_err(|error| DeliveryFailure::Retryable(error.to_string()))?;
        // Nobody listening is fine.
        drop(self.feed.send(message));
        Ok(())
    }
}

fn templates() -> [ReceiverTemplate; 2] {
    let template =
        |name: &str, default: &str| ReceiverTemplate { name: name.to_owned(), default: default.to_owned() };
    let title = template("title", r#"{{ template "__subject" . }}"#);
    let text = template(
        "text",
        "{{ range .Alerts }}{{ .Status }}: {{ .Annotations.summary }}\
         {{ if .Annotations.description }}\n{{ .Annotations.description }}{{ end }}\n{{ end }}",
    );
    [title, text]
}

impl Receiver for Inbox {
    fn name(&self) -> &str {
        "inbox"
    }

    fn templates(&self) -> &[ReceiverTemplate] {
        &self.templates
    }

    fn check<'a>(&'a self, _config: &'a str) -> BoxFuture<'a, Result<(), Vec<String>>> {
        Box::pin(async { Ok(()) })
    }

    fn notify(&self, call: ReceiverCall) -> BoxFuture<'_, Result<Receipt, DeliveryFailure>> {
        Box::pin(self.keep(call))
    }
}

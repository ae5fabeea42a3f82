//! A notification as Alertmanager's templates see it, with the types and methods of its `template` package.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::Labels;
use bellwether_model::labels::ALERT_NAME;
use bellwether_model::receiver::{Notification, NotificationReason, NotifiedAlert};

use super::webhook::{WebhookAlert, WebhookData};
use crate::functions::{Function, Param, function, text, text_arg};
use crate::time::Time;
use crate::time_format;
use crate::value::{Element, List, Map, STRING_LIST, Type, Value};

/// `template.Data`. The last field that prints is one that Go's reflection shows; those after it are ours.
static DATA: Type = Type {
    fields: &[
        "Receiver",
        "Status",
        "Alerts",
        "NotificationReason",
        "GroupLabels",
        "CommonLabels",
        "CommonAnnotations",
        "RouteLabels",
        "ExternalURL",
        "routeLabelsRendered",
        "GroupKey",
        "TruncatedAlerts",
    ],
    json_names: &[
        "receiver",
        "status",
        "alerts",
        "notification_reason",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "routeLabels",
        "externalURL",
    ],
    printed: 10,
    ..Type::plain("template.Data", Element::Any)
};

/// `template.Alert`; the alert's value is ours.
static ALERT: Type = Type {
    fields: &[
        "Status",
        "Labels",
        "Annotations",
        "StartsAt",
        "EndsAt",
        "GeneratorURL",
        "Fingerprint",
        "Value",
    ],
    json_names: &["status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"],
    printed: 7,
    ..Type::plain("template.Alert", Element::Any)
};

/// `template.Alerts`.
static ALERTS: Type = Type {
    methods: &[
        function("Firing", &[], |_, args| Ok(with_status(&args[0], "firing"))),
        function("Resolved", &[], |_, args| Ok(with_status(&args[0], "resolved"))),
    ],
    ..Type::plain("template.Alerts", Element::Struct)
};

/// `[]template.Alert`: what is picked out of the alerts.
static PICKED_ALERTS: Type = Type::plain("[]template.Alert", Element::Struct);

/// `template.KV`.
static KV: Type = Type {
    methods: &KV_METHODS,
    stringer: Some(|value| pairs_text(&sorted_pairs(value))),
    ..Type::plain("template.KV", Element::String)
};

static KV_METHODS: [Function; 5] = [
    function("SortedPairs", &[], |_, args| Ok(sorted_pairs(&args[0]))),
    function("Remove", &[Param::Strings], |_, args| Ok(removed(&args[0], &args[1]))),
    function("Names", &[], |_, args| Ok(column(&sorted_pairs(&args[0]), "Name"))),
    function("Values", &[], |_, args| Ok(column(&sorted_pairs(&args[0]), "Value"))),
    function("String", &[], |_, args| Ok(Value::text(pairs_text(&sorted_pairs(&args[0]))))),
];

/// `template.Pair`.
static PAIR: Type = Type {
    fields: &["Name", "Value"],
    json_names: &["Name", "Value"],
    printed: 2,
    ..Type::plain("template.Pair", Element::Any)
};

/// `template.Pairs`.
static PAIRS: Type = Type {
    methods: &[
        function("Names", &[], |_, args| Ok(column(&args[0], "Name"))),
        function("Values", &[], |_, args| Ok(column(&args[0], "Value"))),
        function("String", &[], |_, args| Ok(Value::text(pairs_text(&args[0])))),
    ],
    stringer: Some(pairs_text),
    ..Type::plain("template.Pairs", Element::Struct)
};

/// `template.Strings`.
static STRINGS: Type = Type {
    methods: &[function("Join", &[Param::String], |_, args| text::join(text_arg(args, 1), items(&args[0])))],
    ..Type::plain("template.Strings", STRING_LIST.element)
};

/// A notification as a template's data.
pub(super) fn of(notification: &Notification) -> Value {
    let alerts: Vec<Value> = notification.alerts.iter().map(alert).collect();
    let values = vec![
        Value::text(notification.receiver.as_str()),
        Value::text(notification.status.as_str()),
        Value::list(&ALERTS, alerts),
        Value::text(reason(notification.reason)),
        kv(&notification.group_labels),
        kv(&notification.common_labels),
        kv(&notification.common_annotations),
        kv(&notification.route_labels),
        Value::text(notification.external_url.as_str()),
        Value::Bool(false),
        Value::text(notification.group_key.as_str()),
        Value::int(notification.truncated_alerts.into()),
    ];
    Value::Pointer(Arc::new(Value::new_struct(&DATA, values)))
}

/// The body of a webhook as a template's data.
pub(super) fn of_webhook(data: &WebhookData) -> Value {
    let alerts: Vec<Value> = data.alerts.iter().map(webhook_alert).collect();
    let values = vec![
        Value::text(data.receiver.as_str()),
        Value::text(data.status.as_str()),
        Value::list(&ALERTS, alerts),
        Value::text(data.notification_reason.as_str()),
        kv_of_map(&data.group_labels),
        kv_of_map(&data.common_labels),
        kv_of_map(&data.common_annotations),
        kv_of_map(&data.route_labels),
        Value::text(data.external_url.as_str()),
        Value::Bool(false),
        Value::text(data.group_key.as_str()),
        Value::int(data.truncated_alerts.into()),
    ];
    Value::Pointer(Arc::new(Value::new_struct(&DATA, values)))
}

fn webhook_alert(alert: &WebhookAlert) -> Value {
    let time = |text: &str| {
        let time = time_format::parse("2006-01-02T15:04:05Z07:00", text);
        Value::Time(time.unwrap_or_else(|_| Time::zero()))
    };
    let values = vec![
        Value::text(alert.status.as_str()),
        kv_of_map(&alert.labels),
        kv_of_map(&alert.annotations),
        time(&alert.starts_at),
        time(&alert.ends_at),
        Value::text(alert.generator_url.as_str()),
        Value::text(alert.fingerprint.as_str()),
        Value::Nil,
    ];
    Value::new_struct(&ALERT, values)
}

fn kv_of_map(map: &BTreeMap<String, String>) -> Value {
    let entries = map.iter().map(|(name, value)| (name.as_str().into(), Value::text(value.as_str())));
    Value::Map(Map::new(&KV, entries.collect()))
}

fn alert(alert: &NotifiedAlert) -> Value {
    let values = vec![
        Value::text(alert.status.as_str()),
        kv(&alert.labels),
        kv(&alert.annotations),
        Value::Time(Time::from_timestamp(alert.starts_at)),
        Value::Time(alert.ends_at.map_or_else(Time::zero, Time::from_timestamp)),
        Value::text(alert.generator_url.as_str()),
        Value::text(String::from(alert.fingerprint)),
        alert.value.map_or(Value::Nil, Value::Float),
    ];
    Value::new_struct(&ALERT, values)
}

/// Alertmanager's words for why it tells.
const fn reason(reason: NotificationReason) -> &'static str {
    match reason {
        NotificationReason::First => "first notification",
        NotificationReason::NewAlerts => "new alerts added",
        NotificationReason::SomeResolved => "some alerts resolved",
        NotificationReason::AllResolved => "all alerts resolved",
        NotificationReason::Repeat => "repeat interval elapsed",
    }
}

fn kv(labels: &Labels) -> Value {
    Value::Map(Map::of_labels(&KV, labels))
}

fn items(list: &Value) -> &[Value] {
    match list {
        Value::List(list) => &list.items,
        _ => &[],
    }
}

fn field(value: &Value, name: &str) -> Value {
    match value {
        Value::Struct(fields) => fields.field(name).cloned().unwrap_or(Value::Nil),
        _ => Value::Nil,
    }
}

fn with_status(alerts: &Value, status: &str) -> Value {
    let picked = items(alerts).iter().filter(|alert| field(alert, "Status").as_str() == Some(status));
    Value::List(List::new(&PICKED_ALERTS, picked.cloned().collect::<Vec<_>>()))
}

/// Name and value of each label: the alert's name first, the others sorted.
fn sorted_pairs(kv: &Value) -> Value {
    let Value::Map(map) = kv else {
        return Value::list(&PAIRS, Vec::new());
    };
    let (first, others): (Vec<_>, Vec<_>) = map.entries.iter().partition(|(name, _)| **name == *ALERT_NAME);
    let pair = |(name, value): &(Arc<str>, Value)| {
        Value::new_struct(&PAIR, vec![Value::String(Arc::clone(name)), value.clone()])
    };
    Value::list(&PAIRS, first.into_iter().chain(others).map(pair).collect::<Vec<_>>())
}

fn column(pairs: &Value, name: &str) -> Value {
    Value::list(&STRINGS, items(pairs).iter().map(|pair| field(pair, name)).collect::<Vec<_>>())
}

fn pairs_text(pairs: &Value) -> String {
    let texts = items(pairs).iter().map(|pair| {
        let (name, value) = (field(pair, "Name"), field(pair, "Value"));
        format!("{}={}", name.as_str().unwrap_or(""), value.as_str().unwrap_or(""))
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn removed(kv: &Value, names: &Value) -> Value {
    let Value::Map(map) = kv else { return kv.clone() };
    let gone = |name: &str| items(names).iter().any(|item| item.as_str() == Some(name));
    let kept = map.entries.iter().filter(|(name, _)| !gone(name)).cloned();
    Value::Map(Map::new(map.ty, kept.collect()))
}

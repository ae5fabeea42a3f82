//! Alerts as `amtool` prints them.

use bellwether_alerting::api_v2::GettableAlert;
use bellwether_model::{Labels, Timestamp};

use super::super::output::{Format, OutputArgs, json_line};
use super::super::table::aligned;

/// Alerts in the wanted format; in tables the oldest stands first.
pub(in super::super) fn printed(
    mut alerts: Vec<GettableAlert>,
    output: &OutputArgs,
) -> anyhow::Result<String> {
    let (head, row): (_, fn(&GettableAlert, &OutputArgs) -> String) = match output.format {
        Format::Json => return json_line(&alerts),
        Format::Simple => ("Alertname\tStarts At\tSummary\tState\t\n", simple),
        Format::Extended => ("Labels\tAnnotations\tStarts At\tEnds At\tGenerator URL\tState\t\n", extended),
    };
    alerts.sort_by_key(|alert| Timestamp::parse_rfc3339(&alert.starts_at).ok());
    let rows: String = alerts.iter().map(|alert| row(alert, output)).collect();
    Ok(aligned(&(head.to_owned() + &rows)))
}

fn simple(alert: &GettableAlert, output: &OutputArgs) -> String {
    let (name, summary) = (alert.labels.value("alertname"), alert.annotations.value("summary"));
    let starts_at = output.date(&alert.starts_at);
    format!("{name}\t{starts_at}\t{summary}\t{}\t\n", alert.status.state.as_str())
}

fn extended(alert: &GettableAlert, output: &OutputArgs) -> String {
    let [labels, annotations] = [&alert.labels, &alert.annotations].map(pairs);
    let [starts_at, ends_at] = [&alert.starts_at, &alert.ends_at].map(|at| output.date(at));
    let (url, state) = (&alert.generator_url, alert.status.state.as_str());
    format!("{labels}\t{annotations}\t{starts_at}\t{ends_at}\t{url}\t{state}\t\n")
}

/// Names and values in the order of their texts, which is not always that of their names.
fn pairs(labels: &Labels) -> String {
    let mut pairs: Vec<String> =
        labels.iter().map(|label| format!("{}=\"{}\"", label.name, label.value)).collect();
    pairs.sort();
    pairs.join(" ")
}

#[cfg(test)]
mod tests {
    use bellwether_alerting::api_v2::{AlertStatusBody, ReceiverName};
    use bellwether_alerting::view::AlertState;

    use super::*;

    fn alert(name: &str, starts_at: &str) -> GettableAlert {
        GettableAlert {
            annotations: Labels::from_pairs([("summary", "hello x")]),
            ends_at: "2026-12-21T08:00:00.000Z".to_owned(),
            fingerprint: "9d371679ad31a059".to_owned(),
            receivers: vec![ReceiverName { name: "critical".to_owned() }],
            starts_at: starts_at.to_owned(),
            status: AlertStatusBody {
                inhibited_by: Vec::new(),
                muted_by: Vec::new(),
                silenced_by: Vec::new(),
                state: AlertState::Active,
            },
            updated_at: "2026-11-21T08:06:58.026Z".to_owned(),
            generator_url: String::new(),
            labels: Labels::from_pairs([("alertname", name), ("a", "1"), ("a1", "2")]),
        }
    }

    fn shown(format: Format) -> String {
        let alerts = vec![alert("T2", "2026-11-21T08:00:00.000Z"), alert("T", "2026-11-21T07:00:00.000Z")];
        printed(alerts, &OutputArgs { format, date_format: "15:04".to_owned() }).unwrap()
    }

    #[test]
    fn tables_are_amtools() {
        assert_eq!(
            shown(Format::Simple),
            "Alertname  Starts At  Summary  State   \n\
             T          07:00      hello x  active  \n\
             T2         08:00      hello x  active  \n"
        );
        assert!(
            shown(Format::Extended).ends_with(
                "\na1=\"2\" a=\"1\" alertname=\"T2\"  summary=\"hello x\"  08:00      08:00                   active  \n"
            ),
            "{}",
            shown(Format::Extended)
        );
    }

    #[test]
    fn json_is_the_apis_in_its_order() {
        let first = concat!(
            r#"[{"annotations":{"summary":"hello x"},"endsAt":"2026-12-21T08:00:00.000Z","fingerprint":"9d371679ad31a059","#,
            r#""receivers":[{"name":"critical"}],"startsAt":"2026-11-21T08:00:00.000Z","status":{"inhibitedBy":[],"#,
            r#""mutedBy":[],"silencedBy":[],"state":"active"},"updatedAt":"2026-11-21T08:06:58.026Z","#,
            r#""labels":{"a":"1","a1":"2","alertname":"T2"}},"#
        );
        assert!(shown(Format::Json).starts_with(first));
    }
}

//! Silences as `amtool` prints them.

use bellwether_alerting::api_v2::{GettableSilence, MatcherBody};
use bellwether_alerting::matchers::PrintedStored;
use bellwether_model::Timestamp;
use bellwether_model::state::StoredMatcher;

use super::super::output::{Format, OutputArgs, json_line};
use super::super::table::aligned;

/// Silences in the wanted format; in tables those that end first stand first.
pub(super) fn printed(mut silences: Vec<GettableSilence>, output: &OutputArgs) -> anyhow::Result<String> {
    let row = match output.format {
        Format::Json => return json_line(&silences),
        Format::Simple => simple,
        Format::Extended => extended,
    };
    silences.sort_by_key(|silence| Timestamp::parse_rfc3339(&silence.ends_at).ok());
    let head = match output.format {
        Format::Extended => "ID\tMatchers\tStarts At\tEnds At\tUpdated At\tCreated By\tComment\t\n",
        Format::Simple | Format::Json => "ID\tMatchers\tEnds At\tCreated By\tComment\t\n",
    };
    let rows: String = silences.iter().map(|silence| row(silence, output)).collect();
    Ok(aligned(&(head.to_owned() + &rows)))
}

fn simple(silence: &GettableSilence, output: &OutputArgs) -> String {
    let GettableSilence { id, created_by, comment, .. } = silence;
    let ends_at = output.date(&silence.ends_at);
    format!("{id}\t{}\t{ends_at}\t{created_by}\t{comment}\t\n", joined(&silence.matchers, " "))
}

fn extended(silence: &GettableSilence, output: &OutputArgs) -> String {
    let GettableSilence { id, created_by, comment, .. } = silence;
    let times = [&silence.starts_at, &silence.ends_at, &silence.updated_at].map(|at| output.date(at));
    let matchers = joined(&silence.matchers, ",");
    format!("{id}\t{{{matchers}}}\t{}\t{created_by}\t{comment}\t\n", times.join("\t"))
}

fn joined(matchers: &[MatcherBody], between: &str) -> String {
    let texts = matchers.iter().map(|body| PrintedStored(&StoredMatcher::from(body.clone())).to_string());
    texts.collect::<Vec<_>>().join(between)
}

#[cfg(test)]
pub(super) mod tests {
    use bellwether_alerting::api_v2::SilenceStatusBody;
    use bellwether_alerting::silence::SilenceState;

    use super::*;

    /// A silence with two matchers.
    pub(in super::super) fn silence() -> GettableSilence {
        let matcher = |name: &str, value: &str, is_regex| MatcherBody {
            is_equal: true,
            is_regex,
            name: name.to_owned(),
            value: value.to_owned(),
        };
        GettableSilence {
            id: "1e31".to_owned(),
            status: SilenceStatusBody { state: SilenceState::Active },
            updated_at: "2026-11-21T08:06:59.548Z".to_owned(),
            annotations: [("ticket".to_owned(), "OPS-17".to_owned())].into(),
            comment: "ma<int".to_owned(),
            created_by: "bob".to_owned(),
            ends_at: "2026-11-21T10:06:59.542Z".to_owned(),
            matchers: vec![matcher("alertname", "T1", false), matcher("instance", "a|b", true)],
            starts_at: "2026-11-21T08:06:59.548Z".to_owned(),
        }
    }

    fn output(format: Format) -> OutputArgs {
        OutputArgs { format, date_format: "15:04".to_owned() }
    }

    #[test]
    fn tables_are_amtools() {
        let later =
            GettableSilence { ends_at: "2026-11-21T10:07:00Z".to_owned(), id: "2".to_owned(), ..silence() };
        assert_eq!(
            printed(vec![later, silence()], &output(Format::Simple)).unwrap(),
            "ID    Matchers                        Ends At  Created By  Comment  \n\
             1e31  alertname=\"T1\" instance=~\"a|b\"  10:06    bob         ma<int   \n\
             2     alertname=\"T1\" instance=~\"a|b\"  10:07    bob         ma<int   \n"
        );
        assert_eq!(
            printed(vec![silence()], &output(Format::Extended)).unwrap(),
            "ID    Matchers                          Starts At  Ends At  Updated At  Created By  Comment  \n\
             1e31  {alertname=\"T1\",instance=~\"a|b\"}  08:06      10:06    08:06       bob         ma<int   \n"
        );
    }

    #[test]
    fn json_is_the_apis_in_one_line() {
        assert_eq!(
            printed(vec![silence()], &output(Format::Json)).unwrap(),
            concat!(
                r#"[{"id":"1e31","status":{"state":"active"},"updatedAt":"2026-11-21T08:06:59.548Z","#,
                r#""annotations":{"ticket":"OPS-17"},"comment":"ma\u003cint","#,
                r#""createdBy":"bob","endsAt":"2026-11-21T10:06:59.542Z","matchers":[{"isEqual":true,"isRegex":false,"#,
                r#""name":"alertname","value":"T1"},{"isEqual":true,"isRegex":true,"name":"instance","value":"a|b"}],"#,
                r#""startsAt":"2026-11-21T08:06:59.548Z"}]"#,
                "\n"
            )
        );
    }
}

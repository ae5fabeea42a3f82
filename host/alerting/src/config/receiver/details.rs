//! What the tables of integrations cannot say: rules of one kind alone.

use bellwether_model::yaml::{Location, YamlError};
use serde_json::{Map, Value as Json};

use super::super::http::has_authorization;
use super::super::node::Source;
use super::is_set;

/// The address that wants a bot token instead of being secret itself.
const SLACK_POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";

/// Refuses what cannot work for this kind.
pub(super) fn check(
    source: Source<'_>,
    place: &Location,
    kind: &str,
    settings: &Map<String, Json>,
) -> Result<(), YamlError> {
    match kind {
        "email" => check_mail(source, place, settings),
        "webex" if !has_authorization(settings) => {
            let error = source.error(place, "missing webex_configs.http_config.authorization");
            Err(error.with_hint("give the bot's token there"))
        }
        "opsgenie" => check_responders(source, place, settings),
        "sns" => check_sigv4(source, place, settings),
        _ => Ok(()),
    }
}

fn check_mail(source: Source<'_>, place: &Location, settings: &Map<String, Json>) -> Result<(), YamlError> {
    check_headers(source, place, settings)?;
    let Some(Json::Object(threading)) =
        settings.get("threading").filter(|threading| threading.get("enabled") == Some(&Json::Bool(true)))
    else {
        return Ok(());
    };
    let headers = settings.get("headers").and_then(Json::as_object);
    let is_there =
        |own: &&str| headers.is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case(own)));
    if let Some(own) = ["References", "In-Reply-To"].into_iter().find(is_there) {
        let message =
            format!("conflicting configuration: threading.enabled conflicts with custom {own} header");
        return Err(source.error(place, message).with_hint("remove the header, or `threading`"));
    }
    match threading.get("thread_by_date").and_then(Json::as_str) {
        Some("none" | "daily") => Ok(()),
        _ => {
            let message = "threading.thread_by_date must be either 'none' or 'daily'";
            Err(source.error(place, message).with_hint("add `thread_by_date: daily` to `threading`"))
        }
    }
}

fn check_headers(
    source: Source<'_>,
    place: &Location,
    settings: &Map<String, Json>,
) -> Result<(), YamlError> {
    let Some(Json::Object(headers)) = settings.get("headers") else {
        return Ok(());
    };
    let mut seen = std::collections::HashSet::new();
    for name in headers.keys() {
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(source.error(place, format!("duplicate header {name:?} in email config")));
        }
    }
    Ok(())
}

fn check_responders(
    source: Source<'_>,
    place: &Location,
    settings: &Map<String, Json>,
) -> Result<(), YamlError> {
    let responders = settings.get("responders").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    for responder in responders.iter().filter_map(Json::as_object) {
        if !["id", "name", "username"].iter().any(|key| is_set(responder, key)) {
            let error = source
                .error(place, "opsgenie_config responder must have at least one of id, username or name");
            return Err(error.with_hint("name the responder"));
        }
        let kind = responder.get("type").and_then(Json::as_str).unwrap_or("").to_ascii_lowercase();
        let is_template = kind.contains("{{");
        if !is_template && !["team", "teams", "user", "escalation", "schedule"].contains(&kind.as_str()) {
            let error = source.error(place, format!("opsgenie_config responder type {kind:?} is unknown"));
            return Err(error.with_hint("use team, teams, user, escalation or schedule"));
        }
    }
    Ok(())
}

fn check_sigv4(source: Source<'_>, place: &Location, settings: &Map<String, Json>) -> Result<(), YamlError> {
    let Some(Json::Object(sigv4)) = settings.get("sigv4") else {
        return Ok(());
    };
    if is_set(sigv4, "access_key") == is_set(sigv4, "secret_key") {
        return Ok(());
    }
    let message =
        "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SNS config";
    Err(source.error(place, message).with_hint("give both keys, or neither"))
}

/// The global address or the global token, whichever the file gives; a token of the integration itself goes first.
pub(super) fn slack_address(
    source: Source<'_>,
    place: &Location,
    global: &Map<String, Json>,
    settings: &mut Map<String, Json>,
) -> Result<(), YamlError> {
    let copy = |own: &str, from: &str, settings: &mut Map<String, Json>| {
        if let Some(value) = global.get(from) {
            settings.insert(own.to_owned(), value.clone());
        }
    };
    if !is_set(settings, "app_url") {
        copy("app_url", "slack_app_url", settings);
    }
    let address = |s: &Map<String, Json>| is_set(s, "api_url") || is_set(s, "api_url_file");
    let token = |s: &Map<String, Json>| is_set(s, "app_token") || is_set(s, "app_token_file");
    let has_credentials = has_authorization(settings);
    if !address(settings) && !token(settings) {
        if has_credentials || !(is_set(global, "slack_app_token") || is_set(global, "slack_app_token_file")) {
            copy("api_url", "slack_api_url", settings);
            copy("api_url_file", "slack_api_url_file", settings);
        } else {
            copy("app_token", "slack_app_token", settings);
            copy("app_token_file", "slack_app_token_file", settings);
        }
    }
    if !address(settings) && !token(settings) {
        let error = source.error(place, "no Slack API URL nor App token set either inline or in a file");
        return Err(error.with_hint("set `api_url` here or `slack_api_url` in `global:`"));
    }
    let posts =
        !address(settings) || settings.get("api_url").and_then(Json::as_str) == Some(SLACK_POST_MESSAGE);
    if is_set(settings, "update_message") && !posts {
        let message = format!(
            "update_message can only be used with bot tokens. api_url must be set to {SLACK_POST_MESSAGE}"
        );
        return Err(source.error(place, message).with_hint("remove `update_message`, or use a bot token"));
    }
    Ok(())
}

/// Global settings of Slack that exclude each other.
pub(in super::super) fn check_global_slack(
    source: Source<'_>,
    place: &Location,
    global: &Map<String, Json>,
) -> Result<(), YamlError> {
    let token = is_set(global, "slack_app_token") || is_set(global, "slack_app_token_file");
    let url = global.get("slack_api_url").and_then(Json::as_str).is_some_and(|url| url != SLACK_POST_MESSAGE);
    if token && (url || is_set(global, "slack_api_url_file")) {
        let message = "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file \
                       must be configured";
        return Err(source.error(place, message).with_hint("remove one of them from `global:`"));
    }
    Ok(())
}

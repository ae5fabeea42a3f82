//! The tables of settings: of `global:`, of each integration, and of the parts that they share.

use super::super::http;
use super::super::schema::Kind;
use super::super::schema::Kind::{
    Any, AnyMap, Bool, Checked, Float, GoDuration, Headers, HostPort, Int, Object, Objects, PromDuration,
    ProxyUrl, Secret, SecretMap, SecretTemplateUrl, SecretUrl, Text, TextList, TextMap, TextOrObject, Url,
};
use super::super::schema::{Field, field};

pub(super) const TLS: &[Field] = &[
    field("ca", Text),
    field("ca_file", Text),
    field("ca_ref", Text),
    field("cert", Text),
    field("cert_file", Text),
    field("cert_ref", Text),
    field("key", Secret),
    field("key_file", Text),
    field("key_ref", Text),
    field("server_name", Text),
    field("insecure_skip_verify", Bool),
    field("min_version", Text),
    field("max_version", Text),
];

const TLS_CONFIG: Kind = Checked(TLS, http::check_tls);

pub(super) const BASIC_AUTH: &[Field] = &[
    field("username", Text),
    field("username_file", Text),
    field("username_ref", Text),
    field("password", Secret),
    field("password_file", Text),
    field("password_ref", Text),
];

pub(super) const AUTHORIZATION: &[Field] = &[
    field("type", Text),
    field("credentials", Secret),
    field("credentials_file", Text),
    field("credentials_ref", Text),
];

pub(super) const OAUTH2: &[Field] = &[
    field("client_id", Text),
    field("client_secret", Secret),
    field("client_secret_file", Text),
    field("client_secret_ref", Text),
    field("client_certificate_key_id", Text),
    field("client_certificate_key", Secret),
    field("client_certificate_key_file", Text),
    field("client_certificate_key_ref", Text),
    field("grant_type", Text),
    field("signature_algorithm", Text),
    field("iss", Text),
    field("audience", Text),
    field("claims", AnyMap),
    field("scopes", TextList),
    field("token_url", Text),
    field("endpoint_params", TextMap),
    field("tls_config", TLS_CONFIG),
    field("proxy_url", ProxyUrl),
    field("no_proxy", Text),
    field("proxy_from_environment", Bool),
    field("proxy_connect_header", Headers(http::check_proxy_headers)),
];

pub(super) const HTTP: &[Field] = &[
    field("basic_auth", Checked(BASIC_AUTH, http::check_basic_auth)),
    field("authorization", Checked(AUTHORIZATION, http::check_authorization)),
    field("oauth2", Checked(OAUTH2, http::check_oauth2)),
    field("bearer_token", Secret),
    field("bearer_token_file", Text),
    field("tls_config", TLS_CONFIG),
    field("follow_redirects", Bool),
    field("enable_http2", Bool),
    field("proxy_url", ProxyUrl),
    field("no_proxy", Text),
    field("proxy_from_environment", Bool),
    field("proxy_connect_header", Headers(http::check_proxy_headers)),
    field("http_headers", Headers(http::check_headers)),
];

/// What each integration has that sends over HTTP, those of plugins among them.
pub(crate) const HTTP_CONFIG: Field = field("http_config", Checked(HTTP, http::check_http));

/// Settings of `global:` but `resolve_timeout`.
pub(crate) const GLOBAL: &[Field] = &[
    HTTP_CONFIG,
    field("jira_api_url", Url),
    field("smtp_from", Text),
    field("smtp_hello", Text),
    field("smtp_smarthost", HostPort),
    field("smtp_auth_username", Text),
    field("smtp_auth_password", Secret),
    field("smtp_auth_password_file", Text),
    field("smtp_auth_secret", Secret),
    field("smtp_auth_secret_file", Text),
    field("smtp_auth_identity", Text),
    field("smtp_require_tls", Bool),
    field("smtp_tls_config", TLS_CONFIG),
    field("smtp_force_implicit_tls", Bool),
    field("slack_api_url", SecretUrl),
    field("slack_api_url_file", Text),
    field("slack_app_token", Secret),
    field("slack_app_token_file", Text),
    field("slack_app_url", Url),
    field("pagerduty_url", Url),
    field("opsgenie_api_url", Url),
    field("opsgenie_api_key", Secret),
    field("opsgenie_api_key_file", Text),
    field("wechat_api_url", Url),
    field("wechat_api_secret", Secret),
    field("wechat_api_secret_file", Text),
    field("wechat_api_corp_id", Text),
    field("victorops_api_url", Url),
    field("victorops_api_key", Secret),
    field("victorops_api_key_file", Text),
    field("telegram_api_url", Url),
    field("telegram_bot_token", Secret),
    field("telegram_bot_token_file", Text),
    field("webex_api_url", Url),
    field("rocketchat_api_url", Url),
    field("rocketchat_token", Secret),
    field("rocketchat_token_file", Text),
    field("rocketchat_token_id", Secret),
    field("rocketchat_token_id_file", Text),
    field("mattermost_webhook_url", SecretUrl),
    field("mattermost_webhook_url_file", Text),
];

/// Settings of `tracing:`.
pub(crate) const TRACING: &[Field] = &[
    field("client_type", Text),
    field("endpoint", Text),
    field("sampling_fraction", Float),
    field("insecure", Bool),
    field("tls_config", TLS_CONFIG),
    field("headers", SecretMap),
    field("compression", Text),
    field("timeout", PromDuration),
];

/// Settings of `event_recorder:`; its outputs are taken as they are, nothing here uses them.
pub(crate) const EVENT_RECORDER: &[Field] = &[
    field("file_outputs", Any),
    field("webhook_outputs", Any),
    field("kafka_outputs", Any),
    field("stdout_outputs", Any),
];

pub(super) const EMAIL: &[Field] = &[
    field("to", Text),
    field("from", Text),
    field("hello", Text),
    field("smarthost", HostPort),
    field("auth_username", Text),
    field("auth_password", Secret),
    field("auth_password_file", Text),
    field("auth_secret", Secret),
    field("auth_secret_file", Text),
    field("auth_identity", Text),
    field("headers", TextMap),
    field("html", Text),
    field("text", Text),
    field("require_tls", Bool),
    field("tls_config", TLS_CONFIG),
    field("force_implicit_tls", Bool),
    field("threading", Object(&[field("enabled", Bool), field("thread_by_date", Text)])),
];

pub(super) const SLACK_FIELD: &[Field] = &[field("title", Text), field("value", Text), field("short", Bool)];
pub(super) const SLACK_CONFIRM: &[Field] =
    &[field("title", Text), field("text", Text), field("ok_text", Text), field("dismiss_text", Text)];
pub(super) const SLACK_ACTION: &[Field] = &[
    field("type", Text),
    field("text", Text),
    field("url", Text),
    field("style", Text),
    field("name", Text),
    field("value", Text),
    field("confirm", Object(SLACK_CONFIRM)),
];

pub(super) const SLACK: &[Field] = &[
    HTTP_CONFIG,
    field("api_url", SecretUrl),
    field("api_url_file", Text),
    field("app_token", Secret),
    field("app_token_file", Text),
    field("app_url", Url),
    field("channel", Text),
    field("username", Text),
    field("color", Text),
    field("title", Text),
    field("title_link", Text),
    field("pretext", Text),
    field("text", Text),
    field("message_text", Text),
    field("fields", Objects(SLACK_FIELD)),
    field("short_fields", Bool),
    field("footer", Text),
    field("fallback", Text),
    field("callback_id", Text),
    field("icon_emoji", Text),
    field("icon_url", Text),
    field("image_url", Text),
    field("thumb_url", Text),
    field("link_names", Bool),
    field("mrkdwn_in", TextList),
    field("actions", Objects(SLACK_ACTION)),
    field("update_message", Bool),
    field("timeout", GoDuration),
];

pub(super) const WEBHOOK: &[Field] = &[
    HTTP_CONFIG,
    field("url", SecretTemplateUrl),
    field("url_file", Text),
    field("max_alerts", Int),
    field("timeout", GoDuration),
    field("payload", Any),
];

pub(super) const PAGERDUTY: &[Field] = &[
    HTTP_CONFIG,
    field("service_key", Secret),
    field("service_key_file", Text),
    field("routing_key", Secret),
    field("routing_key_file", Text),
    field("url", Url),
    field("client", Text),
    field("client_url", Text),
    field("description", Text),
    field("details", AnyMap),
    field("images", Objects(&[field("src", Text), field("alt", Text), field("href", Text)])),
    field("links", Objects(&[field("href", Text), field("text", Text)])),
    field("source", Text),
    field("severity", Text),
    field("class", Text),
    field("component", Text),
    field("group", Text),
    field("timeout", GoDuration),
];

pub(super) const OPSGENIE: &[Field] = &[
    HTTP_CONFIG,
    field("api_key", Secret),
    field("api_key_file", Text),
    field("api_url", Url),
    field("message", Text),
    field("description", Text),
    field("source", Text),
    field("details", TextMap),
    field("entity", Text),
    field(
        "responders",
        Objects(&[field("id", Text), field("name", Text), field("username", Text), field("type", Text)]),
    ),
    field("actions", Text),
    field("tags", Text),
    field("note", Text),
    field("priority", Text),
    field("update_alerts", Bool),
];

pub(super) const VICTOROPS: &[Field] = &[
    HTTP_CONFIG,
    field("api_key", Secret),
    field("api_key_file", Text),
    field("api_url", Url),
    field("routing_key", Text),
    field("message_type", Text),
    field("state_message", Text),
    field("entity_display_name", Text),
    field("monitoring_tool", Text),
    field("custom_fields", TextMap),
];

pub(super) const PUSHOVER: &[Field] = &[
    HTTP_CONFIG,
    field("user_key", Secret),
    field("user_key_file", Text),
    field("token", Secret),
    field("token_file", Text),
    field("title", Text),
    field("message", Text),
    field("url", Text),
    field("url_title", Text),
    field("device", Text),
    field("sound", Text),
    field("priority", Text),
    field("retry", GoDuration),
    field("expire", GoDuration),
    field("ttl", GoDuration),
    field("html", Bool),
    field("monospace", Bool),
];

pub(super) const WECHAT: &[Field] = &[
    HTTP_CONFIG,
    field("api_secret", Secret),
    field("api_secret_file", Text),
    field("corp_id", Text),
    field("message", Text),
    field("api_url", Url),
    field("to_user", Text),
    field("to_party", Text),
    field("to_tag", Text),
    field("agent_id", Text),
    field("message_type", Text),
];

pub(super) const SIGV4: &[Field] = &[
    field("region", Text),
    field("access_key", Text),
    field("secret_key", Secret),
    field("profile", Text),
    field("role_arn", Text),
    field("external_id", Text),
    field("use_fips_sts_endpoint", Bool),
    field("service_name", Text),
];

pub(super) const SNS: &[Field] = &[
    HTTP_CONFIG,
    field("api_url", Text),
    field("sigv4", Object(SIGV4)),
    field("topic_arn", Text),
    field("phone_number", Text),
    field("target_arn", Text),
    field("subject", Text),
    field("message", Text),
    field("attributes", TextMap),
    field("use_aws_http_client", Bool),
];

pub(super) const TELEGRAM: &[Field] = &[
    HTTP_CONFIG,
    field("api_url", Url),
    field("bot_token", Secret),
    field("bot_token_file", Text),
    field("chat_id", Int),
    field("chat_id_file", Text),
    field("message_thread_id", Int),
    field("message", Text),
    field("disable_notifications", Bool),
    field("parse_mode", Text),
];

pub(super) const DISCORD: &[Field] = &[
    HTTP_CONFIG,
    field("webhook_url", SecretUrl),
    field("webhook_url_file", Text),
    field("content", Text),
    field("title", Text),
    field("message", Text),
    field("username", Text),
    field("avatar_url", Text),
];

pub(super) const WEBEX: &[Field] =
    &[HTTP_CONFIG, field("api_url", Url), field("message", Text), field("room_id", Text)];

pub(super) const MSTEAMS: &[Field] = &[
    HTTP_CONFIG,
    field("webhook_url", SecretUrl),
    field("webhook_url_file", Text),
    field("title", Text),
    field("summary", Text),
    field("text", Text),
];

pub(super) const MSTEAMSV2: &[Field] = &[
    HTTP_CONFIG,
    field("webhook_url", SecretUrl),
    field("webhook_url_file", Text),
    field("title", Text),
    field("text", Text),
];

pub(super) const JIRA_TEXT: &[Field] = &[field("template", Text), field("enable_update", Bool)];

pub(super) const JIRA: &[Field] = &[
    HTTP_CONFIG,
    field("api_url", Url),
    field("api_type", Text),
    field("project", Text),
    field("summary", TextOrObject(JIRA_TEXT)),
    field("description", TextOrObject(JIRA_TEXT)),
    field("labels", TextList),
    field("priority", Text),
    field("issue_type", Text),
    field("reopen_transition", Text),
    field("resolve_transition", Text),
    field("wont_fix_resolution", Text),
    field("reopen_duration", PromDuration),
    field("fields", AnyMap),
];

pub(super) const ROCKETCHAT_ACTION: &[Field] = &[
    field("type", Text),
    field("text", Text),
    field("url", Text),
    field("image_url", Text),
    field("is_webview", Bool),
    field("webview_height_ratio", Text),
    field("msg", Text),
    field("msg_in_chat_window", Bool),
    field("msg_processing_type", Text),
];

pub(super) const ROCKETCHAT: &[Field] = &[
    HTTP_CONFIG,
    field("api_url", Url),
    field("token_id", Secret),
    field("token_id_file", Text),
    field("token", Secret),
    field("token_file", Text),
    field("channel", Text),
    field("color", Text),
    field("title", Text),
    field("title_link", Text),
    field("text", Text),
    field("fields", Objects(SLACK_FIELD)),
    field("short_fields", Bool),
    field("emoji", Text),
    field("icon_url", Text),
    field("image_url", Text),
    field("thumb_url", Text),
    field("link_names", Bool),
    field("actions", Objects(ROCKETCHAT_ACTION)),
];

pub(super) const MATTERMOST_ATTACHMENT: &[Field] = &[
    field("fallback", Text),
    field("color", Text),
    field("pretext", Text),
    field("text", Text),
    field("author_name", Text),
    field("author_link", Text),
    field("author_icon", Text),
    field("title", Text),
    field("title_link", Text),
    field("fields", Objects(SLACK_FIELD)),
    field("thumb_url", Text),
    field("footer", Text),
    field("footer_icon", Text),
    field("image_url", Text),
];

pub(super) const MATTERMOST_PRIORITY: &[Field] =
    &[field("priority", Text), field("requested_ack", Bool), field("persistent_notifications", Bool)];

pub(super) const MATTERMOST: &[Field] = &[
    HTTP_CONFIG,
    field("webhook_url", SecretUrl),
    field("webhook_url_file", Text),
    field("channel", Text),
    field("username", Text),
    field("text", Text),
    field("fallback", Text),
    field("color", Text),
    field("pretext", Text),
    field("author_name", Text),
    field("author_link", Text),
    field("author_icon", Text),
    field("title", Text),
    field("title_link", Text),
    field("fields", Objects(SLACK_FIELD)),
    field("thumb_url", Text),
    field("footer", Text),
    field("footer_icon", Text),
    field("image_url", Text),
    field("icon_url", Text),
    field("icon_emoji", Text),
    field("attachments", Objects(MATTERMOST_ATTACHMENT)),
    field("type", Text),
    field("props", Object(&[field("card", Text)])),
    field("priority", Object(MATTERMOST_PRIORITY)),
];

pub(super) const INCIDENTIO: &[Field] = &[
    HTTP_CONFIG,
    field("url", Url),
    field("url_file", Text),
    field("alert_source_token", Secret),
    field("alert_source_token_file", Text),
    field("max_alerts", Int),
    field("timeout", GoDuration),
];

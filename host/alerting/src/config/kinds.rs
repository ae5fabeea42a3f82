//! Alertmanager's own integrations: their settings, what they take over from `global:`, and what they cannot do without.

mod settings;

use self::Rule::{AnyOf, AtMostOne, Word};
use self::settings::{
    DISCORD, EMAIL, INCIDENTIO, JIRA, MATTERMOST, MSTEAMS, MSTEAMSV2, OPSGENIE, PAGERDUTY, PUSHOVER,
    ROCKETCHAT, SLACK, SNS, TELEGRAM, VICTOROPS, WEBEX, WEBHOOK, WECHAT,
};
pub(crate) use self::settings::{EVENT_RECORDER, GLOBAL, HTTP_CONFIG, TRACING};
use super::schema::Field;

/// One of Alertmanager's integrations.
#[derive(Debug)]
pub(crate) struct KindSpec {
    /// `slack` stands for `slack_configs`.
    pub(crate) name: &'static str,
    /// Whether it tells about the end of alerts where the file does not say.
    pub(crate) send_resolved: bool,
    /// Its settings, without `send_resolved`.
    pub(crate) fields: &'static [Field],
    /// Groups of settings that come from global, together, when none of them is given.
    pub(crate) from_global: &'static [&'static [(&'static str, &'static str)]],
    /// What must hold for the settings, globals filled in.
    pub(crate) rules: &'static [Rule],
}

/// Something that must hold for a set of settings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    /// Not both.
    AtMostOne(&'static str, &'static str),
    /// One at least; the text says what is missing.
    AnyOf(&'static [&'static str], &'static str),
    /// The setting is one of these words.
    Word(&'static str, &'static [&'static str]),
}

/// Values of `global:` where the file gives none, as Alertmanager 0.34.
pub(crate) const GLOBAL_DEFAULTS: &[(&str, &str)] = &[
    ("smtp_hello", "localhost"),
    ("slack_app_url", "https://slack.com/api/chat.postMessage"),
    ("pagerduty_url", "https://events.pagerduty.com/v2/enqueue"),
    ("opsgenie_api_url", "https://api.opsgenie.com/"),
    ("wechat_api_url", "https://qyapi.weixin.qq.com/cgi-bin/"),
    ("victorops_api_url", "https://alert.victorops.com/integrations/generic/20131114/alert/"),
    ("telegram_api_url", "https://api.telegram.org"),
    ("webex_api_url", "https://webexapis.com/v1/messages"),
    ("rocketchat_api_url", "https://open.rocket.chat/"),
];

/// What must hold for `global:`.
pub(crate) const GLOBAL_RULES: &[Rule] = &[
    AtMostOne("smtp_auth_password", "smtp_auth_password_file"),
    AtMostOne("smtp_auth_secret", "smtp_auth_secret_file"),
    AtMostOne("slack_api_url", "slack_api_url_file"),
    AtMostOne("slack_app_token", "slack_app_token_file"),
    AtMostOne("opsgenie_api_key", "opsgenie_api_key_file"),
    AtMostOne("wechat_api_secret", "wechat_api_secret_file"),
    AtMostOne("victorops_api_key", "victorops_api_key_file"),
    AtMostOne("telegram_bot_token", "telegram_bot_token_file"),
    AtMostOne("rocketchat_token", "rocketchat_token_file"),
    AtMostOne("rocketchat_token_id", "rocketchat_token_id_file"),
    AtMostOne("mattermost_webhook_url", "mattermost_webhook_url_file"),
];

const WEBHOOK_URL: &[&str] = &["webhook_url", "webhook_url_file"];

/// All of them.
pub(crate) const KINDS: &[KindSpec] = &[
    KindSpec {
        name: "webhook",
        send_resolved: true,
        fields: WEBHOOK,
        from_global: &[],
        rules: &[
            AtMostOne("url", "url_file"),
            AnyOf(&["url", "url_file"], "one of url or url_file must be configured"),
        ],
    },
    KindSpec {
        name: "email",
        send_resolved: false,
        fields: EMAIL,
        from_global: &[
            &[("from", "smtp_from")],
            &[("hello", "smtp_hello")],
            &[("smarthost", "smtp_smarthost")],
            &[("auth_username", "smtp_auth_username")],
            &[("auth_password", "smtp_auth_password"), ("auth_password_file", "smtp_auth_password_file")],
            &[("auth_secret", "smtp_auth_secret"), ("auth_secret_file", "smtp_auth_secret_file")],
            &[("auth_identity", "smtp_auth_identity")],
            &[("require_tls", "smtp_require_tls")],
            &[("tls_config", "smtp_tls_config")],
            &[("force_implicit_tls", "smtp_force_implicit_tls")],
        ],
        rules: &[
            AnyOf(&["to"], "missing to address in email config"),
            AnyOf(&["smarthost"], "no global SMTP smarthost set"),
            AnyOf(&["from"], "no global SMTP from set"),
            AtMostOne("auth_password", "auth_password_file"),
            AtMostOne("auth_secret", "auth_secret_file"),
        ],
    },
    KindSpec {
        name: "slack",
        send_resolved: false,
        fields: SLACK,
        // Which global address goes with which token is decided in `receiver`.
        from_global: &[],
        rules: &[AtMostOne("api_url", "api_url_file"), AtMostOne("app_token", "app_token_file")],
    },
    KindSpec {
        name: "pagerduty",
        send_resolved: true,
        fields: PAGERDUTY,
        from_global: &[&[("url", "pagerduty_url")]],
        rules: &[
            AtMostOne("service_key", "service_key_file"),
            AtMostOne("routing_key", "routing_key_file"),
            AnyOf(
                &["service_key", "service_key_file", "routing_key", "routing_key_file"],
                "missing service or routing key in PagerDuty config",
            ),
        ],
    },
    KindSpec {
        name: "opsgenie",
        send_resolved: true,
        fields: OPSGENIE,
        from_global: &[
            &[("api_url", "opsgenie_api_url")],
            &[("api_key", "opsgenie_api_key"), ("api_key_file", "opsgenie_api_key_file")],
        ],
        rules: &[
            AtMostOne("api_key", "api_key_file"),
            AnyOf(&["api_key", "api_key_file"], "no global OpsGenie API Key set either inline or in a file"),
        ],
    },
    KindSpec {
        name: "victorops",
        send_resolved: true,
        fields: VICTOROPS,
        from_global: &[
            &[("api_url", "victorops_api_url")],
            &[("api_key", "victorops_api_key"), ("api_key_file", "victorops_api_key_file")],
        ],
        rules: &[
            AnyOf(&["routing_key"], "missing Routing key in VictorOps config"),
            AtMostOne("api_key", "api_key_file"),
            AnyOf(&["api_key", "api_key_file"], "no global VictorOps API Key set"),
        ],
    },
    KindSpec {
        name: "pushover",
        send_resolved: true,
        fields: PUSHOVER,
        from_global: &[],
        rules: &[
            AtMostOne("user_key", "user_key_file"),
            AnyOf(&["user_key", "user_key_file"], "one of user_key or user_key_file must be configured"),
            AtMostOne("token", "token_file"),
            AnyOf(&["token", "token_file"], "one of token or token_file must be configured"),
            AtMostOne("html", "monospace"),
        ],
    },
    KindSpec {
        name: "wechat",
        send_resolved: false,
        fields: WECHAT,
        from_global: &[
            &[("api_url", "wechat_api_url")],
            &[("api_secret", "wechat_api_secret"), ("api_secret_file", "wechat_api_secret_file")],
            &[("corp_id", "wechat_api_corp_id")],
        ],
        rules: &[
            AtMostOne("api_secret", "api_secret_file"),
            AnyOf(
                &["api_secret", "api_secret_file"],
                "no global Wechat Api Secret set either inline or in a file",
            ),
            AnyOf(&["corp_id"], "no global Wechat CorpID set"),
            Word("message_type", &["text", "markdown"]),
        ],
    },
    KindSpec {
        name: "sns",
        send_resolved: true,
        fields: SNS,
        from_global: &[],
        rules: &[AnyOf(
            &["topic_arn", "target_arn", "phone_number"],
            "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config",
        )],
    },
    KindSpec {
        name: "telegram",
        send_resolved: true,
        fields: TELEGRAM,
        from_global: &[
            &[("api_url", "telegram_api_url")],
            &[("bot_token", "telegram_bot_token"), ("bot_token_file", "telegram_bot_token_file")],
        ],
        rules: &[
            AtMostOne("bot_token", "bot_token_file"),
            AnyOf(&["bot_token", "bot_token_file"], "missing bot_token or bot_token_file on telegram_config"),
            AtMostOne("chat_id", "chat_id_file"),
            AnyOf(&["chat_id", "chat_id_file"], "missing chat_id or chat_id_file on telegram_config"),
            Word("parse_mode", &["Markdown", "MarkdownV2", "HTML"]),
        ],
    },
    KindSpec {
        name: "discord",
        send_resolved: true,
        fields: DISCORD,
        from_global: &[],
        rules: &[
            AtMostOne("webhook_url", "webhook_url_file"),
            AnyOf(WEBHOOK_URL, "one of webhook_url or webhook_url_file must be configured"),
        ],
    },
    KindSpec {
        name: "webex",
        send_resolved: true,
        fields: WEBEX,
        from_global: &[&[("api_url", "webex_api_url")]],
        rules: &[AnyOf(&["room_id"], "missing room_id on webex_config")],
    },
    KindSpec {
        name: "msteams",
        send_resolved: true,
        fields: MSTEAMS,
        from_global: &[],
        rules: &[
            AtMostOne("webhook_url", "webhook_url_file"),
            AnyOf(WEBHOOK_URL, "one of webhook_url or webhook_url_file must be configured"),
        ],
    },
    KindSpec {
        name: "msteamsv2",
        send_resolved: true,
        fields: MSTEAMSV2,
        from_global: &[],
        rules: &[
            AtMostOne("webhook_url", "webhook_url_file"),
            AnyOf(WEBHOOK_URL, "one of webhook_url or webhook_url_file must be configured"),
        ],
    },
    KindSpec {
        name: "jira",
        send_resolved: true,
        fields: JIRA,
        from_global: &[&[("api_url", "jira_api_url")]],
        rules: &[
            AnyOf(&["project"], "missing project in jira_config"),
            AnyOf(&["issue_type"], "missing issue_type in jira_config"),
            AnyOf(&["api_url"], "no global Jira Cloud URL set"),
            Word("api_type", &["auto", "cloud", "datacenter"]),
        ],
    },
    KindSpec {
        name: "rocketchat",
        send_resolved: false,
        fields: ROCKETCHAT,
        from_global: &[
            &[("api_url", "rocketchat_api_url")],
            &[("token", "rocketchat_token"), ("token_file", "rocketchat_token_file")],
            &[("token_id", "rocketchat_token_id"), ("token_id_file", "rocketchat_token_id_file")],
        ],
        rules: &[
            AtMostOne("token", "token_file"),
            AtMostOne("token_id", "token_id_file"),
            AnyOf(
                &["token_id", "token_id_file"],
                "no global Rocketchat TokenID set either inline or in a file",
            ),
            AnyOf(&["token", "token_file"], "no global Rocketchat Token set either inline or in a file"),
        ],
    },
    KindSpec {
        name: "mattermost",
        send_resolved: true,
        fields: MATTERMOST,
        from_global: &[&[
            ("webhook_url", "mattermost_webhook_url"),
            ("webhook_url_file", "mattermost_webhook_url_file"),
        ]],
        rules: &[
            AtMostOne("webhook_url", "webhook_url_file"),
            AnyOf(WEBHOOK_URL, "missing webhook_url or webhook_url_file on mattermost_config"),
        ],
    },
    KindSpec {
        name: "incidentio",
        send_resolved: true,
        fields: INCIDENTIO,
        from_global: &[],
        rules: &[
            AtMostOne("url", "url_file"),
            AnyOf(&["url", "url_file"], "one of url or url_file must be configured"),
            AtMostOne("alert_source_token", "alert_source_token_file"),
        ],
    },
];

/// The kinds of integrations that Alertmanager has, plugins for them or not.
pub fn upstream_kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// The integration of that name; none for one that a plugin brings.
pub(crate) fn find(name: &str) -> Option<&'static KindSpec> {
    KINDS.iter().find(|kind| kind.name == name)
}

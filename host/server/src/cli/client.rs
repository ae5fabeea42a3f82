//! A client of Alertmanager's API v2, for the commands that ask a running server: ours or Alertmanager itself.

mod http_config;
mod refusal;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use bellwether_alerting::api_v2::{
    GettableAlert, GettableSilence, PostableAlert, PostableSilence, SilenceIdBody,
};
use clap::Args;
use reqwest::{RequestBuilder, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::words;
use crate::api::params::form_encode;

use refusal::{
    ACKNOWLEDGE, DELETE_SILENCE, GET_ALERTS, GET_HISTORY, GET_SILENCE, GET_SILENCES, GET_STATUS, GIVE_BACK,
    POST_ALERTS, POST_SILENCES,
};
pub(crate) use refusal::{Operation, Refusal};

/// Where a server listens that was started without more flags.
const DEFAULT_URL: &str = "http://127.0.0.1:9093";

/// Which server to ask; the flags are `amtool`'s.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct ServerArgs {
    /// Address of Alertmanager's API [default: http://127.0.0.1:9093]
    #[arg(long = "alertmanager.url", value_name = "URL", global = true)]
    pub(crate) url: Option<String>,
    /// The longest that an answer may take
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = words::duration, global = true)]
    pub(crate) timeout: Duration,
    /// How to speak to the server: a file with authorization, basic_auth or tls_config, as in Prometheus
    #[arg(long = "http.config.file", value_name = "FILE", value_parser = words::existing_file, global = true)]
    pub(crate) http_config: Option<PathBuf>,
}

/// Asks one server.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    login: Option<Login>,
}

/// Who asks, as HTTP's basic authentication has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Login {
    user: String,
    password: Option<String>,
}

impl Client {
    /// For the server that the flags name.
    pub(crate) fn new(args: &ServerArgs) -> anyhow::Result<Self> {
        let (base, login) = base_of(args.url.as_deref().unwrap_or(DEFAULT_URL))?;
        let mut http = reqwest::Client::builder().timeout(args.timeout).no_proxy();
        if let Some(file) = &args.http_config {
            if login.is_some() {
                bail!("basic authentication and http.config.file are mutually exclusive");
            }
            http = http_config::apply(http, file)?;
        }
        Ok(Self { http: http.build()?, base, login })
    }

    /// The server, without password.
    pub(crate) fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// What runs there: version, cluster, configuration.
    pub(crate) async fn status(&self) -> anyhow::Result<Value> {
        self.get(&GET_STATUS, &["status"], &[]).await
    }

    /// The configuration as the server prints it.
    pub(crate) async fn config(&self) -> anyhow::Result<String> {
        let status = self.status().await?;
        let original = status["config"]["original"].as_str().map(str::to_owned);
        original.with_context(|| format!("{} answered a status without config.original", self.address()))
    }

    /// Alerts that pass a filter.
    pub(crate) async fn alerts(&self, filter: &[(&str, String)]) -> anyhow::Result<Vec<GettableAlert>> {
        self.get(&GET_ALERTS, &["alerts"], filter).await
    }

    /// Adds alerts.
    pub(crate) async fn post_alerts(&self, alerts: &[PostableAlert]) -> anyhow::Result<()> {
        self.post(&POST_ALERTS, &["alerts"], &alerts).await.map(drop)
    }

    /// Silences, also those that are over, with each of these matchers.
    pub(crate) async fn silences(&self, matchers: &[String]) -> anyhow::Result<Vec<GettableSilence>> {
        let filter: Vec<_> = matchers.iter().map(|matcher| ("filter", matcher.clone())).collect();
        self.get(&GET_SILENCES, &["silences"], &filter).await
    }

    /// One silence.
    pub(crate) async fn silence(&self, id: &str) -> anyhow::Result<GettableSilence> {
        self.get(&GET_SILENCE, &["silence", id], &[]).await
    }

    /// Sets a silence; returns the id under which it is known.
    pub(crate) async fn post_silence(&self, silence: &PostableSilence) -> anyhow::Result<String> {
        let text = self.post(&POST_SILENCES, &["silences"], silence).await?;
        let answer: SilenceIdBody = self.read(&text)?;
        Ok(answer.silence_id)
    }

    /// Ends a silence.
    pub(crate) async fn expire_silence(&self, id: &str) -> anyhow::Result<()> {
        let url = self.url(&["silence", id], &[])?;
        self.send(&DELETE_SILENCE, self.http.delete(url)).await.map(drop)
    }

    /// Takes alerts on; returns their fingerprints.
    pub(crate) async fn acknowledge(&self, body: &Value) -> anyhow::Result<Vec<String>> {
        let request = self.http.post(self.own_url("acknowledgements", &[])?).json(body);
        self.fingerprints(&self.send(&ACKNOWLEDGE, request).await?)
    }

    /// Gives alerts back; returns their fingerprints.
    pub(crate) async fn give_back(&self, body: &Value) -> anyhow::Result<Vec<String>> {
        let request = self.http.delete(self.own_url("acknowledgements", &[])?).json(body);
        self.fingerprints(&self.send(&GIVE_BACK, request).await?)
    }

    fn fingerprints(&self, text: &str) -> anyhow::Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Body {
            fingerprints: Vec<String>,
        }
        Ok(self.read::<Body>(text)?.fingerprints)
    }

    /// Episodes of alerts, newest first.
    pub(crate) async fn history(&self, query: &[(&str, String)]) -> anyhow::Result<Value> {
        let text = self.send(&GET_HISTORY, self.http.get(self.own_url("history", query)?)).await?;
        self.read(&text)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        let text = self.send(operation, self.http.get(self.url(path, query)?)).await?;
        self.read(&text)
    }

    async fn post(
        &self,
        operation: &'static Operation,
        path: &[&str],
        body: &impl Serialize,
    ) -> anyhow::Result<String> {
        self.send(operation, self.http.post(self.url(path, &[])?).json(body)).await
    }

    fn url(&self, path: &[&str], query: &[(&str, String)]) -> anyhow::Result<Url> {
        self.below(&["api", "v2"], path, query)
    }

    /// What only our own server has.
    fn own_url(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Url> {
        self.below(&["api", "bellwether", "v1"], &[path], query)
    }

    fn below(&self, api: &[&str], path: &[&str], query: &[(&str, String)]) -> anyhow::Result<Url> {
        let mut url = self.base.clone();
        let mut segments =
            url.path_segments_mut().map_err(|()| anyhow::anyhow!("{} has no paths", self.base))?;
        segments.pop_if_empty().extend(api).extend(path);
        drop(segments);
        url.set_query(Some(&form_encode(query)).filter(|query| !query.is_empty()).map(String::as_str));
        Ok(url)
    }

    async fn send(&self, operation: &'static Operation, request: RequestBuilder) -> anyhow::Result<String> {
        let request = match &self.login {
            Some(Login { user, password }) => request.basic_auth(user, password.as_deref()),
            None => request,
        };
        let server = self.address();
        let response = request.send().await.map_err(reqwest::Error::without_url).with_context(|| {
            format!("cannot reach {server}; is the server running, and is --alertmanager.url right?")
        })?;
        let status = response.status();
        let text = response.text().await.with_context(|| format!("cannot read the answer of {server}"))?;
        if !status.is_success() {
            return Err(Refusal { operation, server: server.to_owned(), status, body: text }.into());
        }
        Ok(text)
    }

    fn read<T: DeserializeOwned>(&self, text: &str) -> anyhow::Result<T> {
        serde_json::from_str(text).with_context(|| {
            format!("{} did not answer as Alertmanager's API does; is it the right port?", self.address())
        })
    }
}

/// The base of all paths, and who asks, where that stands before the host; without a scheme it is HTTP.
fn base_of(url: &str) -> anyhow::Result<(Url, Option<Login>)> {
    let full = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let mut base: Url = full.parse().with_context(|| format!("--alertmanager.url: {url:?} is no address"))?;
    let login = Login { user: base.username().to_owned(), password: base.password().map(str::to_owned) };
    if base.set_password(None).is_err() || base.set_username("").is_err() {
        bail!("--alertmanager.url: {url:?} names no host; write http://HOST:PORT");
    }
    Ok((base, Some(login).filter(|login| !login.user.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str) -> Client {
        drop(rustls::crypto::ring::default_provider().install_default());
        let args =
            ServerArgs { url: Some(url.to_owned()), timeout: Duration::from_secs(1), http_config: None };
        Client::new(&args).unwrap()
    }

    #[test]
    fn paths_stand_under_the_base() {
        let url = |base: &str| client(base).url(&["silence", "a/b"], &[]).unwrap().to_string();
        assert_eq!(url("h:1"), "http://h:1/api/v2/silence/a%2Fb");
        assert_eq!(url("https://h/am/"), "https://h/am/api/v2/silence/a%2Fb");
        let filter = [("filter", "a=\"b c\"".to_owned()), ("active", "true".to_owned())];
        let url = client("http://h:1").url(&["alerts"], &filter).unwrap();
        assert_eq!(url.as_str(), "http://h:1/api/v2/alerts?filter=a%3D%22b%20c%22&active=true");
    }

    #[test]
    fn a_password_is_sent_and_not_shown() {
        let client = client("http://ann:pw@h:1");
        assert_eq!(client.address(), "http://h:1");
        assert_eq!(client.login, Some(Login { user: "ann".to_owned(), password: Some("pw".to_owned()) }));
    }
}

//! Upstream's acceptance tests and our own, from a table of steps and expected messages, on simulated time.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

/// Those that are about delivering and about HTTP, which happens elsewhere.
const NOT_OURS: [&str; 4] =
    ["up_retry_dropped", "up_webhook_timeout", "x_4xx_not_retried_in_flush", "x_5xx_retried_with_backoff"];

#[derive(Deserialize)]
struct Scenario {
    name: String,
    config: String,
    #[serde(default)]
    flags: String,
    steps: Vec<Step>,
    #[serde(default)]
    expect: Option<BTreeMap<String, Vec<Expected>>>,
}

#[derive(Deserialize)]
struct Step {
    at: f64,
    #[serde(default)]
    post: Vec<ScenarioAlert>,
    silence: Option<ScenarioSilence>,
    expire: Option<String>,
    #[serde(default)]
    reload: bool,
    #[serde(default)]
    restart: bool,
    #[serde(default)]
    kill: bool,
}

#[derive(Deserialize, Clone)]
struct ScenarioAlert {
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts: Option<f64>,
    ends: Option<f64>,
}

#[derive(Deserialize)]
struct ScenarioSilence {
    id: String,
    from: f64,
    to: f64,
    matchers: Vec<ScenarioMatcher>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScenarioMatcher {
    name: String,
    value: String,
    is_regex: bool,
}

#[derive(Deserialize)]
struct Expected {
    between: (f64, f64),
    alerts: Vec<ScenarioAlert>,
}

fn run(scenario: &Scenario) -> World {
    let delay = scenario.flags.strip_prefix("--dispatch.start-delay=");
    let delay = delay.map_or(Duration::ZERO, |text| bellwether_model::duration::parse_go(text).unwrap());
    let start = Start { delay, ..Start::default() };
    let mut world = World::starting(&scenario.config.replace("{hook}", "http://hook"), start);
    let mut ids = BTreeMap::new();
    for step in &scenario.steps {
        world.at(step.at);
        let owned = |map: &BTreeMap<String, String>| map.clone().into_iter().collect();
        let posts: Vec<Post> = step
            .post
            .iter()
            .map(|own| Post {
                labels: owned(&own.labels),
                annotations: owned(&own.annotations),
                starts: own.starts,
                ends: own.ends,
            })
            .collect();
        if !posts.is_empty() {
            world.post(posts);
        }
        if let Some(silence) = &step.silence {
            let [matcher] = &silence.matchers[..] else { panic!("one matcher") };
            let op = if matcher.is_regex { "=~" } else { "=" };
            let id = world.silence(
                silence.from,
                silence.to,
                &format!("{}{op}\"{}\"", matcher.name, matcher.value),
            );
            ids.insert(silence.id.clone(), id);
        }
        if let Some(id) = &step.expire {
            world.expire(&ids[id].clone());
        }
        if step.reload {
            world.reload(&scenario.config.replace("{hook}", "http://hook"));
        }
        if step.restart || step.kill {
            world.restart();
        }
    }
    world
}

/// Messages to one path of the hook, as time and alerts.
fn messages_to(world: &World, path: &str) -> Vec<(f64, Vec<String>)> {
    let url_of = |delivery: &Delivery| {
        let receiver = world.config.receiver(&delivery.notification.receiver)?;
        let settings = &receiver.integrations.get(delivery.integration as usize)?.settings;
        settings.get("url")?.as_str().map(str::to_owned)
    };
    let mut found: Vec<(f64, Vec<String>)> = world
        .deliveries
        .iter()
        .filter(|delivery| url_of(delivery).is_some_and(|url| url == format!("http://hook/{path}")))
        .map(|delivery| {
            let notification = &delivery.notification;
            let mut alerts: Vec<String> = notification
                .alerts
                .iter()
                .map(|alert| {
                    let ends = alert.ends_at.map(secs);
                    format!("{} {} {} {ends:?}", alert.labels, alert.annotations, secs(alert.starts_at))
                })
                .collect();
            alerts.sort();
            (secs(notification.at), alerts)
        })
        .collect();
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    found
}

fn wanted_alert(own: &ScenarioAlert, posted_at: f64) -> String {
    let labels = Labels::from_pairs(own.labels.clone());
    let annotations = Labels::from_pairs(own.annotations.clone());
    format!("{labels} {annotations} {} {:?}", own.starts.unwrap_or(posted_at), own.ends)
}

/// What of a scenario's expectations does not hold.
fn problems(scenario: &Scenario) -> Vec<String> {
    let mut world = run(scenario);
    let expected = scenario.expect.iter().flatten();
    let end = expected.clone().flat_map(|(_, all)| all).map(|one| one.between.1).fold(0.0, f64::max);
    world.at(end);
    let mut problems = Vec::new();
    for (path, wanted) in expected {
        let sent = messages_to(&world, path);
        for one in wanted {
            let within = |at: f64| at >= one.between.0 - 0.15 && at <= one.between.1 + 0.15;
            let mut alerts: Vec<String> = one.alerts.iter().map(|own| wanted_alert(own, 1.0)).collect();
            alerts.sort();
            let hit = sent.iter().any(|(at, got)| within(*at) && *got == alerts);
            let silent = alerts.is_empty() && !sent.iter().any(|(at, _)| within(*at));
            if !(hit || silent) {
                problems.push(format!(
                    "{}: {path} {:?} {alerts:?} not among {sent:?}",
                    scenario.name, one.between
                ));
            }
        }
        let told = wanted.iter().filter(|one| !one.alerts.is_empty()).count();
        let in_time = sent.iter().filter(|(at, _)| *at <= end).count();
        if in_time > told {
            problems.push(format!(
                "{}: {path} got {in_time} messages instead of {told}: {sent:?}",
                scenario.name
            ));
        }
    }
    problems
}

fn scenarios(file: &str) -> Vec<Scenario> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/alertmanager/scenarios/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    bellwether_model::yaml::parse(file, &text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
#[cfg_attr(not(conformance), ignore = "needs upstream's recorded scenarios beside the repository")]
fn scenarios_of_alertmanager_hold() {
    let all = scenarios("scenarios.yaml");
    let ours = all.iter().filter(|own| !NOT_OURS.contains(&&*own.name));
    let problems: Vec<String> = ours.flat_map(problems).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
#[cfg_attr(not(conformance), ignore = "needs the recorded scenarios beside the repository")]
fn scenarios_beyond_alertmanager_hold() {
    let problems: Vec<String> = scenarios("beyond.yaml").iter().flat_map(problems).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

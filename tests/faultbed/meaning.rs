//! A small family of policies, each with its meaning in other words than the policy engine's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use curfew::policy::{Policy, Source};
use serde_json::Value;

use crate::seed::Chance;
use crate::time;

/// What the sweeper may do, from the least to the most.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Action {
    Report,
    Marked,
    Patch,
    Delete,
}

/// Seconds for a success and for a failure; `None` is for ever.
type Pair = [Option<i64>; 2];

#[derive(Clone, Debug)]
struct Rule {
    /// The value of the label `app`.
    app: &'static str,
    ttl: Pair,
    enforce: bool,
}

/// A policy that the bed wrote, as curfew reads it and as it is meant.
#[derive(Clone, Debug)]
pub struct Given {
    pub policy: Arc<Policy>,
    pub meaning: Meaning,
}

#[derive(Clone, Debug)]
pub struct Meaning {
    pub action: Action,
    pub at_most: usize,
    pub history_max: Option<usize>,
    /// Whether namespaces with `tier: frozen` are exempt; `keep: yes` always is.
    exempts_frozen: bool,
    rules: Vec<Rule>,
    defaults: Pair,
}

/// A Job with its family and namespace, each as it was at some time.
#[derive(Clone, Copy, Debug)]
pub struct Family<'a> {
    pub job: &'a Value,
    /// `None` where none has the name and the uid that the Job names.
    pub cronjob: Option<&'a Value>,
    pub namespace: Option<&'a Value>,
}

// === impl Given ===

impl Given {
    /// Draws one.
    pub fn draw(chance: &mut Chance, action: Action) -> Self {
        let seconds = [0, 15, 30, 60, 120, 300, 600];
        let mut side = |may_be_unset: bool| {
            let unset = may_be_unset && chance.per_mille(100);
            let seconds = *chance.pick(&seconds);
            (!unset).then_some(seconds)
        };
        let mut pair = |enforce: bool| {
            let success = side(false);
            [success, side(!enforce)]
        };
        let enforced = [false, true].map(&mut pair);
        let defaults = pair(false);
        let mut rules = Vec::new();
        for (app, enforce) in [("web", false), ("etl", true)] {
            if chance.per_mille(600) {
                let enforce = enforce && chance.per_mille(700);
                let ttl = enforced[usize::from(enforce)];
                rules.push(Rule { app, ttl, enforce });
            }
        }
        let history_max = chance.per_mille(250).then(|| *chance.pick(&[1, 3, 5]));
        let at_most = *chance.pick(&[3, 10, 30, 200]);
        let rate = *chance.pick(&[5, 20, 50]);
        let propagation = *chance.pick(&["Background", "Background", "Foreground"]);
        let exempts_frozen = chance.per_mille(600);
        let meaning = Meaning { action, at_most, history_max, exempts_frozen, rules, defaults };
        let text = meaning.yaml(rate, propagation);
        let source = Source { name: "bed.yaml".to_owned(), text: text.clone() };
        let loaded = Policy::load(&[source]).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
        Self { policy: Arc::new(loaded.policy), meaning }
    }
}

// === impl Meaning ===

impl Meaning {
    fn yaml(&self, rate: u32, propagation: &str) -> String {
        let mut text =
            "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: bed}\nspec:\n"
                .to_owned();
        let mut line = |line: String| writeln!(text, "  {line}").expect("memory");
        line("exempt:".to_owned());
        line("  selectors: [{matchLabels: {keep: \"yes\"}}]".to_owned());
        if self.exempts_frozen {
            line("  namespaceSelector: {matchLabels: {tier: frozen}}".to_owned());
        }
        if let Some(max) = self.history_max {
            line(format!("limits: {{history: {{max: {max}}}}}"));
        }
        if !self.rules.is_empty() {
            line("rules:".to_owned());
        }
        for Rule { app, ttl, enforce } in &self.rules {
            line(format!("  - name: {app}"));
            line(format!("    match: {{labels: {{app: {app}}}}}"));
            line(format!("    ttl: {}", pair_text(ttl)));
            line(format!("    enforce: {enforce}"));
        }
        line(format!("defaults: {{ttl: {}}}", pair_text(&self.defaults)));
        line(format!(
            "stored: {{action: {:?}, propagation: {propagation}, rate: {rate}, brake: {{atMost: {}}}}}",
            self.action, self.at_most
        ));
        line("scheduler: {mode: \"Off\"}".to_owned());
        text
    }

    /// Whether nothing may be done to a Job, or to a `CronJob` given as its own family, but to give back
    /// what its author wrote.
    pub fn spares(&self, family: Family<'_>) -> bool {
        let is_kept = family.label("keep").is_some_and(|value| value == "yes");
        let namespace = family.namespace.map(|namespace| &namespace["metadata"]["labels"]["tier"]);
        let is_frozen = self.exempts_frozen && namespace.is_some_and(|tier| tier == "frozen");
        is_kept || is_frozen || family.has_another_owner()
    }

    /// The TTL that a Job is to have, holds included: of a running one the larger side. `None` is for
    /// ever.
    pub fn ttl(&self, family: Family<'_>) -> Option<i64> {
        let author = author_ttl(family.job);
        let base = if self.spares(family) { author } else { self.given(family, author) };
        raised_by_hold(family.job, base)
    }

    /// When a finished Job may be ended at the earliest, in milliseconds; `None` is never.
    pub fn due(&self, family: Family<'_>) -> Option<i64> {
        if self.spares(family) || family.is_orphan() || is_terminating(family.job) {
            return None;
        }
        let (finish, _) = finish(family.job)?;
        let ttl = self.ttl(family)?;
        Some((finish + ttl * 1_000).max(held_until(family.job).unwrap_or(i64::MIN)))
    }

    fn given(&self, family: Family<'_>, author: Option<i64>) -> Option<i64> {
        let app = family.label("app");
        let rule = self.rules.iter().find(|rule| app.is_some_and(|app| app == rule.app));
        let enforced = rule.is_some_and(|rule| rule.enforce);
        if author.is_some() && !enforced {
            return author;
        }
        let [success, failure] = rule.map_or(self.defaults, |rule| rule.ttl);
        match finish(family.job) {
            Some((_, true)) => success,
            Some((_, false)) => failure,
            None => Some(success?.max(failure?)),
        }
    }
}

// === impl Family ===

impl<'a> Family<'a> {
    /// A label of the family: the Job's own, else the template's, else the `CronJob`'s.
    fn label(&self, key: &str) -> Option<&'a str> {
        let template =
            |cronjob: &'a Value| cronjob["spec"]["jobTemplate"]["metadata"]["labels"][key].as_str();
        let of_cronjob = |cronjob: &'a Value| cronjob["metadata"]["labels"][key].as_str();
        let own = self.job["metadata"]["labels"][key].as_str();
        own.or_else(|| self.cronjob.and_then(template))
            .or_else(|| self.cronjob.and_then(of_cronjob))
    }

    fn has_another_owner(&self) -> bool {
        owners(self.job).any(|owner| owner["kind"] != "CronJob")
    }

    /// Whether it names a `CronJob` that is not there: then it waits for the garbage collector.
    fn is_orphan(&self) -> bool {
        cronjob_of(self.job).is_some() && self.cronjob.is_none()
    }
}

fn pair_text(pair: &Pair) -> String {
    let side = |side: Option<i64>| side.map_or("unset".to_owned(), |seconds| format!("{seconds}s"));
    let [success, failure] = pair;
    if success == failure {
        return side(*success);
    }
    format!("{{onSuccess: {}, onFailure: {}}}", side(*success), side(*failure))
}

fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten()
}

/// Name and uid of the `CronJob` that a Job names as its owner.
pub fn cronjob_of(job: &Value) -> Option<(&str, &str)> {
    let owner = owners(job).find(|owner| owner["kind"] == "CronJob")?;
    Some((owner["name"].as_str()?, owner["uid"].as_str()?))
}

/// When a Job finished, in milliseconds, and whether it succeeded.
pub fn finish(job: &Value) -> Option<(i64, bool)> {
    let conditions = job["status"]["conditions"].as_array()?;
    conditions.iter().find_map(|condition| {
        let succeeded = match condition["type"].as_str()? {
            "Complete" => true,
            "Failed" => false,
            _ => return None,
        };
        let at = time::read(&condition["lastTransitionTime"])?;
        (condition["status"] == "True").then_some((at, succeeded))
    })
}

pub fn is_terminating(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

pub fn present_ttl(job: &Value) -> Option<i64> {
    job["spec"]["ttlSecondsAfterFinished"].as_i64()
}

/// What our record says of the TTL: what was written, and what stood there before.
pub fn record(job: &Value) -> Option<(Option<i64>, Option<i64>)> {
    let text = job["metadata"]["annotations"]["curfew.dev/applied"].as_str()?;
    let record: BTreeMap<String, Value> = serde_json::from_str(text).ok()?;
    let entry = record.get("ttl")?;
    Some((entry[0].as_i64(), entry[1].as_i64()))
}

/// The TTL as the Job's author wrote it.
pub fn author_ttl(job: &Value) -> Option<i64> {
    let present = present_ttl(job);
    match record(job) {
        Some((written, original)) if written == present => original,
        _ => present,
    }
}

/// Until when a hold keeps a finished Job.
pub fn held_until(job: &Value) -> Option<i64> {
    let (finish, _) = finish(job)?;
    Some(hold(job)?.min(finish + LONGEST_HOLD * 1_000))
}

fn hold(job: &Value) -> Option<i64> {
    time::read(&job["metadata"]["annotations"]["curfew.dev/hold-until"])
}

fn raised_by_hold(job: &Value, ttl: Option<i64>) -> Option<i64> {
    let (ttl, Some(until)) = (ttl?, hold(job)) else { return ttl };
    let kept = match finish(job) {
        Some((finish, _)) => ((until - finish + 999).div_euclid(1_000)).min(LONGEST_HOLD),
        None => LONGEST_HOLD,
    };
    Some(ttl.max(kept))
}

/// Seven days, where no policy says otherwise.
const LONGEST_HOLD: i64 = 7 * 86_400;

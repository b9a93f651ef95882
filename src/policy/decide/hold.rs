//! Holds: the owner's word that this very Job is to stay (policy.md, point 10).
//!
//! A hold goes past guards and exemptions. It only ever raises a TTL that is there; and as long as
//! the Job runs it raises to `limits.hold` whatever its date, so that no answer depends on a clock.

use jiff::{SignedDuration, Timestamp};

use crate::batch::Kind;
use crate::policy::model::record::HOLD_UNTIL;
use crate::policy::model::setting::Setting;

use super::case::Case;
use super::decision::Origin;
use super::input::Operation;

/// What `curfew.dev/hold-until` says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hold {
    /// It is no RFC 3339 date: the Job is kept as long as may be.
    Unreadable,
    Until(Timestamp),
}

// === impl Hold ===

impl Hold {
    fn parse(text: &str) -> Self {
        let parsed = is_rfc3339(text).then(|| text.parse().ok()).flatten();
        parsed.map_or(Self::Unreadable, Self::Until)
    }
}

/// Whether a text has the form of RFC 3339, `2026-12-01T00:00:00Z`, and nothing shorter that jiff takes
/// as well: the chart's hardening knows this form only, and would refuse what a hold of another one
/// leads to.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let zone = match bytes.last() {
        Some(b'Z') => 1,
        _ => 6,
    };
    let Some(rest) = bytes.len().checked_sub(zone).filter(|end| *end >= 19) else { return false };
    let (time, zone) = bytes.split_at(rest);
    let at = |position: usize, byte: u8| time[position] == byte;
    // No year before 1000, and no leap second.
    let form = time[0] != b'0' && at(4, b'-') && at(7, b'-') && at(10, b'T');
    let clock = at(13, b':') && at(16, b':') && time[17] < b'6';
    let fraction = time.len() == 19 || time[19] == b'.' && time.len() > 20;
    let offset = zone.len() == 1 || matches!(zone[0], b'+' | b'-') && zone[3] == b':';
    form && clock && fraction && offset
}

// === impl Case ===

impl Case<'_, '_> {
    /// The TTL to which a hold raises another one, where there is a hold and it is longer.
    pub(super) fn raise_by_hold(&self, ttl: Option<i64>) -> Option<i64> {
        let (hold, ttl) = (self.hold()?, ttl?);
        let longest = self.longest_hold();
        let finished_at = self.finish.and_then(|finish| finish.at);
        let kept = match (hold, finished_at) {
            (Hold::Until(until), Some(at)) => {
                whole_seconds_up(until.duration_since(at)).min(longest)
            }
            _ => longest,
        };
        // A negative TTL is the API server's to refuse.
        (ttl >= 0 && kept > ttl).then_some(kept)
    }

    /// Until when a hold keeps the finished Job.
    pub(super) fn held_until(&self) -> Option<Timestamp> {
        let (hold, at) = (self.hold()?, self.finish?.at?);
        let longest = SignedDuration::from_secs(self.longest_hold());
        let last = at.saturating_add(longest).unwrap_or(Timestamp::MAX);
        Some(match hold {
            Hold::Unreadable => last,
            Hold::Until(until) => until.min(last),
        })
    }

    /// Says what a hold cannot do, in the call that brings it.
    pub(super) fn warn_of_hold(&mut self) {
        let (Some(hold), true) = (self.hold(), self.hold_is_new()) else { return };
        if hold == Hold::Unreadable {
            let longest = self.longest_hold();
            self.warnings.push(format!(
                "{HOLD_UNTIL} is not an RFC 3339 date such as 2026-12-01T00:00:00Z: it counts as \
                 {longest}s"
            ));
        }
        if self.input.object.cronjob_owner().is_some() {
            self.warnings.push(format!(
                "{HOLD_UNTIL} does not stop the CronJob's history limits from removing this Job"
            ));
        }
        let ttl = Setting::Ttl.of(self.input.object).number();
        let expiry = self.finish.zip(ttl).and_then(|(finish, ttl)| finish.expiry(ttl));
        if expiry.is_some_and(|expiry| expiry <= self.input.now) {
            self.warnings
                .push(format!("{HOLD_UNTIL} may come too late: the Job's TTL ended before"));
        }
    }

    fn hold(&self) -> Option<Hold> {
        let object = self.input.object;
        let text = object.metadata.annotation(HOLD_UNTIL)?;
        (object.kind == Kind::Job).then(|| Hold::parse(text))
    }

    fn hold_is_new(&self) -> bool {
        let text = |object: &crate::batch::Object<'_>| {
            object.metadata.annotation(HOLD_UNTIL).map(str::to_owned)
        };
        match (self.input.operation, self.input.old) {
            // A reinvocation finds the raise in the record, and has nothing to tell.
            (Operation::Create, _) => {
                let raised = self.own.sent(Setting::Ttl);
                raised.is_none_or(|entry| entry.rule != Origin::Hold.as_str())
            }
            (Operation::Update, None) => true,
            (Operation::Update, Some(old)) => text(old) != text(self.input.object),
            (Operation::Stored, _) => false,
        }
    }

    fn longest_hold(&self) -> i64 {
        self.resolved.hold.map_or(DEFAULT_LONGEST, |hold| hold.value.get())
    }
}

/// The API knows whole seconds; rounding down would end a hold before its date.
fn whole_seconds_up(duration: SignedDuration) -> i64 {
    duration.as_secs() + i64::from(duration.subsec_nanos() > 0)
}

/// `limits.hold` where no policy says otherwise: seven days.
const DEFAULT_LONGEST: i64 = 7 * 86_400;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Hold;

    /// As the chart's `curfew.date` has it (charts/curfew/templates/_helpers.tpl).
    #[rstest]
    #[case::utc("2026-12-01T00:00:00Z", true)]
    #[case::offset("2026-12-01T00:00:00+05:30", true)]
    #[case::fraction("2026-12-01T00:00:00.123456789Z", true)]
    #[case::leap_day("2028-02-29T00:00:00Z", true)]
    #[case::no_such_day("2026-02-29T00:00:00Z", false)]
    #[case::no_seconds("2026-12-01T00:00Z", false)]
    #[case::a_blank("2026-12-01 00:00:00Z", false)]
    #[case::lower_case("2026-12-01t00:00:00z", false)]
    #[case::a_date("2026-12-01", false)]
    #[case::no_zone("2026-12-01T00:00:00", false)]
    #[case::a_short_offset("2026-12-01T00:00:00+05", false)]
    #[case::a_zone("2026-12-01T00:00:00+01:00[Europe/Berlin]", false)]
    #[case::a_comma("2026-12-01T00:00:00,5Z", false)]
    #[case::a_point("2026-12-01T00:00:00.Z", false)]
    #[case::a_leap_second("2026-12-31T23:59:60Z", false)]
    #[case::an_early_year("0999-12-01T00:00:00Z", false)]
    #[case::a_sign("+002026-12-01T00:00:00Z", false)]
    #[case::nothing("", false)]
    #[case::a_word("soon", false)]
    #[case::other_letters("2026-12-01T00:00:0ßZ", false)]
    fn a_date_has_one_form(#[case] text: &str, #[case] is_date: bool) {
        assert_eq!(Hold::parse(text) != Hold::Unreadable, is_date);
    }
}

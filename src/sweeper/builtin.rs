//! Whether the built-in TTL controller works, judged from what becomes of Jobs whose own TTL is
//! over: it deletes them, late or not, or leaves them.

use jiff::{SignedDuration, Timestamp};

use super::status::BuiltinTtl;

/// What was seen of expired Jobs.
#[derive(Clone, Debug, Default)]
pub struct Builtin {
    /// The expiry of the oldest Job that is still there.
    oldest: Option<Timestamp>,
    /// The last one that went without us: when, and how late.
    last: Option<(Timestamp, SignedDuration)>,
}

// === impl Builtin ===

impl Builtin {
    /// Everything was looked at; `oldest` is the earliest expiry of the Jobs whose own TTL is over
    /// and that nobody has deleted.
    pub fn swept(&mut self, oldest: Option<Timestamp>) {
        self.oldest = oldest;
    }

    /// A Job went whose own TTL was over since `expiry`, and not by us.
    pub fn gone(&mut self, expiry: Timestamp, now: Timestamp) {
        self.last = Some((now, now.duration_since(expiry)));
    }

    /// How late it is: the age of the oldest expired Job, or how late the last one went.
    pub fn lag(&self, now: Timestamp) -> Option<SignedDuration> {
        let waiting = self.oldest.map(|oldest| now.duration_since(oldest));
        let went = self.recent(now).map(|(_, late)| late);
        waiting.max(went)
    }

    /// What it seems to be doing.
    pub fn state(&self, now: Timestamp) -> BuiltinTtl {
        let Some(lag) = self.lag(now) else { return BuiltinTtl::Unknown };
        match self.recent(now) {
            _ if lag <= PROMPT => {
                // Nothing has gone yet: it may be about to.
                if self.last.is_some() { BuiltinTtl::Working } else { BuiltinTtl::Unknown }
            }
            Some(_) => BuiltinTtl::Slow,
            None if lag <= PATIENCE => BuiltinTtl::Slow,
            None => BuiltinTtl::Off,
        }
    }

    fn recent(&self, now: Timestamp) -> Option<(Timestamp, SignedDuration)> {
        self.last.filter(|(at, _)| now.duration_since(*at) <= PATIENCE)
    }
}

/// A deletion takes a moment, and stamps have whole seconds.
const PROMPT: SignedDuration = SignedDuration::from_secs(10);

/// If nothing goes for so long while something is due, nobody is at work.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use rstest::rstest;

    use super::{Builtin, BuiltinTtl};

    /// `oldest`: age in seconds of the oldest expired Job; `gone`: how long ago one went, and how
    /// late it was.
    #[rstest]
    #[case::nothing_seen(None, None, BuiltinTtl::Unknown, None)]
    #[case::just_due(Some(2), None, BuiltinTtl::Unknown, Some(2))]
    #[case::prompt(None, Some((30, 1)), BuiltinTtl::Working, Some(1))]
    #[case::prompt_with_one_due(Some(3), Some((30, 1)), BuiltinTtl::Working, Some(3))]
    #[case::behind(Some(90), Some((1, 88)), BuiltinTtl::Slow, Some(90))]
    #[case::first_is_late(Some(90), None, BuiltinTtl::Slow, Some(90))]
    #[case::off(Some(400), None, BuiltinTtl::Off, Some(400))]
    #[case::switched_off(Some(400), Some((900, 1)), BuiltinTtl::Off, Some(400))]
    fn what_it_does(
        #[case] oldest: Option<i64>,
        #[case] gone: Option<(i64, i64)>,
        #[case] state: BuiltinTtl,
        #[case] lag: Option<i64>,
    ) {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| Timestamp::from_second(1_000_000 - seconds).unwrap();
        let mut builtin = Builtin::default();
        if let Some((at, late)) = gone {
            builtin.gone(ago(at + late), ago(at));
        }
        builtin.swept(oldest.map(ago));
        assert_eq!(builtin.state(now), state);
        assert_eq!(builtin.lag(now).map(|lag| lag.as_secs()), lag);
    }
}

//! Time zones by IANA name, as strictly as Kubernetes reads them (upstream-semantics.md, 2.2).
//!
//! [`check`] is the entry point: it turns a name into a [`Zone`], or says how to mend it. Zones
//! come from the host's zoneinfo directory where it has the name and from the bundled database
//! otherwise, which is the order Go uses, so that a host with newer data has its way. It must not
//! know what time it is.

use std::sync::{Arc, LazyLock};

use jiff::civil::DateTime;
use jiff::tz::{self, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

/// A time zone that exists, with the name by which it was asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Zone {
    clocks: TimeZone,
    /// Where that is not the name of `clocks`.
    alias: Option<Arc<str>>,
}

/// Why a name is no time zone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ZoneError {
    #[error("the time zone is empty; leave it out or name one, such as `Europe/Berlin`")]
    Empty,
    #[error("`{name}` is no time zone of its own; name the one you mean, such as `Europe/Berlin`")]
    Local { name: String },
    #[error(
        "`{name}` cannot be a time zone: each part between slashes has 1 to 14 letters, digits, \
         `.`, `_`, `+` or `-`, and no `-` in front; write it as in `Europe/Berlin`"
    )]
    Malformed { name: String },
    #[error("unknown time zone `{name}`; use a name of the IANA database, such as `Europe/Berlin`")]
    Unknown { name: String },
    #[error("unknown time zone `{name}`; letter case counts, write `{right}`")]
    WrongCase { name: String, right: String },
}

/// The offsets of a zone for somebody who walks along the time line: remembers the span between
/// two changes of the clocks, so that most look-ups are two comparisons.
pub(crate) struct Offsets<'z> {
    zone: &'z Zone,
    span: Span,
    /// The span before `span`, where that has been looked at: near a change of the clocks a walk
    /// asks about both sides in turn.
    previous: Span,
}

/// The instants from `from` up to but without `until`, through which the offset is the same. All
/// three are in seconds.
#[derive(Clone, Copy)]
struct Span {
    from: i64,
    until: i64,
    offset: i64,
}

/// The zone of that name, if the API server would take it as a `CronJob`'s `timeZone`.
///
/// Names are case-sensitive; old names such as `US/Eastern` or `EST5EDT` are fine.
pub fn check(name: &str) -> Result<Zone, ZoneError> {
    refuse_malformed(name)?;
    load(name)
}

/// As [`check`], in the given database and no other.
pub fn check_in(database: &TimeZoneDatabase, name: &str) -> Result<Zone, ZoneError> {
    refuse_malformed(name)?;
    find([database], name)
}

/// The zone of that name without Kubernetes' check of its form: what Go's `LoadLocation` takes, and
/// with it a `TZ=` in front of a schedule.
pub(crate) fn load(name: &str) -> Result<Zone, ZoneError> {
    find([tz::db(), &BUNDLED], name)
}

/// The zone whose clocks a zone below one of the folders [`TWINS`] shows, where `name` is one.
pub fn twin(name: &str) -> Option<&str> {
    TWINS.into_iter().find_map(|folder| name.strip_prefix(folder))
}

// === impl Zone ===

impl Zone {
    pub const UTC: Self = Self { clocks: TimeZone::UTC, alias: None };

    /// The name, as the API knows it.
    pub fn name(&self) -> &str {
        let own = || self.clocks.iana_name().expect("only zones with a name are made");
        self.alias.as_deref().unwrap_or_else(own)
    }

    /// The zone as the time library has it.
    pub const fn time_zone(&self) -> &TimeZone {
        &self.clocks
    }

    /// The instant at which the clocks show `local`, as Go's `time.Date` chooses it.
    ///
    /// With w the wall time read as if it were UTC and off(x) the offset at the instant x, it is
    /// w − off(w − off(w)). Inside a gap and an overlap that picks one side by a rule that no
    /// option of the time library offers. Saturates at the ends of the calendar.
    pub fn local_to_instant(&self, local: DateTime) -> Timestamp {
        let wall = local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
        let (seconds, nanoseconds) = (wall.as_secs(), wall.subsec_nanos());
        let instant = Offsets::new(self).instant(seconds);
        Timestamp::from_duration(SignedDuration::new(instant, nanoseconds))
            .unwrap_or(if instant < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }
}

impl std::fmt::Display for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Offsets ===

impl<'z> Offsets<'z> {
    pub(crate) const fn new(zone: &'z Zone) -> Self {
        Self { zone, span: Span::NOTHING, previous: Span::NOTHING }
    }

    /// How far local time is ahead of UTC at `instant`, both in seconds. Instants that the calendar
    /// does not reach have the offset of its end.
    pub(crate) fn at(&mut self, instant: i64) -> i64 {
        if self.span.has(instant) {
            return self.span.offset;
        }
        if self.previous.has(instant) {
            return self.previous.offset;
        }
        self.look_up(instant)
    }

    /// What the clocks show at `instant`, as seconds from 1970-01-01T00:00:00 local time.
    pub(crate) fn local(&mut self, instant: i64) -> i64 {
        instant + self.at(instant)
    }

    /// As [`Zone::local_to_instant`], in seconds.
    pub(crate) fn instant(&mut self, wall: i64) -> i64 {
        let guess = wall - self.at(wall);
        wall - self.at(guess)
    }

    /// Finds the span that holds `instant`.
    #[cold]
    fn look_up(&mut self, instant: i64) -> i64 {
        // A wall time read as UTC lies up to 14 hours beside its instant, and a search starts over
        // at midnight: two days before the first question nothing is asked for again.
        let start = timestamp(instant.saturating_sub(LOOK_BEHIND));
        let zone = self.zone.time_zone();
        let offset = zone.to_offset(start);
        self.previous = Span::NOTHING;
        self.span =
            Span { from: start.as_second(), until: i64::MAX, offset: offset.seconds().into() };
        for change in zone.following(start) {
            self.span.until = change.timestamp().as_second();
            if instant < self.span.until {
                return self.span.offset;
            }
            self.previous = self.span;
            self.span = Span {
                from: self.span.until,
                until: i64::MAX,
                offset: change.offset().seconds().into(),
            };
        }
        self.span.offset
    }
}

// === impl Span ===

impl Span {
    const NOTHING: Self = Self { from: 0, until: 0, offset: 0 };

    const fn has(self, instant: i64) -> bool {
        self.from <= instant && instant < self.until
    }
}

/// Kubernetes' check of the form of a name, which comes before any database is asked.
fn refuse_malformed(name: &str) -> Result<(), ZoneError> {
    if name.is_empty() {
        return Err(ZoneError::Empty);
    }
    if !name.split('/').all(is_part) {
        return Err(ZoneError::Malformed { name: name.to_owned() });
    }
    if name.eq_ignore_ascii_case("Local") {
        return Err(ZoneError::Local { name: name.to_owned() });
    }
    Ok(())
}

/// Whether `part` may stand between the slashes of a zone name.
fn is_part(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    (1..=14).contains(&part.len())
        && !part.starts_with('-')
        && part != "."
        && part != ".."
        && part.bytes().all(allowed)
}

/// The zone of that name in the first database that has it.
///
/// jiff takes any letter case, Go does not: what jiff calls the zone is compared byte for byte. The
/// name that jiff gives to a zone nobody knows (`Etc/Unknown`) is no name of one.
fn find<'d>(
    databases: impl IntoIterator<Item = &'d TimeZoneDatabase>,
    name: &str,
) -> Result<Zone, ZoneError> {
    // No zone of its own to the library, which passes these folders over.
    let shown = twin(name).unwrap_or(name);
    let Some(zone) = databases.into_iter().find_map(|database| database.get(shown).ok()) else {
        return Err(ZoneError::Unknown { name: name.to_owned() });
    };
    match zone.iana_name() {
        Some(right) if right == shown => {
            let alias = (shown != name).then(|| Arc::from(name));
            Ok(Zone { clocks: zone, alias })
        }
        Some(right) => {
            let right = name.strip_suffix(shown).unwrap_or_default().to_owned() + right;
            Err(ZoneError::WrongCase { name: name.to_owned(), right })
        }
        None => Err(ZoneError::Unknown { name: name.to_owned() }),
    }
}

/// The instant, or the end of the calendar beyond which it lies.
fn timestamp(instant: i64) -> Timestamp {
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(instant.clamp(first, last)).expect("clamped to what a timestamp holds")
}

/// The database inside this program: the last resort where the host has none, or lacks old names.
static BUNDLED: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Folders of a host's time zone database that hold every zone once more, and that Go reads like any
/// other name. What is in `right/` counts leap seconds, so its clocks change 27 seconds later; here
/// they change with the zone's own.
const TWINS: [&str; 2] = ["posix/", "right/"];

/// How long before the first question a walk may still ask, in seconds.
const LOOK_BEHIND: i64 = 2 * 86_400;

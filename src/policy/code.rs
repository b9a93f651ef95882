//! The codes of findings: stable, to be looked up, filtered and silenced by.
//!
//! A code keeps its meaning for ever; one that is no longer used is not given out again. `E` is
//! for errors, which keep a policy from being used, `W` for warnings.

/// So many findings that the rest is only counted.
pub const MORE: &str = "E000";
/// The text is no YAML.
pub const SYNTAX: &str = "E001";
/// More than one YAML document in a file.
pub const DOCUMENTS: &str = "E002";
/// No document in a file, or no file at all.
pub const EMPTY: &str = "E003";
/// A file over 1 MiB.
pub const TOO_LARGE: &str = "E004";
/// Aliases that expand to more than a file could hold, or nesting without end.
pub const TOO_DEEP: &str = "E005";
/// A merge key, `<<`.
pub const MERGE_KEY: &str = "E006";
/// A key that is not a string.
pub const KEY: &str = "E007";
/// A YAML tag.
pub const TAG: &str = "E008";
/// A key that stands twice in a map.
pub const DUPLICATE_KEY: &str = "E009";
/// An `apiVersion` or `kind` that this build does not read.
pub const VERSION: &str = "E010";
/// A required field is missing.
pub const MISSING: &str = "E011";
/// A field that nobody knows.
pub const UNKNOWN_FIELD: &str = "E012";
/// A value of the wrong type.
pub const TYPE: &str = "E013";
/// A key without a value.
pub const NO_VALUE: &str = "E014";
/// A word that is not one of those that are allowed.
pub const WORD: &str = "E015";
/// A known field in a place where it has no meaning.
pub const MISPLACED: &str = "E016";
/// A duration that cannot be read, or is out of range.
pub const DURATION: &str = "E020";
/// A number out of range.
pub const NUMBER: &str = "E021";
/// A glob that can match no name.
pub const GLOB: &str = "E022";
/// A label or annotation that the API server would refuse.
pub const LABEL: &str = "E023";
/// A label selector that the API server would refuse, or that selects everything.
pub const SELECTOR: &str = "E024";
/// A time zone that does not exist.
pub const ZONE: &str = "E025";
/// The name of a rule or a policy that is no name.
pub const NAME: &str = "E026";
/// A rule that has one of the names that records use for something else.
pub const RESERVED_NAME: &str = "E027";
/// A text that a warning header cannot carry.
pub const REASON: &str = "E028";
/// An owner that is not written `group/Kind`.
pub const OWNER: &str = "E029";
/// A list that must not be empty.
pub const EMPTY_LIST: &str = "E030";
/// Two rules of one name.
pub const DUPLICATE_RULE: &str = "E031";
/// Two files that set the same thing.
pub const SET_TWICE: &str = "E032";
/// Files of different policies.
pub const OTHER_POLICY: &str = "E033";
/// A lower limit above the upper one.
pub const LIMITS: &str = "E034";
/// A value outside the limits beside it.
pub const OUTSIDE_LIMITS: &str = "E035";
/// `enforce` together with `unset`.
pub const ENFORCED_UNSET: &str = "E036";
/// `unset` on both sides of a pair.
pub const UNSET_PAIR: &str = "E037";
/// A rule that matches everything and is not the last one.
pub const EMPTY_MATCH: &str = "E038";
/// Over 10,000 rules.
pub const RULES: &str = "E039";
/// `Own` without `clusterTimeZone`.
pub const OWN_ZONE: &str = "E040";
/// A field manager that no object can have.
pub const MANAGER: &str = "E041";

/// `onFailure` shorter than `onSuccess`.
pub const SHORT_FAILURE: &str = "W101";
/// A TTL by outcome that nobody settles, because the sweeper only reports.
pub const NEVER_SETTLED: &str = "W102";
/// A glob that ends in `-*` and misses the `CronJob` of that very stem.
pub const MISSED_STEM: &str = "W103";
/// Limits of different rules that cross; the lower one wins.
pub const CROSSED_LIMITS: &str = "W104";
/// A value that limits elsewhere in the policy will change.
pub const CLAMPED: &str = "W105";
/// A rule, or a part of it, that says nothing.
pub const IDLE: &str = "W106";
/// A rule that can never win.
pub const NEVER_WINS: &str = "W107";
/// A setting of a rule that can never win.
pub const SETTING_NEVER_WINS: &str = "W108";
/// A TTL that deletes what history limits mean to keep.
pub const TTL_AND_HISTORY: &str = "W109";
/// A template's TTL so short that the `CronJob` may miss its own success.
pub const SHORT_TEMPLATE_TTL: &str = "W110";
/// A starting deadline shorter than the `CronJob` controller's own period.
pub const SHORT_STARTING_DEADLINE: &str = "W111";
/// A schedule whose start a change of the clocks skips or doubles.
pub const DAYLIGHT: &str = "W112";
/// `Backstop` without a selector helps no `CronJob`.
pub const BACKSTOP_SELECTOR: &str = "W113";
/// So much to compare that not all that might be odd was looked for.
pub const NOT_ALL_CHECKED: &str = "W114";

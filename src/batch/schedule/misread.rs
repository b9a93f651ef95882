//! What people misread about a schedule that parses: it starts other than it looks.

use super::Schedule;
use super::field::Field;
use super::parse::members;
use super::plan::Plan;

/// Something that does not mean what it looks like.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Misread {
    /// Both day fields are given, and one of them suffices. As they are written: the days of the
    /// month, and those of the week.
    EitherDay { month: String, week: String },
    /// A step that is wider than its field, or begins anew with it.
    Step { field: Field, member: String, step: i64, numbers: Vec<i64> },
}

/// Looks for it in a text that [`Schedule::parse`] takes; nothing in any other.
pub fn misread(text: &str) -> Vec<Misread> {
    let Ok(Schedule { plan: Plan::Fields(fields), .. }) = Schedule::parse(text) else {
        return Vec::new();
    };
    // A macro means what it says.
    let Some(members) = members(text) else { return Vec::new() };
    let mut found = Vec::new();
    for (field, text) in members {
        let all = text.split(',').filter(|member| !member.is_empty());
        found.extend(all.filter_map(|member| step(field, member)));
    }
    if !fields.both_days && !fields.days.is_empty() && !fields.weekdays.is_empty() {
        let [.., (_, month), _, (_, week)] = members;
        found.push(Misread::EitherDay { month: month.to_owned(), week: week.to_owned() });
    }
    found
}

fn step(field: Field, member: &str) -> Option<Misread> {
    let (range, step) = member.split_once('/')?;
    let step: i64 = step.parse().ok().filter(|step| *step > 1)?;
    let numbers: Vec<i64> = field.numbers(member)?;
    let (first, last) = (*numbers.first()?, *numbers.last()?);
    let is_open = range.starts_with(['*', '?']) || !range.contains('-');
    let is_misread = if is_open {
        // Months differ in length, so days never go on evenly.
        field == Field::DayOfMonth || first + field.size() - last != step
    } else {
        numbers.len() == 1
    };
    is_misread.then(|| Misread::Step { field, member: member.to_owned(), step, numbers })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Misread, misread};

    fn told(text: &str) -> String {
        let told = misread(text).into_iter().map(|found| match found {
            Misread::EitherDay { month, week } => format!("{month} or {week}"),
            Misread::Step { field, member, numbers, .. } => {
                let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                format!("{} {member} = {}", field.as_str(), numbers.join(" "))
            }
        });
        told.collect::<Vec<_>>().join("; ")
    }

    #[rstest]
    #[case::plain("30 2 * * *", "")]
    #[case::even("*/15 */6 * */3 *", "")]
    #[case::a_whole_field("*/60 */24 * */12 */7", "")]
    #[case::from_a_minute("5/15 * * * *", "")]
    #[case::within_a_range("0-45/15 9-17/2 * * *", "")]
    #[case::open_days("0 0 13 * *", "")]
    #[case::days_that_are_open("0 0 13 * */1", "")]
    #[case::a_macro("@weekly", "")]
    #[case::every("@every 90m", "")]
    #[case::none("0 0 * *", "")]
    #[case::beyond("*/90 * * * *", "minute */90 = 0")]
    #[case::beyond_a_range("0-10/15 * * * *", "minute 0-10/15 = 0")]
    #[case::beyond_from_a_minute("5/90 * * * *", "minute 5/90 = 5")]
    #[case::uneven("*/45 * * * *", "minute */45 = 0 45")]
    #[case::uneven_hours("0 */7 * * *", "hour */7 = 0 7 14 21")]
    #[case::later_in_the_hour("30/15 * * * *", "minute 30/15 = 30 45")]
    #[case::days("0 0 */10 * *", "day-of-month */10 = 1 11 21 31")]
    #[case::a_month_of_days("0 0 */31 * *", "day-of-month */31 = 1")]
    #[case::months("0 0 1 */5 *", "month */5 = 1 6 11")]
    #[case::weekdays("0 0 * * */2", "day-of-week */2 = 0 2 4 6")]
    #[case::in_a_list("1,*/45 * * * *", "minute */45 = 0 45")]
    #[case::either_day("0 0 13 * FRI", "13 or FRI")]
    #[case::either_by_a_step(
        "0 0 */2 * 1",
        "day-of-month */2 = 1 3 5 7 9 11 13 15 17 19 21 23 25 27 29 31; */2 or 1"
    )]
    #[case::either_that_is_every("0 0 1-31 * 1", "1-31 or 1")]
    #[case::behind_a_zone("TZ=Asia/Tokyo 0 0 13 * 5", "13 or 5")]
    fn what_it_looks_like(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(told(text), expected);
    }
}

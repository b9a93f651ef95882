//! What is typed behind `curfew next`: schedules and names of `CronJob`s, told apart.

use super::subject::Subject;
use crate::batch::Kind;
use crate::batch::schedule::Schedule;
use crate::cli::shared::Named;

/// One of them.
#[derive(Debug)]
pub(super) enum Asked {
    Schedule(Box<Subject>),
    Stored(Named),
}

/// Tells what each text is.
///
/// # Errors
/// What is wrong with each that is neither; one sentence where the shell took a schedule apart.
pub(super) fn read(texts: &[String]) -> Result<Vec<Asked>, Vec<String>> {
    let mut asked = Vec::with_capacity(texts.len());
    let mut problems = Vec::new();
    for text in texts {
        match Asked::new(text) {
            Ok(found) => asked.push(found),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        return Ok(asked);
    }
    let in_pieces = texts.len() > 1 && texts.iter().all(|text| !text.contains(char::is_whitespace));
    Err(if in_pieces { vec![unquoted(texts)] } else { problems })
}

// === impl Asked ===

impl Asked {
    fn new(text: &str) -> Result<Self, String> {
        if !names_an_object(text) {
            return Subject::typed(text).map(Box::new).map(Self::Schedule);
        }
        let named: Named = text.parse().map_err(|_| {
            format!(
                "{text:?} names no CronJob; expected cronjob/NAMESPACE/NAME, or cronjob/NAME with \
                 -n NAMESPACE"
            )
        })?;
        match named.kind {
            Kind::CronJob => Ok(Self::Stored(named)),
            Kind::Job => Err(format!("{text}: a Job has no schedule; name its CronJob")),
        }
    }
}

/// Whether the text is meant for the name of an object: a schedule has blanks, a macro no slash,
/// and a time zone in front comes with a `=`.
fn names_an_object(text: &str) -> bool {
    let Some((word, _)) = text.split_once('/') else { return false };
    let is_word = word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.');
    !word.is_empty() && is_word && !text.contains(char::is_whitespace)
}

fn unquoted(texts: &[String]) -> String {
    let count = texts.len();
    let joined = texts.join(" ");
    // A star may have become the names of files by now.
    let example = if Schedule::parse(&joined).is_ok() { &joined } else { "30 2 * * *" };
    format!(
        "the schedule came in {count} pieces; put it in quotes, which keep the shell from taking \
         it apart: curfew next {example:?}"
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Asked, read};

    fn told(texts: &[&str]) -> String {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        match read(&texts) {
            Ok(asked) => asked
                .iter()
                .map(|asked| match asked {
                    Asked::Schedule(_) => "schedule",
                    Asked::Stored(_) => "stored",
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(problems) => problems.join("\n"),
        }
    }

    #[rstest]
    #[case::schedule(&["*/5 * * * *"], "schedule")]
    #[case::names_of_months(&["0 0 1 jan/2 *"], "schedule")]
    #[case::every(&["@daily"], "schedule")]
    #[case::object(&["cronjob/team-a/nightly"], "stored")]
    #[case::short(&["cj/nightly"], "stored")]
    #[case::both(&["0 2 * * *", "cronjobs.batch/nightly"], "schedule stored")]
    fn tells_apart(#[case] texts: &[&str], #[case] expected: &str) {
        assert_eq!(told(texts), expected);
    }

    #[rstest]
    #[case::pieces(&["0", "2", "*", "*", "*"], "curfew next \"0 2 * * *\"")]
    #[case::files(&["0", "2", "a.txt", "b.txt"], "curfew next \"30 2 * * *\"")]
    #[case::every(&["@every", "1h"], "taking it apart: curfew next \"@every 1h\"")]
    #[case::job(&["job/a/b"], "a Job has no schedule")]
    #[case::letter_case(&["CronJob/a/b"], "expected cronjob/NAMESPACE/NAME")]
    #[case::zone_only(&["TZ=Europe/Berlin"], "names a time zone and nothing else")]
    #[case::another_kind(&["deployment/a/b"], "names no CronJob")]
    #[case::a_piece(&["*/5"], "found 1")]
    fn says_how_to_mend(#[case] texts: &[&str], #[case] expected: &str) {
        let told = told(texts);
        assert!(told.contains(expected) && !told.contains('\n'), "{told}");
    }
}

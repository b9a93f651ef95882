//! Words in messages: how they are listed, and which one was likely meant.

/// Words as messages list them: `a, b and c`.
pub(in crate::policy) fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [words @ .., last] => format!("{} and {last}", words.join(", ")),
    }
}

/// The word that is most likely meant, if one is at all like it.
pub(in crate::policy) fn nearest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    // No word that is meant is that long, and the comparison takes the product of the lengths.
    if text.len() > LONGEST_WORD {
        return None;
    }
    let text = text.to_lowercase();
    let likeness = |word: &str| {
        let word = word.to_lowercase();
        // One slip of a finger weighs too much in a short word.
        let slip = word.len() > 2 && strsim::osa_distance(&text, &word) == 1;
        strsim::jaro_winkler(&text, &word).max(if slip { 0.9 } else { 0.0 })
    };
    let best = words.iter().map(|word| (likeness(word), *word));
    let (likeness, word) = best.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness > 0.82).then_some(word)
}

/// The longest text, in bytes, that may be a misspelt word.
const LONGEST_WORD: usize = 100;

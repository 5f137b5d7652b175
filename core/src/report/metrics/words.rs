//! Cutting a report into words for the measures.
//!
//! Enters any text, leave lower-case words without punctuation. The measures take words from anywhere; scores are only
//! comparable between systems that were cut the same way.

/// Plain words in the manner of the Penn Treebank tokeniser that pycocoevalcap runs (Java, lower case, punctuation
/// dropped), without its tables of abbreviations.
///
/// A word is a run of letters and digits. It goes on over one hyphen between two of them (`x-ray`), and over one of
/// `. , : /` between two digits (`3.5`, `12/05`). A clitic `'s` is a word of its own. Everything else separates.
#[must_use]
pub fn plain(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let mut words = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        if letters[at] == '\'' && at > 0 && letters[at - 1].is_alphanumeric() && is_clitic(&letters[at..]) {
            words.push("'s".to_owned());
            at += 2;
            continue;
        }
        let start = at;
        while at < letters.len() && (letters[at].is_alphanumeric() || joins(&letters, start, at)) {
            at += 1;
        }
        if at == start {
            at += 1;
        } else {
            words.push(letters[start..at].iter().collect());
        }
    }
    words
}

/// Whether the mark at `at` lies inside a word that began at `start`.
fn joins(letters: &[char], start: usize, at: usize) -> bool {
    let Some(&next) = letters.get(at + 1).filter(|_| at > start) else { return false };
    let before = letters[at - 1];
    match letters[at] {
        '-' => before.is_alphanumeric() && next.is_alphanumeric(),
        '.' | ',' | ':' | '/' => before.is_ascii_digit() && next.is_ascii_digit(),
        _ => false,
    }
}

fn is_clitic(rest: &[char]) -> bool {
    rest.get(1) == Some(&'s') && rest.get(2).is_none_or(|after| !after.is_alphanumeric())
}

/// The words of google's `rouge-score` 0.1.2 without its stemmer: lower case, every run of `a-z0-9`.
#[must_use]
pub fn google(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower
        .split(|letter: char| !(letter.is_ascii_lowercase() || letter.is_ascii_digit()))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_goes_and_numbers_stay_whole() {
        let words = plain("The patient's X-ray: 3.5 cm mass (right).There is no 12/05 film -- none.");
        let expected = "the patient 's x-ray 3.5 cm mass right there is no 12/05 film none";
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn nothing_and_signs_give_no_words() {
        assert!(plain("").is_empty() && plain("  \u{1F4A9} ... \u{0} -").is_empty());
        assert_eq!(google("Air-space \u{e9}t\u{e9} 3.5"), ["air", "space", "t", "3", "5"]);
    }
}

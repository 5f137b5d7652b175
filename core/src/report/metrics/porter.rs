//! The Porter stemmer (Porter 1980) in the form of nltk's `PorterStemmer()`, which its METEOR uses: mode
//! `NLTK_EXTENSIONS`.
//!
//! Enters a word, leaves its stem in lower case. The extensions are a table of irregular words, `ies`/`ied` of words of
//! four letters, `y` after a consonant only, and the rules `fulli` and `logi`.

/// Irregular words and their stems.
const IRREGULAR: [(&str, &str); 16] = [
    ("sky", "sky"),
    ("skies", "sky"),
    ("dying", "die"),
    ("lying", "lie"),
    ("tying", "tie"),
    ("news", "news"),
    ("innings", "inning"),
    ("inning", "inning"),
    ("outings", "outing"),
    ("outing", "outing"),
    ("cannings", "canning"),
    ("canning", "canning"),
    ("howe", "howe"),
    ("proceed", "proceed"),
    ("exceed", "exceed"),
    ("succeed", "succeed"),
];

/// Step 2, for stems with a vowel and a consonant after it.
const DOUBLE_SUFFIXES: [(&str, &str); 21] = [
    ("ational", "ate"),
    ("tional", "tion"),
    ("enci", "ence"),
    ("anci", "ance"),
    ("izer", "ize"),
    ("bli", "ble"),
    ("alli", "al"),
    ("entli", "ent"),
    ("eli", "e"),
    ("ousli", "ous"),
    ("ization", "ize"),
    ("ation", "ate"),
    ("ator", "ate"),
    ("alism", "al"),
    ("iveness", "ive"),
    ("fulness", "ful"),
    ("ousness", "ous"),
    ("aliti", "al"),
    ("iviti", "ive"),
    ("biliti", "ble"),
    ("fulli", "ful"),
];

/// Step 3.
const ENDINGS: [(&str, &str); 7] =
    [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

/// Step 4, in the order in which they are tried.
const LAST_SUFFIXES: [&str; 19] = [
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
];

/// Longest word that is stemmed, in bytes; a longer one is no word and is returned in lower case.
const LONGEST: usize = 200;

/// The stem of `word`.
#[must_use]
pub fn stem(word: &str) -> String {
    let lower = word.to_lowercase();
    if let Some((_, stem)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == lower) {
        return (*stem).to_owned();
    }
    if word.chars().count() <= 2 || word.len() > LONGEST {
        return lower;
    }
    let word = plural(&lower);
    let word = past(&word);
    let word = final_y(&word);
    let word = double_suffix(word);
    let word = first_match(&word, &ENDINGS, |stem| measure(stem) > 0);
    let word = last_suffix(&word);
    let word = final_e(&word);
    match word.strip_suffix('l').filter(|rest| rest.ends_with('l') && measure(rest) > 1) {
        Some(rest) => rest.to_owned(),
        None => word,
    }
}

/// For each letter whether it is a consonant; `y` is one at the start and after a vowel.
fn consonants(word: &str) -> Vec<bool> {
    let mut flags: Vec<bool> = Vec::with_capacity(word.len());
    for letter in word.chars() {
        flags.push(match letter {
            'a' | 'e' | 'i' | 'o' | 'u' => false,
            'y' => flags.last().is_none_or(|last| !last),
            _ => true,
        });
    }
    flags
}

/// How often a consonant follows a vowel: Porter's m.
fn measure(stem: &str) -> usize {
    consonants(stem).windows(2).filter(|pair| !pair[0] && pair[1]).count()
}

fn has_vowel(stem: &str) -> bool {
    consonants(stem).contains(&false)
}

/// Consonant, vowel, consonant other than w, x, y at the end; or nothing but vowel, consonant.
fn ends_like_hop(stem: &str) -> bool {
    match consonants(stem).as_slice() {
        [.., true, false, true] => !stem.ends_with(['w', 'x', 'y']),
        [false, true] => true,
        _ => false,
    }
}

/// The first suffix that `word` has is exchanged when its stem passes; no later one is tried.
fn first_match(word: &str, rules: &[(&str, &str)], passes: impl Fn(&str) -> bool) -> String {
    for (suffix, replacement) in rules {
        if let Some(stem) = word.strip_suffix(suffix) {
            return if passes(stem) { format!("{stem}{replacement}") } else { word.to_owned() };
        }
    }
    word.to_owned()
}

/// Step 1a.
fn plural(word: &str) -> String {
    match word.strip_suffix("ies") {
        Some(stem) if stem.chars().count() == 1 => format!("{stem}ie"),
        _ => first_match(word, &[("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")], |_| true),
    }
}

/// Step 1b.
fn past(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ied") {
        return format!("{stem}{}", if stem.chars().count() == 1 { "ie" } else { "i" });
    }
    if let Some(stem) = word.strip_suffix("eed") {
        return if measure(stem) > 0 { format!("{stem}ee") } else { word.to_owned() };
    }
    let stem = word.strip_suffix("ed").or_else(|| word.strip_suffix("ing")).filter(|stem| has_vowel(stem));
    let Some(stem) = stem else { return word.to_owned() };
    if stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz") {
        return format!("{stem}e");
    }
    let mut letters = stem.chars().rev();
    if let (Some(last), Some(before)) = (letters.next(), letters.next())
        && last == before
        && consonants(stem).last() == Some(&true)
    {
        let shorter = &stem[..stem.len() - last.len_utf8()];
        return if matches!(last, 'l' | 's' | 'z') { stem.to_owned() } else { shorter.to_owned() };
    }
    if measure(stem) == 1 && ends_like_hop(stem) { format!("{stem}e") } else { stem.to_owned() }
}

/// Step 1c.
fn final_y(word: &str) -> String {
    let stem = word.strip_suffix('y').filter(|stem| {
        let flags = consonants(stem);
        flags.len() > 1 && flags.last() == Some(&true)
    });
    stem.map_or_else(|| word.to_owned(), |stem| format!("{stem}i"))
}

/// Step 2.
fn double_suffix(mut word: String) -> String {
    while let Some(stem) = word.strip_suffix("alli").filter(|stem| measure(stem) > 0) {
        word = format!("{stem}al");
    }
    // The l of "logi" counts as part of the stem, so that "geologi" loses its i as "archaeologi" does.
    if let Some(stem) = word.strip_suffix("ogi").filter(|stem| stem.ends_with('l')) {
        return if measure(stem) > 0 { format!("{stem}og") } else { word };
    }
    first_match(&word, &DOUBLE_SUFFIXES, |stem| measure(stem) > 0)
}

/// Step 4.
fn last_suffix(word: &str) -> String {
    for suffix in LAST_SUFFIXES {
        if let Some(stem) = word.strip_suffix(suffix) {
            let passes = measure(stem) > 1 && (suffix != "ion" || stem.ends_with(['s', 't']));
            return if passes { stem.to_owned() } else { word.to_owned() };
        }
    }
    word.to_owned()
}

/// Step 5a.
fn final_e(word: &str) -> String {
    let stem = word.strip_suffix('e').filter(|stem| {
        let measure = measure(stem);
        measure > 1 || (measure == 1 && !ends_like_hop(stem))
    });
    stem.unwrap_or(word).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_nltk() {
        // nltk 3.10.4, PorterStemmer().stem; the whole vocabulary of Open-i is tested in tests/tests/report.rs.
        for (word, expected) in [
            ("effusions", "effus"),
            ("Opacities", "opac"),
            ("radiologically", "radiolog"),
            ("geology", "geolog"),
            ("dies", "die"),
            ("flies", "fli"),
            ("tied", "tie"),
            ("hopping", "hop"),
            ("falling", "fall"),
            ("filing", "file"),
            ("enjoy", "enjoy"),
            ("happy", "happi"),
            ("controlled", "control"),
            ("relational", "relat"),
            ("adjustment", "adjust"),
            ("adoption", "adopt"),
            ("skies", "sky"),
            ("is", "is"),
            ("agreed", "agre"),
            ("feed", "feed"),
            ("probate", "probat"),
            ("cease", "ceas"),
        ] {
            assert_eq!(stem(word), expected, "{word}");
        }
    }

    #[test]
    fn odd_words_are_no_crash() {
        for word in ["", "y", "yyy", "\u{e9}ed\u{e9}ing", "\u{1F4A9}\u{1F4A9}ed", "ing", "ied", "eed"] {
            assert!(stem(word).len() <= word.len() + 1);
        }
        assert_eq!(stem(&"Y".repeat(300)).len(), 300);
    }
}

//! The words that deny and doubt, in the language of [`super::phrase`].
//!
//! After NegEx (Chapman et al. 2001) and ConText (Harkema et al. 2009), written for chest reports. What counts as doubt
//! follows CheXpert's labeler: "possible", "may" and "or" are doubt, "likely" and "consistent with" are not.

/// What a trigger does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Denies what follows.
    DeniesAfter,
    /// Denies what comes before.
    DeniesBefore,
    /// Doubts what follows, whole lists of it.
    DoubtsAfter,
    /// Doubts what follows up to the next mark, and ends a denial when a comma comes before it.
    DoubtsNext,
    /// Doubts what comes before.
    DoubtsBefore,
    /// Doubts its neighbours on both sides.
    DoubtsBoth,
    /// Speaks of the past: what follows, up to the next mark, is no statement about this film.
    Past,
    /// Ends every scope.
    Ends,
    /// Looks like a trigger and is none.
    Nothing,
}

pub(super) const TRIGGERS: &[(&str, Effect)] = &[
    // Denial before.
    ("no", Effect::DeniesAfter),
    ("no evidence", Effect::DeniesAfter),
    ("non", Effect::Nothing),
    ("not", Effect::DeniesAfter),
    ("isn't|aren't|wasn't|weren't|doesn't|don't|cannot|can't", Effect::DeniesAfter),
    ("nor", Effect::DeniesAfter),
    ("neither", Effect::DeniesAfter),
    ("never", Effect::DeniesAfter),
    ("without", Effect::DeniesAfter),
    ("w / o", Effect::DeniesAfter),
    ("free of|from", Effect::DeniesAfter),
    ("clear of", Effect::DeniesAfter),
    ("clear without", Effect::DeniesAfter),
    ("devoid of", Effect::DeniesAfter),
    ("absence of", Effect::DeniesAfter),
    ("absent", Effect::DeniesAfter),
    ("lack of", Effect::DeniesAfter),
    ("negative for", Effect::DeniesAfter),
    ("resolution of", Effect::DeniesAfter),
    ("resolved", Effect::DeniesAfter),
    ("removal of", Effect::DeniesAfter),
    ("has|have been removed", Effect::DeniesBefore),
    ("rules|ruled|ruling out", Effect::DeniesAfter),
    // Denial after.
    (
        "is|are|was|were not seen|identified|present|visualized|visualised|demonstrated|evident|noted|appreciated|visible|observed|detected|apparent",
        Effect::DeniesBefore,
    ),
    (
        "not seen|identified|visualized|visualised|demonstrated|appreciated|evident|present|detected",
        Effect::DeniesBefore,
    ),
    (
        "is|are not clearly|definitely|definitively seen|identified|visualized|visualised|demonstrated",
        Effect::DeniesBefore,
    ),
    (
        "no longer seen|identified|visualized|visualised|present|evident|visible|appreciated|demonstrated",
        Effect::DeniesBefore,
    ),
    ("is|are|was|were absent", Effect::DeniesBefore),
    ("has|have completely|nearly|almost|essentially|since|now| resolved", Effect::DeniesBefore),
    ("is|are now| resolved", Effect::DeniesBefore),
    ("has|have been| cleared", Effect::DeniesBefore),
    ("is|are ruled out", Effect::DeniesBefore),
    ("has|have been ruled out", Effect::DeniesBefore),
    ("is|are excluded", Effect::DeniesBefore),
    ("unlikely", Effect::DeniesBefore),
    ("not likely|suspected", Effect::DeniesBefore),
    // Doubt before.
    (
        "possible|possibly|probable|probably|questionable|questionably|suspect|presumed|presumably|equivocal",
        Effect::DoubtsNext,
    ),
    ("borderline", Effect::DoubtsNext),
    ("perhaps|maybe", Effect::DoubtsNext),
    ("may|might|could", Effect::DoubtsAfter),
    ("can be seen|related|due|represent", Effect::DoubtsAfter),
    ("question", Effect::DoubtsNext),
    ("question of", Effect::DoubtsNext),
    ("may|might|could obscure|limit|hide", Effect::Past),
    ("suspicious|suspicion|concern|concerning|worrisome for|of", Effect::DoubtsAfter),
    ("suspicion|possibility|likelihood of", Effect::DoubtsAfter),
    ("raise*|raising .. possibility|question|concern of|for", Effect::DoubtsAfter),
    ("suggest*", Effect::DoubtsAfter),
    ("suggestion of", Effect::DoubtsAfter),
    ("favor*|favour*", Effect::DoubtsNext),
    ("differential|differentials|consideration|considerations", Effect::DoubtsAfter),
    ("consider", Effect::DoubtsAfter),
    ("correlat* .. for", Effect::DoubtsAfter),
    ("less likely", Effect::DoubtsNext),
    ("rather than", Effect::DoubtsNext),
    ("cannot|can't completely|entirely|definitively|definitely| exclude", Effect::DoubtsAfter),
    ("cannot|can't completely|entirely| rule out", Effect::DoubtsAfter),
    ("difficult|hard to exclude|evaluate|assess", Effect::DoubtsAfter),
    ("can not|cannot be completely|entirely| excluded", Effect::DoubtsBefore),
    ("not completely|entirely|definitively| exclude*", Effect::DoubtsAfter),
    ("could|may|might not be completely|entirely| excluded", Effect::DoubtsBefore),
    ("to exclude|evaluate|assess|document|confirm", Effect::DoubtsAfter),
    ("evaluate|evaluation|assess|assessment|follow|workup for", Effect::DoubtsAfter),
    ("rule out", Effect::DoubtsAfter),
    ("r / o", Effect::DoubtsAfter),
    ("may|might not be demonstrated|seen|detected|visualized|visualised|apparent|visible", Effect::DoubtsBefore),
    ("recommend*", Effect::DoubtsAfter),
    ("?", Effect::DoubtsBoth),
    // Doubt after.
    ("cannot be completely|entirely|definitively|definitely| excluded|exclude", Effect::DoubtsBefore),
    ("not be completely|entirely|definitively|definitely| excluded", Effect::DoubtsBefore),
    ("not completely|entirely|definitively|definitely| excluded", Effect::DoubtsBefore),
    ("is|are possible|probable|questioned|suspected|questionable|equivocal", Effect::DoubtsBefore),
    ("could|may|might be present|considered|possible", Effect::DoubtsBefore),
    ("in|within the differential", Effect::DoubtsBefore),
    ("is|are not excluded", Effect::DoubtsBefore),
    ("has|have not been| excluded", Effect::DoubtsBefore),
    ("suspected", Effect::DoubtsBoth),
    ("versus|vs", Effect::DoubtsBoth),
    ("or", Effect::DoubtsBoth),
    ("and / or", Effect::DoubtsBoth),
    // The past.
    ("history|hx of", Effect::Past),
    // A condition states nothing (ConText: hypothetical).
    ("if", Effect::Past),
    ("h / o", Effect::Past),
    // Ends.
    ("but|however|although|though|yet", Effect::Ends),
    ("except|excepting", Effect::Ends),
    ("apart|aside from", Effect::Ends),
    ("other than", Effect::Ends),
    ("with the exception of", Effect::Ends),
    ("secondary to", Effect::Ends),
    ("due to", Effect::Ends),
    ("because", Effect::Ends),
    ("which", Effect::Ends),
    ("there is|are|has|have", Effect::Ends),
    ("otherwise", Effect::Ends),
    ("status post", Effect::Ends),
    // Not what they seem.
    (
        "no significant|acute|appreciable|substantial|definite|other| interval| change|changes|difference",
        Effect::Nothing,
    ),
    ("no increase|decrease|progression|improvement", Effect::Nothing),
    ("not significantly|substantially|appreciably| changed|improved|increased|decreased|different", Effect::Nothing),
    ("without significant|substantial|interval| interval| change", Effect::Nothing),
    ("not only", Effect::Nothing),
    (
        "not well|adequately|optimally|fully|completely seen|visualized|visualised|evaluated|included|imaged|assessed",
        Effect::Nothing,
    ),
    ("no doubt", Effect::Nothing),
    ("may of", Effect::Nothing),
];

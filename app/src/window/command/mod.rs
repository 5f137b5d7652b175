//! Everything a user can ask for, once: the menus, the palette, the keys and the list of keys all read this.

mod keys;
mod run;

/// One wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    OpenFilms,
    OpenFolder,
    OpenSamples,
    OpenGallery,
    OpenBundle,
    OpenStore,
    OpenProposal,
    CloseNotice,
    ForgetRecent,
    Quit,
    NextFilm,
    PreviousFilm,
    Undo,
    Redo,
    ResetEdits,
    ArrangeFour,
    ArrangeTwo,
    ArrangeOne,
    ToggleOverlay,
    Invert,
    ResetView,
    ToggleStudy,
    ToggleFeatures,
    ShowShift,
    ShowAttribution,
    ShowGallery,
    ShowReport,
    ShowAudit,
    ShowPerformance,
    SearchFeatures,
    ComputeShift,
    ComputeAttribution,
    ComputeAudit,
    OpenMetadata,
    Cancel,
    PlayPause,
    NextFrame,
    PreviousFrame,
    ExportPicture,
    ExportGif,
    ExportSheet,
    ExportFrames,
    ExportReport,
    ExportAudit,
    ExportFeatureSheet,
    CopyFeatureLink,
    TogglePrivacy,
    SwitchTheme,
    Palette,
    Keys,
    AboutBundle,
    About,
}

/// Menus, in order.
pub const MENUS: [(&str, &[&[Command]]); 4] = [
    (
        "File",
        &[
            &[Command::OpenFilms, Command::OpenFolder, Command::OpenGallery, Command::OpenSamples],
            &[
                Command::ExportPicture,
                Command::ExportGif,
                Command::ExportSheet,
                Command::ExportFrames,
                Command::ExportReport,
                Command::ExportAudit,
                Command::ExportFeatureSheet,
                Command::CopyFeatureLink,
            ],
            &[Command::ForgetRecent, Command::Quit],
        ],
    ),
    (
        "View",
        &[
            &[Command::ArrangeFour, Command::ArrangeTwo, Command::ArrangeOne],
            &[Command::ToggleOverlay, Command::Invert, Command::ResetView],
            &[Command::NextFilm, Command::PreviousFilm],
            &[
                Command::ToggleStudy,
                Command::ToggleFeatures,
                Command::ShowShift,
                Command::ShowAttribution,
                Command::ShowGallery,
                Command::ShowReport,
                Command::ShowAudit,
                Command::ShowPerformance,
            ],
            &[Command::TogglePrivacy, Command::SwitchTheme],
        ],
    ),
    (
        "Model",
        &[
            &[
                Command::OpenBundle,
                Command::OpenStore,
                Command::OpenProposal,
                Command::CloseNotice,
                Command::AboutBundle,
            ],
            &[Command::Undo, Command::Redo, Command::ResetEdits, Command::SearchFeatures],
            &[Command::ComputeShift, Command::PlayPause, Command::NextFrame, Command::PreviousFrame],
            &[Command::ComputeAttribution, Command::OpenMetadata, Command::ComputeAudit, Command::Cancel],
        ],
    ),
    ("Help", &[&[Command::Palette, Command::Keys], &[Command::About]]),
];

impl Command {
    /// Every command, in the order of the menus.
    pub fn all() -> impl Iterator<Item = Self> {
        MENUS.iter().flat_map(|(_, groups)| groups.iter().flat_map(|group| group.iter().copied()))
    }

    /// What menus call it.
    pub fn text(self) -> &'static str {
        self.words().0
    }

    /// One sentence about it.
    pub fn hint(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenFilms => {
                ("Open films…", "DICOM, PNG, JPEG, TIFF or BMP files; they can be dropped on the window too")
            }
            Self::OpenFolder => ("Open folder…", "All films in a folder and the folders below it"),
            Self::OpenSamples => ("Open sample films", "Drawn films that come with Fluoro; not patients"),
            Self::OpenGallery => ("Open gallery films", "The films that come with the bundle, as the study"),
            Self::OpenProposal => (
                "Open the bundle for this film",
                "The built-in bundle that was trained on films like this one; the study stays open",
            ),
            Self::CloseNotice => {
                ("Close the notice", "It does not come back for this bundle until Fluoro is started again")
            }
            Self::OpenStore => ("Open store…", "An activation store that fluoro encode wrote: pages of its features"),
            Self::OpenBundle => ("Open bundle…", "A folder that holds bundle.ron and weights"),
            Self::ForgetRecent => ("Forget recent files", "Empties the list of recent files on this computer"),
            Self::Quit => ("Quit", "Closes the window"),
            Self::NextFilm => ("Next film", "The film below in the study"),
            Self::PreviousFilm => ("Previous film", "The film above in the study"),
            Self::Undo => ("Undo", "Takes the last change of a slider back"),
            Self::Redo => ("Redo", "Makes it again"),
            Self::ResetEdits => ("Reset all sliders", "Back to the film as it is; can be undone"),
            Self::ArrangeFour => ("Four viewports", "Original, counterfactual, reconstruction, difference"),
            Self::ArrangeTwo => ("Two viewports", "Original and counterfactual side by side"),
            Self::ArrangeOne => {
                ("One viewport", "One picture; the original stays in the corner of one made by a model")
            }
            Self::ToggleOverlay => ("Overlay", "What changed, in colour: orange brighter, blue darker"),
            Self::Invert => ("Invert", "Swaps black and white on screen; the model sees the same film"),
            Self::ResetView => ("Reset view", "Whole film, window as in the file, not inverted"),
            Self::ToggleStudy => ("Study panel", "Films and what their files say"),
            Self::ToggleFeatures => ("Features panel", "Findings and features as sliders"),
            Self::ShowShift => ("Shift", "Latent shift: the film walked along a direction"),
            Self::ShowAttribution => {
                ("Attribution", "Where the classifier looks: two methods side by side on the film")
            }
            Self::ShowGallery => ("Gallery", "Films that come with the bundle, and the pages of a store's features"),
            Self::ShowAudit => (
                "Audit",
                "Does the model read anatomy or the sticker: a column of metadata against features and predictions",
            ),
            Self::ShowReport => ("Report", "The film in sentences, each with its features and its region"),
            Self::ShowPerformance => ("Performance", "Device and times"),
            Self::SearchFeatures => ("Search features", "Puts the cursor in the search field"),
            Self::ComputeAttribution => {
                ("Compute attribution", "By both methods chosen, side by side on the light box")
            }
            Self::ComputeShift => ("Compute shift", "Computes the shift that the Shift panel describes"),
            Self::Cancel => ("Cancel", "Stops the shift or the export in progress"),
            Self::PlayPause => ("Play or pause", "Plays the shift forth and back"),
            Self::NextFrame => ("Next frame", "One frame on in the shift"),
            Self::PreviousFrame => ("Previous frame", "One frame back in the shift"),
            Self::ExportPicture => ("Export picture…", "The counterfactual of the sliders as PNG, with its recipe"),
            Self::ExportGif => ("Export GIF…", "The shift as a moving picture, with its recipe"),
            Self::ExportSheet => ("Export sheet…", "The shift as one PNG for a paper, with its recipe"),
            Self::ExportFrames => ("Export frames…", "The shift as a folder of PNG files with a table, and its recipe"),
            Self::ComputeAudit => {
                ("Audit the column", "Which features follow the column of the Audit panel, and what they do")
            }
            Self::OpenMetadata => {
                ("Open metadata table…", "A CSV table with a column that names the films, for the Audit panel")
            }
            Self::ExportAudit => ("Export audit…", "One page that stands alone, with JSON and CSV beside it"),
            Self::ExportReport => ("Export report…", "The sentences as text, JSON, or text that DICOM takes"),
            Self::ExportFeatureSheet => ("Export feature sheet…", "The feature's page of the store as one PNG"),
            Self::CopyFeatureLink => ("Copy link to feature", "The command that opens this page of the store again"),
            Self::TogglePrivacy => ("Hide patient names", "On at every start"),
            Self::SwitchTheme => ("Light or dark panels", "Films stay on dark ground"),
            Self::Palette => ("Command palette", "Every command and film by name"),
            Self::Keys => ("Keys and gestures", "What keyboard and mouse do"),
            Self::AboutBundle => {
                ("About this bundle", "What it was trained on, how good it is, its limits and licence")
            }
            Self::About => ("About Fluoro", "Version, licence, and what it is not for"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_share_keys_and_all_are_in_a_menu_once() {
        let mut seen = Vec::new();
        let mut commands = Vec::new();
        for command in Command::all() {
            assert!(!commands.contains(&command), "{command:?} twice");
            commands.push(command);
            assert!(!command.text().is_empty() && !command.hint().is_empty());
            for keys in command.keys() {
                assert!(!seen.contains(keys), "{keys:?} twice");
                seen.push(*keys);
            }
        }
    }
}

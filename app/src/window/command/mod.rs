//! Everything a user can ask for, once: the menus, the palette, the keys and the list of keys all read this.

mod keymap;
mod keys;
mod run;

pub use keymap::{Keymap, chord, chord_text};

/// One wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    OpenSession,
    SaveSession,
    SaveSessionAs,
    RestoreSession,
    DropLeftSession,
    LocateFilm,
    LocateFolder,
    ShowLog,
    ResetLayout,
    Settings,
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
    RememberedEdits,
    ApplyEditToAll,
    ImportEdit,
    OnlyFiring,
    Brush,
    SearchRegion,
    ComputeShift,
    ComputeAttribution,
    ComputeAudit,
    OpenMetadata,
    WatchTraining,
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
    ExportDicom,
    ExportFilm,
    SaveView,
    CopyPicture,
    TogglePrior,
    LinkPrior,
    AllTags,
    CopyFeatureLink,
    TogglePrivacy,
    SwitchTheme,
    Palette,
    Keys,
    AboutBundle,
    About,
    PresetOwn,
    PresetRange,
    PresetPercentiles,
    PresetDense,
    PresetLungs,
    FlipHorizontal,
    FlipVertical,
    RotateRight,
    RotateLeft,
    OpacityUp,
    OpacityDown,
    DragWindow,
    DragPan,
    DragMeasure,
    LinkWindows,
    ToggleWipe,
    ChangeOnFilm,
    NextOverlayStyle,
    NextColours,
}

/// Windows by key.
pub const WINDOWS: [Command; 6] = [
    Command::PresetOwn,
    Command::PresetRange,
    Command::PresetPercentiles,
    Command::PresetDense,
    Command::PresetLungs,
    Command::LinkWindows,
];

/// Menus, in order.
pub const MENUS: [(&str, &[&[Command]]); 5] = [
    (
        "File",
        &[
            &[Command::OpenFilms, Command::OpenFolder, Command::OpenGallery, Command::OpenSamples],
            &[
                Command::OpenSession,
                Command::SaveSession,
                Command::SaveSessionAs,
                Command::RestoreSession,
                Command::DropLeftSession,
                Command::LocateFilm,
                Command::LocateFolder,
            ],
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
            &[Command::ExportDicom, Command::ExportFilm, Command::SaveView, Command::CopyPicture],
            &[Command::ForgetRecent, Command::Settings, Command::Quit],
        ],
    ),
    (
        "View",
        &[
            &[Command::ArrangeFour, Command::ArrangeTwo, Command::ArrangeOne],
            &[Command::ToggleOverlay, Command::Invert, Command::ResetView],
            &[Command::NextFilm, Command::PreviousFilm],
            &[Command::TogglePrior, Command::LinkPrior, Command::AllTags],
            &[
                Command::ToggleStudy,
                Command::ToggleFeatures,
                Command::ShowShift,
                Command::ShowAttribution,
                Command::ShowGallery,
                Command::ShowReport,
                Command::ShowAudit,
                Command::ShowPerformance,
                Command::ShowLog,
                Command::ResetLayout,
            ],
            &[Command::TogglePrivacy, Command::SwitchTheme],
        ],
    ),
    (
        "Film",
        &[
            &WINDOWS,
            &[Command::FlipHorizontal, Command::FlipVertical, Command::RotateRight, Command::RotateLeft],
            &[Command::DragWindow, Command::DragPan, Command::DragMeasure],
            &[Command::ToggleWipe, Command::ChangeOnFilm],
            &[Command::OpacityUp, Command::OpacityDown, Command::NextOverlayStyle, Command::NextColours],
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
                Command::WatchTraining,
            ],
            &[Command::Undo, Command::Redo, Command::ResetEdits, Command::SearchFeatures],
            &[
                Command::RememberedEdits,
                Command::ApplyEditToAll,
                Command::ImportEdit,
                Command::OnlyFiring,
                Command::Brush,
                Command::SearchRegion,
            ],
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

    /// What settings call it.
    pub fn name(self) -> String {
        format!("{self:?}")
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
            Self::OpenSession => {
                ("Open session…", "Films, edits and view as they were saved: a file that ends in .fluoro.ron")
            }
            Self::SaveSession => (
                "Save session",
                "Bundle, films, edits and view in one file; films stay where they are and are named in it",
            ),
            Self::SaveSessionAs => ("Save session as…", "The same in another file"),
            Self::RestoreSession => ("Restore the last session", "What was open when Fluoro ended without closing"),
            Self::DropLeftSession => {
                ("Drop the last session", "What was open when Fluoro ended without closing is not wanted")
            }
            Self::LocateFilm => {
                ("Locate film…", "Say where a film of the session is now; others are looked for around it")
            }
            Self::LocateFolder => {
                ("Locate folder…", "Look for all missing films of the session in a folder and below it")
            }
            Self::ShowLog => ("Log", "What the program said: warnings, errors, results"),
            Self::ResetLayout => ("Reset layout", "All panels back to their first places and sizes"),
            Self::Settings => ("Settings…", "Theme, size of the interface, keys"),
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
            Self::Undo => ("Undo", "Takes the last change of a slider or of the view back"),
            Self::Redo => ("Redo", "Makes it again"),
            Self::ResetEdits => ("Reset all sliders", "Back to the film as it is; can be undone"),
            Self::ArrangeFour => ("Four viewports", "Original, counterfactual, reconstruction, difference"),
            Self::ArrangeTwo => ("Two viewports", "Original and counterfactual side by side"),
            Self::ArrangeOne => {
                ("One viewport", "One picture; the original stays in the corner of one made by a model")
            }
            Self::ToggleOverlay => ("Overlay", "What changed, in colour: orange brighter, blue darker"),
            Self::Invert => ("Invert", "Swaps black and white on screen; the model sees the same film"),
            Self::ResetView => {
                ("Reset view", "Whole film in grey, window as in the file, not inverted, not turned, nothing measured")
            }
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
            Self::RememberedEdits => {
                ("Remembered edits…", "Edits with a name, such as no pacemaker: for this film and others")
            }
            Self::ApplyEditToAll => (
                "Apply the edit to all films",
                "What the sliders say, relative to each film's own activations; undo takes it back on each film",
            ),
            Self::ImportEdit => ("Import an edit…", "A recipe of a remembered edit"),
            Self::OnlyFiring => {
                ("Only firing features", "Lists the features that fire on this film, and the edited ones")
            }
            Self::Brush => {
                ("Brush", "Paint where the edit of the chosen feature applies; the rest of the film keeps its own")
            }
            Self::SearchRegion => (
                "Search features by region",
                "Drag a rectangle on the film: the features most tied to it are listed first",
            ),
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
            Self::WatchTraining => {
                ("Watch a training…", "The curves of an SAE that fluoro train sae STORE is training, or has trained")
            }
            Self::ExportAudit => ("Export audit…", "One page that stands alone, with JSON and CSV beside it"),
            Self::ExportReport => ("Export report…", "The sentences as text, JSON, or text that DICOM takes"),
            Self::ExportFeatureSheet => ("Export feature sheet…", "The feature's page of the store as one PNG"),
            Self::ExportDicom => (
                "Export DICOM…",
                "The edit or the shift as a Secondary Capture with new identifiers; nobody's name unless you ask for it",
            ),
            Self::ExportFilm => ("Export film as PNG…", "The film at its own pixels, without anything its file says"),
            Self::SaveView => ("Save view…", "The light box as it is on screen, as a PNG with its words"),
            Self::CopyPicture => ("Copy picture", "The same on the clipboard"),
            Self::TogglePrior => (
                "Film beside",
                "An earlier film of the same patient beside this one; right-click any film of the list to choose another",
            ),
            Self::LinkPrior => ("Link the film beside", "It moves and zooms with the current film, or by itself"),
            Self::AllTags => ("All tags", "Everything that the film's file says, with a search field"),
            Self::CopyFeatureLink => ("Copy link to feature", "The command that opens this page of the store again"),
            Self::TogglePrivacy => ("Hide patient names", "On at every start"),
            Self::SwitchTheme => ("Light or dark panels", "Films stay on dark ground"),
            Self::Palette => ("Command palette", "Every command and film by name"),
            Self::Keys => ("Keys and gestures", "What keyboard and mouse do"),
            Self::AboutBundle => {
                ("About this bundle", "What it was trained on, how good it is, its limits and licence")
            }
            Self::About => ("About Fluoro", "Version, licence, and what it is not for"),
            Self::PresetOwn => ("Window of the file", "The first window that the file gives, else all its values"),
            Self::PresetRange => {
                ("Window of the whole range", "From the smallest to the largest value that the file can hold")
            }
            Self::PresetPercentiles => {
                ("Window of the film's values", "From the 1st to the 99th percentile of this film, borders left out")
            }
            Self::PresetDense => (
                "Window for dense parts",
                "Mediastinum and bones: from the median up to the 99.5th percentile of this film",
            ),
            Self::PresetLungs => (
                "Window for lungs",
                "The parts with air: from the lowest values up to the 65th percentile of this film",
            ),
            Self::FlipHorizontal => ("Flip left and right", "On screen only; each viewport says so"),
            Self::FlipVertical => ("Flip top and bottom", "On screen only; each viewport says so"),
            Self::RotateRight => ("Turn right by 90°", "On screen only; the model sees the film as it is"),
            Self::RotateLeft => ("Turn left by 90°", "On screen only; the model sees the film as it is"),
            Self::OpacityUp => ("Stronger overlay", "One step up in opacity"),
            Self::OpacityDown => ("Weaker overlay", "One step down in opacity"),
            Self::DragWindow => {
                ("Left drag: window and level", "Across is width, along is level; Shift is finer, Ctrl coarser")
            }
            Self::DragPan => ("Left drag: move the film", "As the right and the middle button always do"),
            Self::DragMeasure => {
                ("Left drag: measure a length", "In millimetres where the file gives the spacing of its pixels")
            }
            Self::LinkWindows => (
                "Link the windows",
                "One window for all viewports; else each has its own, and keys change the one under the pointer",
            ),
            Self::ToggleWipe => {
                ("Wipe", "Original and counterfactual in one viewport, with a line to drag between them")
            }
            Self::ChangeOnFilm => (
                "Change on the film",
                "The counterfactual as the original with the model's change laid on it, so that anatomy stays sharp; else as \
                 the model draws it",
            ),
            Self::NextOverlayStyle => {
                ("Next overlay style", "Heat, the outline of what is above the threshold, or both")
            }
            Self::NextColours => ("Next colour map", "Grey, viridis, magma, blue to red"),
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

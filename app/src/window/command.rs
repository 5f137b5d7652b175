//! Everything a user can ask for, once: the menus, the palette, the keys and the list of keys all read this.

use egui::{Context, Key, KeyboardShortcut, Modifiers};

use super::app::{App, Cover, Source, Tab};
use super::dialogs::Purpose;
use super::light_box::Arrangement;
use super::panels::palette::Palette;
use fluoro_core::engine::Edit;

/// One wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    OpenFilms,
    OpenFolder,
    OpenSamples,
    OpenBundle,
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
    ShowPerformance,
    SearchFeatures,
    ComputeShift,
    Cancel,
    PlayPause,
    NextFrame,
    PreviousFrame,
    ExportPicture,
    ExportGif,
    ExportSheet,
    ExportFrames,
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
            &[Command::OpenFilms, Command::OpenFolder, Command::OpenSamples],
            &[Command::ExportPicture, Command::ExportGif, Command::ExportSheet, Command::ExportFrames],
            &[Command::ForgetRecent, Command::Quit],
        ],
    ),
    (
        "View",
        &[
            &[Command::ArrangeFour, Command::ArrangeTwo, Command::ArrangeOne],
            &[Command::ToggleOverlay, Command::Invert, Command::ResetView],
            &[Command::NextFilm, Command::PreviousFilm],
            &[Command::ToggleStudy, Command::ToggleFeatures, Command::ShowShift, Command::ShowPerformance],
            &[Command::TogglePrivacy, Command::SwitchTheme],
        ],
    ),
    (
        "Model",
        &[
            &[Command::OpenBundle, Command::AboutBundle],
            &[Command::Undo, Command::Redo, Command::ResetEdits, Command::SearchFeatures],
            &[Command::ComputeShift, Command::PlayPause, Command::NextFrame, Command::PreviousFrame, Command::Cancel],
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
            Self::OpenFilms => ("Open films…", "DICOM, PNG, JPEG, TIFF or BMP files; they can be dropped on the window too"),
            Self::OpenFolder => ("Open folder…", "All films in a folder and the folders below it"),
            Self::OpenSamples => ("Open sample films", "Drawn films that come with Fluoro; not patients"),
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
            Self::ArrangeOne => ("One viewport", "One picture; the original stays in the corner of one made by a model"),
            Self::ToggleOverlay => ("Overlay", "What changed, in colour: orange brighter, blue darker"),
            Self::Invert => ("Invert", "Swaps black and white on screen; the model sees the same film"),
            Self::ResetView => ("Reset view", "Whole film, window as in the file, not inverted"),
            Self::ToggleStudy => ("Study panel", "Films and what their files say"),
            Self::ToggleFeatures => ("Features panel", "Findings and features as sliders"),
            Self::ShowShift => ("Shift", "Latent shift: the film walked along a direction"),
            Self::ShowPerformance => ("Performance", "Device and times"),
            Self::SearchFeatures => ("Search features", "Puts the cursor in the search field"),
            Self::ComputeShift => ("Compute shift", "Computes the shift that the Shift panel describes"),
            Self::Cancel => ("Cancel", "Stops the shift or the export in progress"),
            Self::PlayPause => ("Play or pause", "Plays the shift forth and back"),
            Self::NextFrame => ("Next frame", "One frame on in the shift"),
            Self::PreviousFrame => ("Previous frame", "One frame back in the shift"),
            Self::ExportPicture => ("Export picture…", "The counterfactual on screen as PNG, with its recipe"),
            Self::ExportGif => ("Export GIF…", "The shift as a moving picture, with its recipe"),
            Self::ExportSheet => ("Export sheet…", "The shift as one PNG for a paper, with its recipe"),
            Self::ExportFrames => ("Export frames…", "The shift as a folder of PNG files with a table, and its recipe"),
            Self::TogglePrivacy => ("Hide patient names", "On at every start"),
            Self::SwitchTheme => ("Light or dark panels", "Films stay on dark ground"),
            Self::Palette => ("Command palette", "Every command and film by name"),
            Self::Keys => ("Keys and gestures", "What keyboard and mouse do"),
            Self::AboutBundle => ("About this bundle", "What it was trained on, how good it is, its limits and licence"),
            Self::About => ("About Fluoro", "Version, licence, and what it is not for"),
        }
    }

    /// Its keys; the first is shown.
    pub fn keys(self) -> &'static [KeyboardShortcut] {
        const fn plain(key: Key) -> KeyboardShortcut {
            KeyboardShortcut::new(Modifiers::NONE, key)
        }
        const fn ctrl(key: Key) -> KeyboardShortcut {
            KeyboardShortcut::new(Modifiers::COMMAND, key)
        }
        const fn ctrl_shift(key: Key) -> KeyboardShortcut {
            KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
        }
        const OPEN_FILMS: [KeyboardShortcut; 1] = [ctrl(Key::O)];
        const OPEN_FOLDER: [KeyboardShortcut; 1] = [ctrl_shift(Key::O)];
        const OPEN_BUNDLE: [KeyboardShortcut; 1] = [ctrl(Key::B)];
        const QUIT: [KeyboardShortcut; 1] = [ctrl(Key::Q)];
        const NEXT: [KeyboardShortcut; 3] = [plain(Key::PageDown), plain(Key::ArrowDown), plain(Key::ArrowRight)];
        const PREVIOUS: [KeyboardShortcut; 3] = [plain(Key::PageUp), plain(Key::ArrowUp), plain(Key::ArrowLeft)];
        const UNDO: [KeyboardShortcut; 1] = [ctrl(Key::Z)];
        const REDO: [KeyboardShortcut; 2] = [ctrl(Key::Y), ctrl_shift(Key::Z)];
        const RESET: [KeyboardShortcut; 1] = [ctrl(Key::Backspace)];
        const FOUR: [KeyboardShortcut; 1] = [plain(Key::Num4)];
        const TWO: [KeyboardShortcut; 1] = [plain(Key::Num2)];
        const ONE: [KeyboardShortcut; 1] = [plain(Key::Num1)];
        const OVERLAY: [KeyboardShortcut; 1] = [plain(Key::O)];
        const INVERT: [KeyboardShortcut; 1] = [plain(Key::I)];
        const VIEW: [KeyboardShortcut; 1] = [plain(Key::Space)];
        const STUDY: [KeyboardShortcut; 1] = [plain(Key::F2)];
        const FEATURES: [KeyboardShortcut; 1] = [plain(Key::F3)];
        const SHIFT: [KeyboardShortcut; 1] = [plain(Key::F4)];
        const PERFORMANCE: [KeyboardShortcut; 1] = [plain(Key::F5)];
        const SEARCH: [KeyboardShortcut; 2] = [ctrl(Key::F), plain(Key::Slash)];
        const COMPUTE: [KeyboardShortcut; 1] = [ctrl(Key::Enter)];
        const CANCEL: [KeyboardShortcut; 1] = [plain(Key::Escape)];
        const PLAY: [KeyboardShortcut; 1] = [plain(Key::P)];
        const FRAME_ON: [KeyboardShortcut; 1] = [plain(Key::Period)];
        const FRAME_BACK: [KeyboardShortcut; 1] = [plain(Key::Comma)];
        const EXPORT: [KeyboardShortcut; 1] = [ctrl(Key::S)];
        const EXPORT_GIF: [KeyboardShortcut; 1] = [ctrl_shift(Key::S)];
        const PALETTE: [KeyboardShortcut; 1] = [ctrl(Key::K)];
        const KEYS: [KeyboardShortcut; 2] = [plain(Key::Questionmark), plain(Key::F1)];
        match self {
            Self::OpenFilms => &OPEN_FILMS,
            Self::OpenFolder => &OPEN_FOLDER,
            Self::OpenBundle => &OPEN_BUNDLE,
            Self::Quit => &QUIT,
            Self::NextFilm => &NEXT,
            Self::PreviousFilm => &PREVIOUS,
            Self::Undo => &UNDO,
            Self::Redo => &REDO,
            Self::ResetEdits => &RESET,
            Self::ArrangeFour => &FOUR,
            Self::ArrangeTwo => &TWO,
            Self::ArrangeOne => &ONE,
            Self::ToggleOverlay => &OVERLAY,
            Self::Invert => &INVERT,
            Self::ResetView => &VIEW,
            Self::ToggleStudy => &STUDY,
            Self::ToggleFeatures => &FEATURES,
            Self::ShowShift => &SHIFT,
            Self::ShowPerformance => &PERFORMANCE,
            Self::SearchFeatures => &SEARCH,
            Self::ComputeShift => &COMPUTE,
            Self::Cancel => &CANCEL,
            Self::PlayPause => &PLAY,
            Self::NextFrame => &FRAME_ON,
            Self::PreviousFrame => &FRAME_BACK,
            Self::ExportPicture => &EXPORT,
            Self::ExportGif => &EXPORT_GIF,
            Self::Palette => &PALETTE,
            Self::Keys => &KEYS,
            _ => &[],
        }
    }

    /// Its first keys in words, as this system writes them.
    pub fn keys_text(self, ctx: &Context) -> Option<String> {
        match self {
            // The character is what a hand types, not the keys that make it.
            Self::Keys => Some("?".to_owned()),
            _ => self.keys().first().map(|keys| ctx.format_shortcut(keys)),
        }
    }
}

impl App {
    /// Whether a command would do something now.
    pub fn can(&self, command: Command) -> bool {
        let shift = self.shift.job.value.is_some();
        let film = self.study.film();
        match command {
            Command::OpenFilms | Command::OpenFolder | Command::OpenBundle => self.host.dialogs && self.dialogs.is_free(),
            Command::ForgetRecent => !self.recent.paths().is_empty(),
            Command::NextFilm => self.study.current + 1 < self.study.films.len(),
            Command::PreviousFilm => self.study.current > 0,
            Command::Undo => film.is_some_and(|film| film.history.can_undo()),
            Command::Redo => film.is_some_and(|film| film.history.can_redo()),
            Command::ResetEdits => !self.edit().is_empty(),
            Command::ComputeShift => self.analysis().is_some() && self.shift.job.working.is_none(),
            Command::Cancel => self.shift.job.working.is_some() || self.export.working.is_some(),
            Command::PlayPause | Command::NextFrame | Command::PreviousFrame => shift,
            Command::ExportPicture => self.may_export() && (self.pictures.made.is_some() || shift),
            Command::ExportGif | Command::ExportSheet | Command::ExportFrames => self.may_export() && shift,
            Command::AboutBundle => self.model.view.is_some(),
            _ => true,
        }
    }

    fn may_export(&self) -> bool {
        self.host.dialogs && self.dialogs.is_free() && self.export.working.is_none()
    }

    /// Whether a command that switches something is on.
    pub fn is_on(&self, command: Command) -> Option<bool> {
        match command {
            Command::ToggleOverlay => Some(self.light_box.has_overlay()),
            Command::Invert => Some(self.light_box.invert),
            Command::ToggleStudy => Some(self.layout.study),
            Command::ToggleFeatures => Some(self.layout.features),
            Command::ShowShift => Some(self.layout.bottom && self.layout.tab == Tab::Shift),
            Command::ShowPerformance => Some(self.layout.bottom && self.layout.tab == Tab::Performance),
            Command::TogglePrivacy => Some(self.privacy),
            Command::ArrangeFour => Some(self.light_box.arrangement == Arrangement::Four),
            Command::ArrangeTwo => Some(self.light_box.arrangement == Arrangement::Two),
            Command::ArrangeOne => Some(self.light_box.arrangement == Arrangement::One),
            _ => None,
        }
    }

    /// Does it.
    pub fn run(&mut self, command: Command) {
        if !self.can(command) {
            return;
        }
        match command {
            Command::OpenFilms => self.ask(Purpose::OpenFilms),
            Command::OpenFolder => self.ask(Purpose::OpenFolder),
            Command::OpenBundle => self.ask(Purpose::OpenBundle),
            Command::OpenSamples => self.open_samples(),
            Command::ForgetRecent => self.recent.clear(),
            Command::Quit => self.ctx.send_viewport_cmd(egui::ViewportCommand::Close),
            Command::NextFilm => self.step_film(1),
            Command::PreviousFilm => self.step_film(-1),
            Command::Undo => self.undo(),
            Command::Redo => self.redo(),
            Command::ResetEdits => self.change_edit(super::state::edits::Handle::Single, |edit| *edit = Edit::default()),
            Command::ArrangeFour => self.light_box.arrangement = Arrangement::Four,
            Command::ArrangeTwo => self.light_box.arrangement = Arrangement::Two,
            Command::ArrangeOne => self.light_box.arrangement = Arrangement::One,
            Command::ToggleOverlay => self.light_box.toggle_overlay(),
            Command::Invert => self.light_box.invert = !self.light_box.invert,
            Command::ResetView => self.light_box.reset(),
            Command::ToggleStudy => self.layout.study = !self.layout.study,
            Command::ToggleFeatures => self.layout.features = !self.layout.features,
            Command::ShowShift => self.show_tab(Tab::Shift),
            Command::ShowPerformance => self.show_tab(Tab::Performance),
            Command::SearchFeatures => {
                self.layout.features = true;
                self.features.wants_focus = true;
            }
            Command::ComputeShift => {
                (self.layout.bottom, self.layout.tab) = (true, Tab::Shift);
                self.compute_shift();
            }
            Command::Cancel => self.cancel(),
            Command::PlayPause => {
                self.source = Source::Shift;
                self.shift.playing = !self.shift.playing;
            }
            Command::NextFrame => self.step_frame(1.0),
            Command::PreviousFrame => self.step_frame(-1.0),
            Command::ExportPicture => self.ask(Purpose::ExportPicture),
            Command::ExportGif => self.ask(Purpose::ExportGif),
            Command::ExportSheet => self.ask(Purpose::ExportSheet),
            Command::ExportFrames => self.ask(Purpose::ExportFrames),
            Command::TogglePrivacy => self.privacy = !self.privacy,
            Command::SwitchTheme => self.set_theme(match self.ctx.theme() {
                egui::Theme::Dark => egui::Theme::Light,
                egui::Theme::Light => egui::Theme::Dark,
            }),
            Command::Palette => self.cover = Cover::Palette(Palette::default()),
            Command::Keys => self.cover = Cover::Keys,
            Command::AboutBundle => self.cover = Cover::Bundle,
            Command::About => self.cover = Cover::About,
        }
    }

    fn show_tab(&mut self, tab: Tab) {
        let shown = self.layout.bottom && self.layout.tab == tab;
        (self.layout.bottom, self.layout.tab) = (!shown, tab);
    }

    fn step_frame(&mut self, by: f32) {
        self.source = Source::Shift;
        let frame = self.shift.frame() as f32;
        self.shift.go_to(frame + by);
    }

    /// Runs the commands whose keys were pressed. A field that is typed in, and a widget that has the keyboard, come
    /// first.
    pub fn take_keys(&mut self) {
        let ctx = self.ctx.clone();
        let covered = !matches!(self.cover, Cover::Nothing);
        let typing = ctx.text_edit_focused();
        let focused = ctx.memory(|memory| memory.focused().is_some());
        self.light_box.before = !typing && !covered && ctx.input(|input| input.key_down(Key::B) && input.modifiers.is_none());
        if covered || ctx.any_popup_open() {
            return;
        }
        let mut chosen = Vec::new();
        ctx.input_mut(|input| {
            // Keys with modifiers first: Ctrl+O is not O.
            for with_modifiers in [true, false] {
                for command in Command::all() {
                    for keys in command.keys().iter().filter(|keys| keys.modifiers.any() == with_modifiers) {
                        let moves = matches!(
                            keys.logical_key,
                            Key::ArrowDown | Key::ArrowUp | Key::ArrowLeft | Key::ArrowRight | Key::Space | Key::Escape
                        );
                        let free = with_modifiers || !(typing || focused && moves);
                        if free && input.consume_shortcut(keys) {
                            chosen.push(command);
                        }
                    }
                }
            }
            // Layouts type the question mark in many ways; the character is what counts.
            let asked = |event: &egui::Event| matches!(event, egui::Event::Text(text) if text == "?");
            if !typing && !chosen.contains(&Command::Keys) && input.events.iter().any(asked) {
                chosen.push(Command::Keys);
            }
        });
        chosen.into_iter().for_each(|command| self.run(command));
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

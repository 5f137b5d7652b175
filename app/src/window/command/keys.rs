//! The keys of each command, and taking the ones that were pressed.

use egui::{Context, Key, KeyboardShortcut, Modifiers};

use super::Command;
use crate::window::app::{App, Cover};

impl Command {
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
        const OPEN_PROPOSAL: [KeyboardShortcut; 1] = [ctrl_shift(Key::B)];
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
        const GALLERY: [KeyboardShortcut; 1] = [plain(Key::F5)];
        const ATTRIBUTION: [KeyboardShortcut; 1] = [plain(Key::F6)];
        const REPORT: [KeyboardShortcut; 1] = [plain(Key::F7)];
        const PERFORMANCE: [KeyboardShortcut; 1] = [plain(Key::F9)];
        const AUDIT: [KeyboardShortcut; 1] = [plain(Key::F8)];
        const SEARCH: [KeyboardShortcut; 2] = [ctrl(Key::F), plain(Key::Slash)];
        const COMPUTE: [KeyboardShortcut; 1] = [ctrl(Key::Enter)];
        const COMPUTE_ATTRIBUTION: [KeyboardShortcut; 1] = [ctrl_shift(Key::Enter)];
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
            Self::OpenProposal => &OPEN_PROPOSAL,
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
            Self::ShowAttribution => &ATTRIBUTION,
            Self::ComputeAttribution => &COMPUTE_ATTRIBUTION,
            Self::ShowPerformance => &PERFORMANCE,
            Self::ShowGallery => &GALLERY,
            Self::ShowReport => &REPORT,
            Self::ShowAudit => &AUDIT,
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

/// Modifiers of a chord; Ctrl is also Command.
fn count(modifiers: Modifiers) -> usize {
    [modifiers.command || modifiers.ctrl, modifiers.shift, modifiers.alt].into_iter().filter(|&on| on).count()
}

impl App {
    /// Runs the commands whose keys were pressed. A field that is typed in, and a widget that has the keyboard, come
    /// first.
    pub fn take_keys(&mut self) {
        let ctx = self.ctx.clone();
        let covered = !matches!(self.cover, Cover::Nothing);
        let typing = ctx.text_edit_focused();
        let focused = ctx.memory(|memory| memory.focused().is_some());
        self.light_box.before =
            !typing && !covered && ctx.input(|input| input.key_down(Key::B) && input.modifiers.is_none());
        if covered || ctx.any_popup_open() {
            return;
        }
        let mut chosen = Vec::new();
        ctx.input_mut(|input| {
            // The most modifiers first: egui takes Ctrl+Shift+O for Ctrl+O too, and Ctrl+O is not O.
            for modifiers in [2, 1, 0] {
                for command in Command::all() {
                    for keys in command.keys().iter().filter(|keys| count(keys.modifiers) == modifiers) {
                        let moves = matches!(
                            keys.logical_key,
                            Key::ArrowDown | Key::ArrowUp | Key::ArrowLeft | Key::ArrowRight | Key::Space | Key::Escape
                        );
                        let free = modifiers > 0 || !(typing || focused && moves);
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

//! The keys of each command, and taking the ones that were pressed.

use egui::{Context, Key, KeyboardShortcut, Modifiers};

use super::{Command, Keymap};
use crate::window::app::{App, Cover};
use crate::window::widgets::slider;

impl Command {
    /// Its usual keys; the first is shown. The user may have set others: see [`super::Keymap`].
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
        const fn alt(key: Key) -> KeyboardShortcut {
            KeyboardShortcut::new(Modifiers::ALT, key)
        }
        const fn ctrl_alt(key: Key) -> KeyboardShortcut {
            KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::ALT), key)
        }
        const OPEN_SESSION: [KeyboardShortcut; 1] = [ctrl_alt(Key::O)];
        const SAVE_SESSION: [KeyboardShortcut; 1] = [ctrl_alt(Key::S)];
        const SAVE_SESSION_AS: [KeyboardShortcut; 1] =
            [KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::ALT).plus(Modifiers::SHIFT), Key::S)];
        const LOG: [KeyboardShortcut; 1] = [plain(Key::F10)];
        const SETTINGS: [KeyboardShortcut; 1] = [ctrl(Key::Comma)];
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
        const FOUR: [KeyboardShortcut; 1] = [alt(Key::Num4)];
        const TWO: [KeyboardShortcut; 1] = [alt(Key::Num2)];
        const ONE: [KeyboardShortcut; 1] = [alt(Key::Num1)];
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
        const EDITS: [KeyboardShortcut; 1] = [ctrl(Key::E)];
        const BRUSH: [KeyboardShortcut; 1] = [plain(Key::E)];
        const COMPUTE: [KeyboardShortcut; 1] = [ctrl(Key::Enter)];
        const COMPUTE_ATTRIBUTION: [KeyboardShortcut; 1] = [ctrl_shift(Key::Enter)];
        const CANCEL: [KeyboardShortcut; 1] = [plain(Key::Escape)];
        const PLAY: [KeyboardShortcut; 1] = [plain(Key::P)];
        const FRAME_ON: [KeyboardShortcut; 1] = [plain(Key::Period)];
        const FRAME_BACK: [KeyboardShortcut; 1] = [plain(Key::Comma)];
        const EXPORT: [KeyboardShortcut; 1] = [ctrl(Key::S)];
        const EXPORT_GIF: [KeyboardShortcut; 1] = [ctrl_shift(Key::S)];
        const PRIOR: [KeyboardShortcut; 1] = [ctrl(Key::P)];
        const TAGS: [KeyboardShortcut; 1] = [ctrl(Key::T)];
        const PALETTE: [KeyboardShortcut; 1] = [ctrl(Key::K)];
        const KEYS: [KeyboardShortcut; 2] = [plain(Key::Questionmark), plain(Key::F1)];
        const PRESET_OWN: [KeyboardShortcut; 1] = [plain(Key::Num1)];
        const PRESET_RANGE: [KeyboardShortcut; 1] = [plain(Key::Num2)];
        const PRESET_PERCENTILES: [KeyboardShortcut; 1] = [plain(Key::Num3)];
        const PRESET_DENSE: [KeyboardShortcut; 1] = [plain(Key::Num4)];
        const PRESET_LUNGS: [KeyboardShortcut; 1] = [plain(Key::Num5)];
        const FLIP_HORIZONTAL: [KeyboardShortcut; 1] = [plain(Key::H)];
        const FLIP_VERTICAL: [KeyboardShortcut; 1] = [plain(Key::V)];
        const ROTATE_RIGHT: [KeyboardShortcut; 1] = [plain(Key::R)];
        const ROTATE_LEFT: [KeyboardShortcut; 1] = [plain(Key::L)];
        const OPACITY_UP: [KeyboardShortcut; 1] = [plain(Key::CloseBracket)];
        const OPACITY_DOWN: [KeyboardShortcut; 1] = [plain(Key::OpenBracket)];
        const DRAG_WINDOW: [KeyboardShortcut; 1] = [plain(Key::W)];
        const DRAG_PAN: [KeyboardShortcut; 1] = [plain(Key::T)];
        const DRAG_MEASURE: [KeyboardShortcut; 1] = [plain(Key::D)];
        const LINK: [KeyboardShortcut; 1] = [plain(Key::K)];
        const WIPE: [KeyboardShortcut; 1] = [plain(Key::X)];
        const ON_FILM: [KeyboardShortcut; 1] = [plain(Key::C)];
        const STYLE: [KeyboardShortcut; 1] = [plain(Key::U)];
        const COLOURS: [KeyboardShortcut; 1] = [plain(Key::M)];
        match self {
            Self::OpenSession => &OPEN_SESSION,
            Self::SaveSession => &SAVE_SESSION,
            Self::SaveSessionAs => &SAVE_SESSION_AS,
            Self::ShowLog => &LOG,
            Self::Settings => &SETTINGS,
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
            Self::RememberedEdits => &EDITS,
            Self::Brush => &BRUSH,
            Self::ComputeShift => &COMPUTE,
            Self::Cancel => &CANCEL,
            Self::PlayPause => &PLAY,
            Self::NextFrame => &FRAME_ON,
            Self::PreviousFrame => &FRAME_BACK,
            Self::ExportPicture => &EXPORT,
            Self::ExportGif => &EXPORT_GIF,
            Self::TogglePrior => &PRIOR,
            Self::AllTags => &TAGS,
            Self::Palette => &PALETTE,
            Self::Keys => &KEYS,
            Self::PresetOwn => &PRESET_OWN,
            Self::PresetRange => &PRESET_RANGE,
            Self::PresetPercentiles => &PRESET_PERCENTILES,
            Self::PresetDense => &PRESET_DENSE,
            Self::PresetLungs => &PRESET_LUNGS,
            Self::FlipHorizontal => &FLIP_HORIZONTAL,
            Self::FlipVertical => &FLIP_VERTICAL,
            Self::RotateRight => &ROTATE_RIGHT,
            Self::RotateLeft => &ROTATE_LEFT,
            Self::OpacityUp => &OPACITY_UP,
            Self::OpacityDown => &OPACITY_DOWN,
            Self::DragWindow => &DRAG_WINDOW,
            Self::DragPan => &DRAG_PAN,
            Self::DragMeasure => &DRAG_MEASURE,
            Self::LinkWindows => &LINK,
            Self::ToggleWipe => &WIPE,
            Self::ChangeOnFilm => &ON_FILM,
            Self::NextOverlayStyle => &STYLE,
            Self::NextColours => &COLOURS,
            _ => &[],
        }
    }

    /// Its first keys in words, as this system writes them.
    pub fn keys_text(self, ctx: &Context) -> Option<String> {
        let keymap = Keymap::installed(ctx);
        match self {
            // The character is what a hand types, not the keys that make it.
            Self::Keys if !keymap.is_own(self) => Some("?".to_owned()),
            Self::OpacityDown if !keymap.is_own(self) => Some("[".to_owned()),
            Self::OpacityUp if !keymap.is_own(self) => Some("]".to_owned()),
            _ => keymap.of(self).first().map(|keys| ctx.format_shortcut(keys)),
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
        let on_slider = slider::has_keyboard(&ctx);
        // A menu that was opened in a frame before has Escape, the arrows and all other keys without Ctrl.
        let in_menu = egui::Popup::is_any_open(&ctx) || self.named_edits.is_open;
        let mut chosen = Vec::new();
        let keymap = self.keymap.clone();
        ctx.input_mut(|input| {
            // The most modifiers first: egui takes Ctrl+Shift+O for Ctrl+O too, and Ctrl+O is not O.
            for modifiers in [3, 2, 1, 0] {
                for command in Command::all() {
                    for keys in keymap.of(command).iter().filter(|keys| count(keys.modifiers) == modifiers) {
                        let moves = matches!(
                            keys.logical_key,
                            Key::ArrowDown | Key::ArrowUp | Key::ArrowLeft | Key::ArrowRight | Key::Space | Key::Escape
                        );
                        let is_page = matches!(keys.logical_key, Key::PageUp | Key::PageDown);
                        if on_slider && is_page || in_menu && modifiers == 0 {
                            continue;
                        }
                        // Letters, and the keys that change a text, are the field's.
                        let is_chord = keys.modifiers.command || keys.modifiers.ctrl || keys.modifiers.alt;
                        let of_text = matches!(
                            keys.logical_key,
                            Key::Backspace | Key::Z | Key::Y | Key::A | Key::C | Key::V | Key::X
                        );
                        if typing && (!is_chord || of_text) {
                            continue;
                        }
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

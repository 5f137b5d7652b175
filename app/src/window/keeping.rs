//! What outlives the window: settings and the running session. In: the application, once a frame. Out: files, written by
//! threads of their own.

use super::app::App;
use super::command::Keymap;
use super::state::problem::Problem;
use super::state::settings::{SCALES, SettingsFile};

impl App {
    /// Starts with these settings, and says what was wrong with their file.
    pub(super) fn take_settings(&mut self, settings: SettingsFile, problem: Option<Problem>) {
        if let Some(problem) = problem {
            self.toasts.problem(&problem);
        }
        self.settings = settings;
        let now = self.settings.now.clone();
        self.keymap = Keymap::of_settings(&now.keys);
        self.keymap.install(&self.ctx);
        self.ctx.set_zoom_factor(now.scale);
        self.light_box.left = now.left_drag;
        if now.light {
            self.set_theme(egui::Theme::Light);
        }
        if let Some(plan) = &now.layout {
            self.dock.follow(plan, &mut self.layout);
        }
    }

    /// The keys were changed.
    pub fn change_keys(&mut self, change: impl FnOnce(&mut Keymap)) {
        change(&mut self.keymap);
        self.keymap.install(&self.ctx);
        self.settings.now.keys = self.keymap.to_settings();
    }

    /// Makes the interface larger or smaller.
    pub fn set_scale(&mut self, scale: f32) {
        self.ctx.set_zoom_factor(scale.clamp(SCALES[0], SCALES[1]));
    }

    /// Opens what an earlier run left behind. It is saved nowhere yet, so Save asks where.
    pub fn restore_left_session(&mut self) {
        if let Some(left) = self.session.keeper.left.clone() {
            self.open_session(left);
        }
    }

    /// Tells the log when the window answered first, and when the first film could be changed.
    pub(super) fn tell_start(&mut self) {
        let milliseconds = super::state::log::milliseconds();
        match self.told_start {
            0 => tracing::info!("first frame {milliseconds} ms after the start"),
            1 if self.analysis().is_some() => tracing::info!("first film ready {milliseconds} ms after the start"),
            _ => return,
        }
        self.told_start += 1;
    }

    /// Writes settings that have changed, and keeps the running session.
    pub(super) fn keep(&mut self) {
        if std::mem::take(&mut self.wants_usual_layout) {
            self.dock.reset(&mut self.layout);
        }
        let is_held = self.ctx.input(|input| input.pointer.any_down());
        if !is_held {
            let now = &mut self.settings.now;
            now.left_drag = self.light_box.left;
            now.light = self.ctx.theme() == egui::Theme::Light;
            now.scale = self.ctx.zoom_factor();
            let plan = self.dock.plan();
            now.layout = (!plan.is_usual()).then_some(plan);
        }
        if let Some(problem) = self.settings.keep() {
            self.toasts.problem(&problem);
        }
        self.session.keeper.take();
        if let Some(seconds) = self.session.keeper.next(self.now) {
            // What changed in this frame is kept although nothing may happen afterwards.
            self.ctx.request_repaint_after(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default());
        }
        if self.session.keeper.is_due(self.now) && !self.session.is_opening() && !is_held {
            let (now, session) = (self.now, self.capture());
            let hashes = std::sync::Arc::clone(&self.session.hashes);
            self.session.keeper.look(now, session, &hashes);
        }
    }
}

//! Scripts of hands: what a user would do, step by step, without a screen. In: a RON list. Out: the window as it is then.
//!
//! Controls are found by their accessible names, as a screen reader finds them; after each step the window works until
//! nothing is under way.

use std::path::{Path, PathBuf};

use egui::accesskit::{Action, ActionData, ActionRequest, NodeId, TreeId};
use egui::{Event, Modifiers};
use serde::Deserialize;

use super::command::{Command, chord};
use super::headless::{Headless, Picture, Scene};
use super::{WindowError, WindowOptions};

/// Bytes of a script at most.
const LARGEST: u64 = 1 << 20;
/// Seconds that a script may wait at most in one step.
const LONGEST_WAIT: f64 = 60.0;
/// Names that an error tells.
const NAMES_TOLD: usize = 4;

/// One thing that a hand does.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub enum Step {
    /// Presses keys, such as `"Ctrl+K"` or `"PageDown"`.
    Key(String),
    /// Types.
    Text(String),
    /// Clicks the control of this name.
    Click(String),
    /// Sets the slider of this name.
    Set(String, f64),
    /// Runs the command that menus call so, such as `"Four viewports"`.
    Run(String),
    /// Chooses the film of this number, the first is 1.
    Film(usize),
    /// Saves the session in this file.
    SaveSession(PathBuf),
    /// Waits for so many seconds.
    Wait(f64),
}

/// A script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// When the file cannot be read or a step is not one; the message names the line.
    pub fn read(path: &Path) -> fluoro_core::Result<Self> {
        let invalid = |why: String| fluoro_core::Error::Invalid(format!("{why}: {}", path.display()));
        let unreadable = |e: std::io::Error| invalid(format!("the script cannot be read ({e})"));
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > LARGEST {
            return Err(invalid("the script is too large".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|why| invalid(format!("not a script of the window ({why})")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let steps: Vec<Step> = ron::from_str(text).map_err(|e| e.to_string())?;
        for (i, step) in steps.iter().enumerate() {
            let wrong = match step {
                Step::Key(keys) if chord(keys).is_none() => format!("\"{keys}\" is no key"),
                Step::Wait(seconds) if !(0.0..=LONGEST_WAIT).contains(seconds) => {
                    format!("a wait is 0 to {LONGEST_WAIT} seconds")
                }
                Step::Set(_, value) if !value.is_finite() => "a slider's value is a number".to_owned(),
                Step::Run(name) if command(name).is_none() => format!("there is no command \"{name}\""),
                _ => continue,
            };
            return Err(format!("step {}: {wrong}", i + 1));
        }
        Ok(Self { steps })
    }
}

/// A picture of the window of `size` pixels after a scene and a script.
///
/// # Errors
/// When the engine does not start, a step cannot be done, or the window is not ready in time.
pub fn screenshot_of_script(
    options: WindowOptions,
    size: [u32; 2],
    scene: Scene,
    script: &Script,
) -> Result<Picture, WindowError> {
    let mut window = Headless::new(options, size)?;
    window.settle()?;
    // Lives until the picture is painted.
    let _damaged = window.stage(scene)?;
    window.settle()?;
    window.play(script)?;
    Ok(window.picture())
}

impl Headless {
    /// Does what a script says.
    ///
    /// # Errors
    /// When a step cannot be done: it says which, and why.
    pub fn play(&mut self, script: &Script) -> Result<(), WindowError> {
        for (i, step) in script.steps.iter().enumerate() {
            let told = |why: String| WindowError::Scene(format!("step {} of the script: {why}", i + 1));
            self.take_step(step).map_err(told)?;
            self.settle()?;
        }
        Ok(())
    }

    fn take_step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Key(keys) => {
                let keys = chord(keys).ok_or_else(|| format!("\"{keys}\" is no key"))?;
                for pressed in [true, false] {
                    let held = if pressed { whole(keys.modifiers) } else { Modifiers::NONE };
                    self.events.push(Event::ModifiersChanged(held));
                    self.events.push(Event::Key {
                        key: keys.logical_key,
                        physical_key: None,
                        pressed,
                        repeat: false,
                        modifiers: whole(keys.modifiers),
                    });
                    self.step();
                }
            }
            Step::Text(text) => self.events.push(Event::Text(text.clone())),
            Step::Click(name) => self.act(name, Action::Click, None)?,
            Step::Set(name, value) => self.act(name, Action::SetValue, Some(ActionData::NumericValue(*value)))?,
            Step::Run(name) => {
                let command = command(name).ok_or_else(|| format!("there is no command \"{name}\""))?;
                if !self.app.can(command) {
                    return Err(format!("\"{name}\" cannot be done now"));
                }
                self.app.run(command);
            }
            Step::Film(number) => {
                let count = self.app.study.films.len();
                let index = number.checked_sub(1).filter(|index| *index < count);
                self.app.show_film(index.ok_or_else(|| format!("there is no film {number}; the study has {count}"))?);
            }
            Step::SaveSession(path) => self.app.save_session_to(path.clone()),
            Step::Wait(seconds) => {
                let end = std::time::Instant::now() + std::time::Duration::from_secs_f64(*seconds);
                while std::time::Instant::now() < end {
                    self.step();
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }
        }
        Ok(())
    }

    /// Asks the control of this name to do something.
    fn act(&mut self, name: &str, action: Action, data: Option<ActionData>) -> Result<(), String> {
        let target_node = self.node(name, action)?;
        let request = ActionRequest { action, target_tree: TreeId::ROOT, target_node, data };
        self.events.push(Event::AccessKitActionRequest(request));
        self.step();
        Ok(())
    }

    /// The control of this name that can do this; the start of a name is enough where only one has it.
    fn node(&mut self, name: &str, action: Action) -> Result<NodeId, String> {
        self.ctx.enable_accesskit();
        self.step();
        self.step();
        let update = self.output.as_ref().and_then(|output| output.platform_output.accesskit_update.as_ref());
        let nodes = update.map(|update| update.nodes.as_slice()).unwrap_or_default();
        let able = || nodes.iter().filter(|(_, node)| node.supports_action(action));
        let label = |node: &egui::accesskit::Node| node.label().map(str::to_owned).unwrap_or_default();
        if let Some((id, _)) = able().find(|(_, node)| label(node) == name) {
            return Ok(*id);
        }
        let begins: Vec<_> = able().filter(|(_, node)| label(node).starts_with(name)).collect();
        match begins[..] {
            [(id, _)] => Ok(*id),
            [] => {
                let near = |node: &egui::accesskit::Node| label(node).to_lowercase().contains(&name.to_lowercase());
                let known: Vec<String> = able().map(|(_, node)| node).filter(|node| near(node)).map(label).collect();
                let known: Vec<String> = known.into_iter().take(NAMES_TOLD).collect();
                let known = if known.is_empty() { String::new() } else { format!("; perhaps {}", known.join(", ")) };
                Err(format!("no control is called \"{name}\"{known}"))
            }
            _ => {
                let known: Vec<String> = begins.iter().map(|(_, node)| label(node)).take(NAMES_TOLD).collect();
                Err(format!("several controls begin with \"{name}\": {}", known.join(", ")))
            }
        }
    }
}

/// The command that menus call so, with or without the dots behind.
fn command(name: &str) -> Option<Command> {
    let plain = |name: &str| name.trim_end_matches(['…', '.']).to_lowercase();
    Command::all().find(|command| plain(command.text()) == plain(name))
}

/// Modifiers as a keyboard sends them.
fn whole(modifiers: Modifiers) -> Modifiers {
    Modifiers { ctrl: modifiers.ctrl || modifiers.command, ..modifiers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_and_wrong_steps_are_named() {
        let script = Script::parse(
            "[Key(\"Ctrl+K\"), Text(\"invert\"), Click(\"Overlay\"), Set(\"Mass\", -12), Run(\"four viewports\"), \
             Film(2), Wait(0.5)]",
        );
        assert_eq!(script.unwrap().steps.len(), 7);
        for (text, reason) in [
            ("[Key(\"Ctrl+Nothing\")]", "step 1: \"Ctrl+Nothing\" is no key"),
            ("[Wait(1), Run(\"fly\")]", "step 2: there is no command"),
            ("[Wait(1e9)]", "seconds"),
            ("[Jump]", "Jump"),
            ("Key", ""),
        ] {
            let error = Script::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}

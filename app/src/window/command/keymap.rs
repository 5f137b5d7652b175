//! Keys of the user's own in place of the usual ones. In: names of commands and chords, from the settings. Out: the keys
//! of every command, and who has a chord already.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{Context, Id, Key, KeyboardShortcut, Modifiers};

use super::Command;

/// Which command has which keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Keymap {
    own: BTreeMap<String, Vec<KeyboardShortcut>>,
}

impl Keymap {
    /// From the settings; what is no command or no chord is left out.
    pub fn of_settings(keys: &BTreeMap<String, Vec<String>>) -> Self {
        let known = |name: &String| Command::all().any(|command| command.name() == *name);
        let read = |chords: &Vec<String>| chords.iter().filter_map(|text| chord(text)).collect();
        Self { own: keys.iter().filter(|(name, _)| known(name)).map(|(name, c)| (name.clone(), read(c))).collect() }
    }

    /// For the settings.
    pub fn to_settings(&self) -> BTreeMap<String, Vec<String>> {
        let write = |keys: &Vec<KeyboardShortcut>| keys.iter().map(chord_text).collect();
        self.own.iter().map(|(name, keys)| (name.clone(), write(keys))).collect()
    }

    /// A command's keys; the first is shown.
    pub fn of(&self, command: Command) -> &[KeyboardShortcut] {
        self.own.get(&command.name()).map_or(command.keys(), Vec::as_slice)
    }

    /// Who has this chord.
    pub fn owner(&self, keys: KeyboardShortcut) -> Option<Command> {
        Command::all().find(|command| self.of(*command).contains(&keys))
    }

    /// Gives a command this chord alone, and takes it from whoever had it.
    pub fn give(&mut self, command: Command, keys: KeyboardShortcut) {
        if let Some(other) = self.owner(keys).filter(|other| *other != command) {
            let rest = self.of(other).iter().copied().filter(|own| *own != keys).collect();
            self.set(other, rest);
        }
        self.set(command, vec![keys]);
    }

    /// Takes all keys from a command.
    pub fn clear(&mut self, command: Command) {
        self.set(command, Vec::new());
    }

    /// Whether a command has keys of the user's own.
    pub fn is_own(&self, command: Command) -> bool {
        self.own.contains_key(&command.name())
    }

    /// Whether any command has.
    pub fn is_usual(&self) -> bool {
        self.own.is_empty()
    }

    fn set(&mut self, command: Command, keys: Vec<KeyboardShortcut>) {
        if keys == command.keys() {
            self.own.remove(&command.name());
        } else {
            self.own.insert(command.name(), keys);
        }
    }

    /// Makes it the one that every menu and hint of this window reads.
    pub fn install(&self, ctx: &Context) {
        ctx.data_mut(|data| data.insert_temp(place(), Arc::new(self.clone())));
    }

    /// The one of this window.
    pub fn installed(ctx: &Context) -> Arc<Self> {
        ctx.data(|data| data.get_temp::<Arc<Self>>(place())).unwrap_or_default()
    }
}

fn place() -> Id {
    Id::unique("keymap")
}

/// Reads `Ctrl+Shift+K`.
pub fn chord(text: &str) -> Option<KeyboardShortcut> {
    let mut modifiers = Modifiers::NONE;
    let mut parts = text.split('+').map(str::trim).peekable();
    while let Some(part) = parts.next() {
        match part.to_ascii_lowercase().as_str() {
            "ctrl" | "cmd" | "command" => modifiers |= Modifiers::COMMAND,
            "shift" => modifiers |= Modifiers::SHIFT,
            "alt" => modifiers |= Modifiers::ALT,
            _ if parts.peek().is_none() => {
                return Key::from_name(part).map(|key| KeyboardShortcut::new(modifiers, key));
            }
            _ => return None,
        }
    }
    None
}

/// The same in words; the same on every system.
pub fn chord_text(keys: &KeyboardShortcut) -> String {
    let named = [
        (keys.modifiers.command || keys.modifiers.ctrl, "Ctrl+"),
        (keys.modifiers.alt, "Alt+"),
        (keys.modifiers.shift, "Shift+"),
    ];
    let modifiers: String = named.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect();
    format!("{modifiers}{}", keys.logical_key.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chords_are_read_as_they_are_written() {
        for command in Command::all() {
            for keys in command.keys() {
                assert_eq!(chord(&chord_text(keys)).as_ref(), Some(keys), "{command:?}");
            }
        }
        for wrong in ["", "Ctrl", "Ctrl+", "Nokey", "X+Ctrl", "Ctrl+K+O"] {
            assert_eq!(chord(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_chord_has_one_owner_and_the_usual_keys_come_back() {
        let mut keymap = Keymap::default();
        let usual = Command::Invert.keys()[0];
        let other = chord("Ctrl+Alt+I").unwrap();
        keymap.give(Command::Invert, other);
        assert_eq!((keymap.of(Command::Invert), keymap.owner(usual)), (&[other][..], None));
        keymap.give(Command::ResetView, other);
        assert_eq!((keymap.owner(other), keymap.of(Command::Invert)), (Some(Command::ResetView), &[][..]));
        let again = Keymap::of_settings(&keymap.to_settings());
        assert_eq!(again, keymap);
        keymap.give(Command::Invert, usual);
        assert!(!keymap.is_own(Command::Invert) && keymap.is_own(Command::ResetView));
        assert_eq!(Keymap::of_settings(&BTreeMap::from([("NoCommand".into(), vec!["A".into()])])), Keymap::default());
    }
}

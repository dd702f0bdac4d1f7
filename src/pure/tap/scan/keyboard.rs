//! A scanner that poses as a keyboard: key events become characters, characters become frames (readers-and-scanners.md
//! section 3.1). Events are those of evdev: the place of a key, and 1 pressed, 0 let go, 2 repeated by the kernel.
//!
//! Every code is read by every layout at once. The configured one counts; when it gives no token and another one would
//! have, the scanner is set to another country than the configuration says, and the log can say which.

use super::frame::{Frame, FrameRule, Framer};
use super::layout::{self, Layout, Level};

const TAB: u16 = 15;
const ENTER: u16 = 28;
const LEFT_CTRL: u16 = 29;
const LEFT_SHIFT: u16 = 42;
const RIGHT_SHIFT: u16 = 54;
const LEFT_ALT: u16 = 56;
const SPACE: u16 = 57;
const CAPS_LOCK: u16 = 58;
const KEYPAD_ENTER: u16 = 96;
const RIGHT_CTRL: u16 = 97;
const RIGHT_ALT: u16 = 100;

/// The most digits of Alt and keypad: more are no code point.
const ALT_DIGITS_MAX: usize = 7;

/// Keys of the number pad, as with Num Lock on: scanners send them so.
const KEYPAD: [(u16, char); 17] = [
    (55, '*'),
    (71, '7'),
    (72, '8'),
    (73, '9'),
    (74, '-'),
    (75, '4'),
    (76, '5'),
    (77, '6'),
    (78, '+'),
    (79, '1'),
    (80, '2'),
    (81, '3'),
    (82, '0'),
    (83, '.'),
    (98, '/'),
    (117, '='),
    (121, ','),
];

/// What a keyboard scanner sent: a frame by the configured layout, and the same keys by the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedFrame {
    /// By the configured layout.
    pub frame: Frame,
    /// By the other layouts.
    pub elsewise: Vec<(Layout, Frame)>,
}

/// A keyboard scanner.
#[derive(Clone, Debug)]
pub struct Keyboard {
    configured: Line,
    others: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    keys: Keys,
    framer: Framer,
}

impl Keyboard {
    /// A keyboard of that layout whose codes are framed by `rule`; Enter is a CR, and Tab counts as one.
    pub fn new(layout: Layout, rule: &FrameRule) -> Self {
        let line = |layout| Line { keys: Keys::new(layout), framer: Framer::new(rule.clone()) };
        let others = Layout::ALL.into_iter().filter(|other| *other != layout).map(line).collect();
        Self { configured: line(layout), others }
    }

    /// A key event at `now_ns`: the frames that it ended.
    pub fn key(&mut self, code: u16, value: i32, now_ns: i64) -> Vec<TypedFrame> {
        self.each(|line| {
            let mut typed = String::new();
            line.keys.event(code, value, &mut typed);
            let silence = line.framer.idle(now_ns).into_iter();
            // No character is no sign of life: what a modifier key does ends no silence.
            if typed.is_empty() {
                silence.collect()
            } else {
                silence.chain(line.framer.push(typed.as_bytes(), now_ns)).collect()
            }
        })
    }

    /// The frame that the silence up to `now_ns` ended.
    pub fn idle(&mut self, now_ns: i64) -> Vec<TypedFrame> {
        self.each(|line| line.framer.idle(now_ns).into_iter().collect())
    }

    /// When silence ends what is under way, nanoseconds since boot.
    pub fn idle_at_ns(&self) -> Option<i64> {
        self.configured.framer.idle_at_ns()
    }

    fn each(&mut self, act: impl Fn(&mut Line) -> Vec<Frame>) -> Vec<TypedFrame> {
        let frames = act(&mut self.configured);
        let mut others: Vec<(Layout, std::vec::IntoIter<Frame>)> =
            self.others.iter_mut().map(|line| (line.keys.layout, act(line).into_iter())).collect();
        let mut typed = |frame| {
            let elsewise = others.iter_mut().filter_map(|(layout, frames)| Some((*layout, frames.next()?))).collect();
            TypedFrame { frame, elsewise }
        };
        frames.into_iter().map(&mut typed).collect()
    }
}

/// Keys that are down, and what they make of the next one.
#[derive(Clone, Debug)]
pub struct Keys {
    layout: Layout,
    down: Vec<u16>,
    caps: bool,
    accent: Option<char>,
    /// Digits typed on the keypad while Alt is down.
    alt_digits: Option<String>,
}

impl Keys {
    /// No key is down.
    pub fn new(layout: Layout) -> Self {
        Self { layout, down: Vec::new(), caps: false, accent: None, alt_digits: None }
    }

    /// An event; what it types is put at the end of `typed`. Keys without a character type nothing.
    pub fn event(&mut self, code: u16, value: i32, typed: &mut String) {
        let is_modifier = matches!(code, LEFT_CTRL | RIGHT_CTRL | LEFT_SHIFT | RIGHT_SHIFT | LEFT_ALT | RIGHT_ALT);
        match value {
            0 => {
                self.down.retain(|key| *key != code);
                if code == LEFT_ALT {
                    let digits = self.alt_digits.take();
                    typed.extend(digits.and_then(|digits| layout::alt_digits(&digits)));
                }
            }
            1 if is_modifier => {
                if !self.down.contains(&code) {
                    self.down.push(code);
                }
                if code == LEFT_ALT {
                    self.alt_digits = Some(String::new());
                }
            }
            1 if code == CAPS_LOCK => self.caps = !self.caps,
            1 => self.pressed(code, typed),
            // The kernel's repetition of a key that is held: a scanner holds none.
            _ => {}
        }
    }

    fn pressed(&mut self, code: u16, typed: &mut String) {
        let keypad = KEYPAD.iter().find(|(key, _)| *key == code).map(|(_, letter)| *letter);
        if let (Some(digits), Some(digit @ '0'..='9')) = (&mut self.alt_digits, keypad) {
            if digits.len() < ALT_DIGITS_MAX {
                digits.push(digit);
            }
            return;
        }
        let letter = match code {
            ENTER | KEYPAD_ENTER | TAB => Some('\r'),
            SPACE => Some(' '),
            _ => keypad.or_else(|| self.on_the_layout(code)),
        };
        let Some(letter) = letter else { return };
        match self.accent.take() {
            Some(accent) => match layout::composed(accent, letter) {
                Some(composed) => typed.push(composed),
                None => {
                    typed.extend(layout::accent_alone(accent));
                    self.typed(letter, typed);
                }
            },
            None => self.typed(letter, typed),
        }
    }

    fn typed(&mut self, letter: char, typed: &mut String) {
        match layout::accent_alone(letter) {
            Some(_) => self.accent = Some(letter),
            None => typed.push(letter),
        }
    }

    fn on_the_layout(&self, code: u16) -> Option<char> {
        let is_down = |keys: [u16; 2]| keys.iter().any(|key| self.down.contains(key));
        let (shift, ctrl) = (is_down([LEFT_SHIFT, RIGHT_SHIFT]), is_down([LEFT_CTRL, RIGHT_CTRL]));
        let alt = self.down.contains(&LEFT_ALT);
        // Ctrl and Alt together are AltGr, as scanners learned from Windows.
        let alt_gr = self.down.contains(&RIGHT_ALT) || (ctrl && alt);
        if alt_gr {
            return self.layout.character(code, Level::AltGr);
        }
        let plain = self.layout.character(code, Level::Plain)?;
        if ctrl {
            // Control characters: Ctrl and the letter 64 places above, GS among them (Ctrl+]).
            let above = plain.to_ascii_uppercase();
            let control = matches!(above, '@'..='_').then(|| char::from(above as u8 & 0x1F));
            return control.filter(|control| *control != '\0');
        }
        let caps = self.caps && plain.is_alphabetic() && plain.to_uppercase().nth(1).is_none();
        let level = if shift != caps { Level::Shift } else { Level::Plain };
        self.layout.character(code, level)
    }
}

#[cfg(test)]
#[path = "keyboard_tests.rs"]
mod tests;

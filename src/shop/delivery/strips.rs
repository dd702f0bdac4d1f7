//! Pictures that are drawn once: a strip for each state that it shows, icon and logo for each design.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::pure::passes::apple::Sheet;
use crate::pure::passes::{Face, Image, StripError, strip};

/// Bytes of pictures that stay at hand; those that were asked for the longest ago go.
const BYTES_MAX: usize = 12 * 1024 * 1024;

/// The pictures at hand.
#[derive(Default)]
pub struct Strips {
    drawn: Mutex<Drawn>,
}

#[derive(Default)]
struct Drawn {
    by_key: HashMap<String, Entry>,
    bytes: usize,
    asked: u64,
}

struct Entry {
    images: Vec<Image>,
    bytes: usize,
    asked: u64,
}

impl Drawn {
    fn get(&mut self, key: &str) -> Option<Vec<Image>> {
        self.asked += 1;
        let entry = self.by_key.get_mut(key)?;
        entry.asked = self.asked;
        Some(entry.images.clone())
    }

    fn keep(&mut self, key: String, images: Vec<Image>) {
        let bytes = images.iter().map(|image| image.bytes.len()).sum();
        if let Some(before) = self.by_key.insert(key, Entry { images, bytes, asked: self.asked }) {
            self.bytes -= before.bytes;
        }
        self.bytes += bytes;
        while self.bytes > BYTES_MAX && self.by_key.len() > 1 {
            let Some(oldest) = self.by_key.iter().min_by_key(|(_, entry)| entry.asked).map(|(key, _)| key.clone())
            else {
                return;
            };
            self.bytes -= self.by_key.remove(&oldest).map_or(0, |entry| entry.bytes);
        }
    }
}

impl Strips {
    /// All pictures of a card's pass. Names with their hashes; the bytes are shared.
    ///
    /// # Errors
    /// The design cannot be drawn.
    pub fn images(&self, sheet: &Sheet, face: &Face) -> Result<Vec<Image>, StripError> {
        let (design, keys) = (sheet.design(), sheet.pictures());
        let state = keys.state(design, face);
        let mut images = self.of(format!("{}/{state}", design.name), || strip::render(design, face))?;
        // A changed icon need not change the strip's artwork.
        images.extend(self.of(format!("{}/fixed-{}", design.name, keys.fixed()), || strip::fixed(design))?);
        Ok(images)
    }

    fn of(&self, key: String, draw: impl FnOnce() -> Result<Vec<Image>, StripError>) -> Result<Vec<Image>, StripError> {
        if let Some(images) = self.drawn.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(images);
        }
        // Outside the lock: drawing takes milliseconds, and others want what is there.
        let images = draw()?;
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner).keep(key, images.clone());
        Ok(images)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_at_hand_stay_within_their_bytes_and_the_unused_go_first() {
        let strips = Strips::default();
        let big = || Ok(vec![Image::new("strip.png", vec![0; BYTES_MAX / 4])]);
        for key in ["a", "b", "c", "d"] {
            strips.of(key.to_owned(), big).expect("drawn");
        }
        strips.of("a".to_owned(), || panic!("it is at hand")).expect("kept");
        strips.of("e".to_owned(), big).expect("drawn");
        let drawn = strips.drawn.lock().expect("unpoisoned");
        assert!(drawn.bytes <= BYTES_MAX && drawn.by_key.contains_key("a") && !drawn.by_key.contains_key("b"));
    }
}

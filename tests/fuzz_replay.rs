//! Every input that the fuzzers keep (`fuzz/corpus`) is played to its target: seeds from real exchanges, what they found, and
//! bytes that a seeded generator makes of them. No nightly compiler is needed for it.

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// How many mutants are made of each input.
const MUTANTS: u64 = 40;

/// A generator of numbers (Marsaglia, xorshift64*); the same seed gives the same ones.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// The input with some of its bytes changed, cut, doubled or added.
fn mutant(input: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len() + 1);
        let to = at + chance.below(bytes.len() - at + 1);
        match chance.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, chance.next() as u8),
            2 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            3 => drop(bytes.drain(at..to)),
            _ => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

#[test]
fn the_corpus_of_every_target_is_played_with_mutants() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let folder = corpus.join(name);
        let mut files: Vec<_> = fs::read_dir(&folder).expect("a folder of inputs").flatten().collect();
        files.sort_by_key(|file| file.file_name());
        assert!(files.len() >= 3, "{name} has too few inputs");
        for (index, file) in files.iter().enumerate() {
            let input = fs::read(file.path()).expect("an input");
            target(&input);
            let mut chance = Chance(0x5EED_0000 + index as u64);
            for _ in 0..MUTANTS {
                target(&mutant(&input, &mut chance));
            }
        }
    }
}

#[test]
fn every_target_has_its_program_and_its_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str, ending: &str| {
        let items = fs::read_dir(fuzz.join(folder)).expect("a folder").flatten();
        let mut names: Vec<String> = items
            .filter_map(|item| item.file_name().to_string_lossy().strip_suffix(ending).map(str::to_owned))
            .collect();
        names.sort();
        names
    };
    let mut known = targets::TARGETS.map(|(name, _)| name.to_owned()).to_vec();
    known.sort();
    assert_eq!((names("fuzz_targets", ".rs"), names("corpus", "")), (known.clone(), known));
}

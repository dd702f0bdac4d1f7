//! Recorded and made conversations with chips, kept as data in `transcripts/`: each names what the shop asks for, what was
//! sent (`>`) and answered (`<`), and what comes of it.

use std::fmt::Write as _;
use std::path::PathBuf;

use stampd::pure::tap::apple_vas::{AppleVas, PassType, VasKey, VasKeys, VasMessage, open};
use stampd::pure::tap::{Exchange, Found, Machine, Release, Sealed, Step, TokenProblem};

/// One conversation as its file tells it.
struct Transcript {
    name: String,
    pass_types: Vec<PassType>,
    random: [u8; 32],
    keys: VasKeys,
    commands: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    result: String,
    release: String,
    opens: Vec<String>,
}

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "{hex}");
    (0..hex.len() / 2).map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

impl Transcript {
    fn parse(name: &str, text: &str) -> Self {
        let mut transcript = Self {
            name: name.to_owned(),
            pass_types: Vec::new(),
            random: [0; 32],
            keys: VasKeys::default(),
            commands: Vec::new(),
            answers: Vec::new(),
            result: String::new(),
            release: String::new(),
            opens: Vec::new(),
        };
        for row in text.lines().filter(|row| !row.starts_with('#')) {
            if let Some(command) = row.strip_prefix('>') {
                transcript.commands.push(bytes(command.trim()));
            } else if let Some(answer) = row.strip_prefix('<') {
                transcript.answers.push(bytes(answer.trim()));
            } else {
                let (key, value) = row.split_once(": ").unwrap_or_else(|| panic!("{name}: {row}"));
                transcript.header(key, value);
            }
        }
        transcript
    }

    fn header(&mut self, key: &str, value: &str) {
        match key {
            "pass_types" => self.pass_types = value.split(' ').map(|name| PassType::new(name).unwrap()).collect(),
            "nonces" => {
                let nonces = value.split(' ').flat_map(bytes);
                self.random.iter_mut().zip(nonces).for_each(|(place, byte)| *place = byte);
            }
            "keys" => {
                let scalars = value.split(' ').map(|scalar| bytes(scalar).try_into().unwrap());
                self.keys = VasKeys::new(scalars.map(|scalar| VasKey::from_scalar(&scalar).unwrap()));
            }
            "result" => self.result = value.to_owned(),
            "release" => self.release = value.to_owned(),
            "opens" => self.opens.push(value.to_owned()),
            other => panic!("{}: {other}", self.name),
        }
    }

    /// Plays `answers`; once they are used up, the chip is gone.
    fn play(&self, answers: &[Vec<u8>]) -> (Vec<Vec<u8>>, Exchange) {
        let mut machine = AppleVas::new(&self.pass_types, self.random);
        let mut commands = Vec::new();
        let mut step = machine.start();
        loop {
            match step {
                Step::Transmit(command) => {
                    let answer = answers.get(commands.len()).cloned().unwrap_or_default();
                    commands.push(command);
                    step = machine.feed(&answer);
                }
                Step::Done(exchange) => return (commands, exchange),
            }
        }
    }

    fn open(&self, sealed: &Sealed) -> (usize, Result<VasMessage, TokenProblem>) {
        let Sealed::AppleVas { pass_type, cryptogram } = sealed else { panic!("sealed by another protocol") };
        (*pass_type, open(cryptogram, &self.pass_types[*pass_type], &self.keys))
    }

    /// What was opened, as the file writes it.
    fn opened(&self, exchange: &Exchange) -> Vec<String> {
        let Found::Sealed(sealed) = &exchange.found else { return Vec::new() };
        let written = sealed.iter().map(|sealed| match self.open(sealed) {
            (index, Ok(message)) => format!("{index} {} {}", message.stamp_unix_s, hex(&message.message)),
            (index, Err(TokenProblem::NoPass)) => format!("{index} no_pass"),
            (index, Err(TokenProblem::Unknown | TokenProblem::Goods)) => format!("{index} unknown"),
            (index, Err(TokenProblem::Broken(_))) => format!("{index} broken"),
            (index, Err(TokenProblem::ForeignKey { key_id })) => format!("{index} foreign_key {}", hex(&key_id)),
        });
        written.collect()
    }
}

fn result_of(exchange: &Exchange) -> String {
    match &exchange.found {
        Found::Sealed(sealed) => sealed.iter().fold("sealed".to_owned(), |text, sealed| match sealed {
            Sealed::AppleVas { pass_type, .. } => format!("{text} {pass_type}"),
            Sealed::SmartTap(_) => format!("{text} smart_tap"),
            Sealed::Tag(_) => format!("{text} tag"),
            Sealed::Code(_) => format!("{text} code"),
        }),
        Found::OtherProtocol => "other_protocol".to_owned(),
        Found::Problem(problem) => problem.name().to_owned(),
    }
}

fn release_of(exchange: &Exchange) -> &'static str {
    match exchange.release {
        Release::Unpower => "unpower",
        Release::Reset => "reset",
        Release::Leave => "leave",
    }
}

fn apple_vas() -> Vec<Transcript> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/apple_vas");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 30, "{} transcripts", files.len());
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    files.iter().map(|path| Transcript::parse(&path.file_stem().unwrap().to_string_lossy(), &read(path))).collect()
}

#[test]
fn every_transcript_goes_as_it_is_written() {
    for transcript in apple_vas() {
        let (commands, exchange) = transcript.play(&transcript.answers);
        let written: Vec<String> = commands.iter().map(|command| hex(command)).collect();
        let expected: Vec<String> = transcript.commands.iter().map(|command| hex(command)).collect();
        assert_eq!(written, expected, "{}", transcript.name);
        assert_eq!(result_of(&exchange), transcript.result, "{}", transcript.name);
        assert_eq!(release_of(&exchange), transcript.release, "{}", transcript.name);
        if !transcript.opens.is_empty() {
            assert_eq!(transcript.opened(&exchange), transcript.opens, "{}", transcript.name);
        }
        let selects = commands.iter().filter(|command| command[1] == 0xA4).count();
        assert!(commands.len() <= selects + transcript.pass_types.len() + (selects - 1), "{}", transcript.name);
        if selects == 1 && transcript.pass_types.len() == 1 && transcript.result == "sealed 0" {
            assert_eq!(commands.len(), 2, "{}: one pass type takes two commands", transcript.name);
        }
    }
}

/// Plays changed answers and holds what opens, if anything does, to what the whole transcript opens to.
fn check_changed(transcript: &Transcript, answers: &[Vec<u8>], change: &str) {
    let (commands, exchange) = transcript.play(answers);
    assert!(commands.len() <= transcript.pass_types.len() + 3, "{} {change}", transcript.name);
    let tells_a_message = |written: &String| written.split(' ').nth(1).is_some_and(|word| word.parse::<i64>().is_ok());
    for opened in transcript.opened(&exchange).iter().filter(|written| tells_a_message(written)) {
        assert!(transcript.opens.contains(opened), "{} {change}: {opened}", transcript.name);
    }
}

#[test]
fn every_cut_of_every_answer_opens_to_nothing_else() {
    for transcript in apple_vas() {
        for (index, whole) in transcript.answers.iter().enumerate() {
            for length in 0..whole.len() {
                let mut answers = transcript.answers.clone();
                answers[index].truncate(length);
                check_changed(&transcript, &answers, &format!("answer {index} cut at {length}"));
                answers[index].extend([0x90, 0x00]);
                check_changed(&transcript, &answers, &format!("answer {index} cut at {length} with 9000"));
            }
        }
    }
}

#[test]
fn every_changed_byte_of_every_answer_opens_to_nothing_else() {
    for transcript in apple_vas() {
        for (index, whole) in transcript.answers.iter().enumerate() {
            for place in 0..whole.len() {
                for flip in [0x01, 0x80, 0xFF] {
                    let mut answers = transcript.answers.clone();
                    answers[index][place] ^= flip;
                    check_changed(&transcript, &answers, &format!("answer {index} byte {place} ^ {flip:02x}"));
                }
            }
        }
    }
}

#[test]
fn no_byte_of_a_cryptogram_can_change() {
    let transcripts = apple_vas();
    let transcript = transcripts.iter().find(|transcript| transcript.name == "one_pass").expect("vector A");
    let whole = &transcript.answers[1];
    for place in 8..whole.len() - 2 {
        let mut answers = transcript.answers.clone();
        answers[1][place] ^= 0x01;
        let (_, exchange) = transcript.play(&answers);
        let Found::Sealed(sealed) = &exchange.found else { panic!("byte {place}: {exchange:?}") };
        let (_, opened) = transcript.open(&sealed[0]);
        let foreign = matches!(opened, Err(TokenProblem::ForeignKey { .. }));
        assert!(if place < 12 { foreign } else { matches!(opened, Err(TokenProblem::Broken(_))) }, "byte {place}");
    }
}

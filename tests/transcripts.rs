//! Recorded and made conversations with chips, kept as data in `transcripts/`: each names what the shop asks for, what was
//! sent (`>`) and answered (`<`), and what comes of it.

use std::fmt::Write as _;
use std::path::PathBuf;

use stampd::pure::tap::apple_vas::{AppleVas, PassType, VasKey, VasKeys, VasMessage, open};
use stampd::pure::tap::scan::card::{CardRule, CodeCard};
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

/// Name and text of the transcripts in a folder.
fn folder(name: &str) -> Vec<(String, String)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let named = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (named(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn apple_vas() -> Vec<Transcript> {
    let files = folder("apple_vas");
    assert!(files.len() >= 30, "{} transcripts", files.len());
    files.iter().map(|(name, text)| Transcript::parse(name, text)).collect()
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

/// The rule of a synthetic card, as its transcript tells it.
fn card_rule(headers: &[(&str, &str)]) -> CardRule {
    let mut rule = CardRule::default();
    for (key, value) in headers {
        match *key {
            "apdus" => rule.apdus = value.split(' ').map(bytes).collect(),
            "skip" => rule.skip = value.parse().unwrap(),
            "length" => rule.length = Some(value.parse().unwrap()),
            "tlv" => rule.tlv = value.split(' ').map(|tag| u16::from_str_radix(tag, 16).unwrap()).collect(),
            "aim" => rule.reading.aim = true,
            other => assert_eq!(other, "result"),
        }
    }
    rule
}

/// What came of it, as the file writes it: `code`, the symbology where it is known, the text.
fn code_result(exchange: &Exchange) -> String {
    let Found::Sealed(sealed) = &exchange.found else { return result_of(exchange) };
    let [Sealed::Code(Ok(code))] = sealed.as_slice() else { panic!("{exchange:?}") };
    let aim = code.aim.map_or(String::new(), |aim| format!("{aim:?} "));
    format!("code {aim}{}", String::from_utf8_lossy(&code.bytes))
}

#[test]
fn every_synthetic_card_is_read_as_its_transcript_is_written() {
    let files = folder("code_card");
    assert!(files.len() >= 13, "{} transcripts", files.len());
    for (name, text) in files {
        let rows: Vec<&str> = text.lines().filter(|row| !row.starts_with('#')).collect();
        let said = |sign: char| rows.iter().filter_map(move |row| row.strip_prefix(sign)).map(|row| bytes(row.trim()));
        let (commands, answers): (Vec<_>, Vec<_>) = (said('>').collect(), said('<').collect());
        let headers: Vec<(&str, &str)> = rows.iter().filter_map(|row| row.split_once(": ")).collect();
        let play = |answers: &[Vec<u8>]| {
            let mut machine = CodeCard::new(&card_rule(&headers));
            let (mut sent, mut step) = (Vec::new(), machine.start());
            while let Step::Transmit(command) = step {
                step = machine.feed(&answers.get(sent.len()).cloned().unwrap_or_default());
                sent.push(command);
            }
            let Step::Done(exchange) = step else { unreachable!() };
            (sent, exchange)
        };
        let (sent, exchange) = play(&answers);
        assert_eq!(sent, commands, "{name}");
        let expected = headers.iter().find(|(key, _)| *key == "result").expect("a result").1;
        assert_eq!(code_result(&exchange), expected, "{name}");
        assert_eq!(release_of(&exchange), "leave", "{name}");
        // Cut anywhere, the last answer gives no other text than a begin of it.
        let Some(whole) = expected.strip_prefix("code ") else { continue };
        let last = answers.len() - 1;
        for length in 0..answers[last].len() {
            let mut cut = answers.clone();
            cut[last].truncate(length);
            let found = code_result(&play(&cut).1);
            let begin = found.strip_prefix("code ").map(|text| text.trim_end_matches(['\u{FFFD}', '\0']));
            assert!(begin.is_none_or(|text| whole.starts_with(text)), "{name} cut at {length}: {found}");
        }
    }
}

//! The virtual reader's side of vpcd, played by a listener in this process, drives the phone.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::super::fault::Faulty;
use super::super::{Answer, Handset};
use super::*;

/// Long enough for anything that will happen at all.
const SOON: Duration = Duration::from_secs(20);

/// The reader's side of one slot.
pub(crate) struct FakeReader(TcpListener);

impl FakeReader {
    /// A slot on a free port.
    pub(crate) fn open() -> (Self, Phone) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        (Self(listener), Phone::connect(port))
    }

    /// Waits for a phone.
    pub(crate) fn chip(&self) -> FakeChip {
        FakeChip(self.0.accept().expect("a phone connects").0)
    }
}

/// A phone as the fake reader sees it.
pub(crate) struct FakeChip(TcpStream);

impl FakeChip {
    /// Sends a control code or an APDU, length and body apart as vpcd 3.3 does. A phone that left shows at the answer.
    pub(crate) fn send(&mut self, body: &[u8]) {
        let _ = self.0.write_all(&(body.len() as u16).to_be_bytes());
        let _ = self.0.write_all(body);
    }

    /// The next answer; `None` when the phone left before it was whole.
    pub(crate) fn receive(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 2];
        self.0.read_exact(&mut length).ok()?;
        let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut body).ok()?;
        Some(body)
    }

    /// Sends an APDU and waits for its answer.
    pub(crate) fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        self.send(command);
        self.receive()
    }

    /// Asks for the ATR.
    pub(crate) fn atr(&mut self) -> Option<Vec<u8>> {
        self.transmit(&[0x04])
    }
}

/// Echoes each command with 9000 behind it and counts what happens to its field.
#[derive(Default)]
struct Echo {
    fields: Vec<Field>,
    lifts: usize,
}

impl Handset for Echo {
    fn name(&self) -> String {
        format!("{:?} {}", self.fields, self.lifts)
    }
    fn atr(&mut self) -> Vec<u8> {
        vec![0x3B, 0x80, 0x80, 0x01, 0x01]
    }
    fn answer(&mut self, command: &[u8]) -> Answer {
        Answer::plain([command, &[0x90, 0x00]].concat(), "echo", "echo").giving_pass()
    }
    fn field(&mut self, change: Field) {
        self.fields.push(change);
    }
    fn lifted(&mut self) {
        self.lifts += 1;
    }
}

fn faulty(fault: &str) -> Box<dyn Handset> {
    let faults = [fault.parse().expect("never fails")];
    Faulty::around(Box::new(Echo::default()), &faults).expect("a known fault").0
}

#[test]
fn a_presence_answers_polls_control_codes_and_commands_until_it_is_lifted() {
    let (reader, phone) = FakeReader::open();
    let presence = phone.present(Box::new(Echo::default())).expect("the reader listens");
    let mut chip = reader.chip();
    assert_eq!(chip.atr().as_deref(), Some(&[0x3B, 0x80, 0x80, 0x01, 0x01][..]));
    presence.noticed().expect("the reader spoke");
    chip.send(&[0x01]);
    for length in [4usize, 5, 260, 1_000] {
        let command: Vec<u8> = (0..length).map(|index| index as u8).collect();
        assert_eq!(chip.transmit(&command), Some([&command[..], &[0x90, 0x00]].concat()));
    }
    assert!(presence.taken(SOON), "this handset waits for no field to drop");
    chip.send(&[0x02]);
    chip.send(&[0x00]);
    assert!(chip.atr().is_some(), "the poll goes on without power");
    assert!(presence.wait(SOON, |seen, _| seen.iter().any(|seen| seen.sight == Sight::Field(Field::Off))));
    assert_eq!(presence.exchanges().len(), 4);
    let presented = presence.lift();
    assert_eq!(presented.ended, Ended::Lifted);
    assert_eq!(presented.seen.iter().filter(|seen| matches!(seen.sight, Sight::Atr(_))).count(), 1);
    assert_eq!(chip.atr(), None, "the phone is gone");
    let handset = presented.handset.expect("handed back");
    assert_eq!(handset.name(), "[On, Reset, Off] 1");

    let presence = phone.present(handset).expect("the reader still listens");
    assert!(reader.chip().atr().is_some(), "the same handset again");
    assert!(presence.wait(SOON, |_, ended| ended == Some(Ended::ReaderGone)), "the reader went away");
}

#[test]
fn a_dropped_presence_lifts_the_phone() {
    let (reader, phone) = FakeReader::open();
    let presence = phone.present(Box::new(Echo::default())).expect("the reader listens");
    let mut chip = reader.chip();
    assert!(chip.atr().is_some());
    drop(presence);
    assert_eq!(chip.atr(), None);
}

#[test]
fn leaving_faults_close_the_connection_where_they_say() {
    let two = [2u8, 2];
    let whole = Some(vec![2, 2, 0x90, 0x00]);
    // What the first and the second command get.
    for (fault, first, second) in [
        ("pulled", whole.clone(), None),
        ("torn", whole.clone(), None),
        ("gone", whole.clone(), None),
        ("gone=2", whole.clone(), whole),
    ] {
        let (reader, phone) = FakeReader::open();
        let presence = phone.present(faulty(fault)).expect("the reader listens");
        let mut chip = reader.chip();
        assert_eq!(chip.transmit(&two), first, "{fault}");
        if fault != "gone" {
            assert_eq!(chip.transmit(&two), second, "{fault}");
        }
        assert_eq!(presence.taken(SOON), first.is_some(), "{fault}");
        assert!(presence.wait(SOON, |_, ended| ended.is_some()), "{fault}");
        assert_eq!(presence.ended(), Some(Ended::Left), "{fault}");
        assert_eq!(chip.receive(), None, "{fault}");
    }
}

#[test]
fn a_hung_or_slow_phone_is_lifted_at_once() {
    for fault in ["hung", "slow=600000"] {
        let (reader, phone) = FakeReader::open();
        let presence = phone.present(faulty(fault)).expect("the reader listens");
        let mut chip = reader.chip();
        chip.send(&[9, 9]);
        if fault == "hung" {
            assert!(presence.wait(SOON, |seen, _| seen.len() == 1));
        }
        assert_eq!(presence.lift().ended, Ended::Lifted, "{fault}");
        assert_eq!(chip.receive(), None, "{fault}");
    }
}

#[test]
fn an_absent_chip_and_a_short_answer_reach_the_reader_as_such() {
    let (reader, phone) = FakeReader::open();
    let _presence = phone.present(faulty("absent")).expect("the reader listens");
    assert_eq!(reader.chip().atr(), Some(vec![]));
    let _presence = phone.present(faulty("short=0")).expect("the reader listens");
    assert_eq!(reader.chip().transmit(&[1, 2]), Some(vec![]));
}

#[test]
fn a_port_without_reader_and_a_taken_slot_name_the_remedy() {
    let closed = TcpListener::bind(("127.0.0.1", 0)).expect("a free port").local_addr().expect("bound").port();
    let error = Phone::connect(closed).present(Box::new(Echo::default())).err().expect("nothing listens").to_string();
    assert!(error.contains("pcscd") && error.contains(&closed.to_string()), "{error}");
    let (_reader, phone) = FakeReader::open();
    let presence = phone.present(Box::new(Echo::default())).expect("the kernel takes the connection");
    let error = presence.noticed().expect_err("the reader never speaks").to_string();
    assert!(error.contains("another phone"), "{error}");
}

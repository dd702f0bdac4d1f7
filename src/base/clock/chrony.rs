//! Asks chronyd whether it has synchronised the clock: one datagram to its command port and its answer.
//!
//! chronyd leaves no mark in the file system, and its own client is a program of its own; this is the request `tracking`
//! of its control protocol, version 6 (chrony's `candm.h`, since 2.2). chronyd answers it to any local user.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::Duration;

/// chronyd's command port on this machine.
pub(super) const ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 323));

/// The longest that a chronyd which hangs holds its asker up; a living one answers within a millisecond.
const WAIT: Duration = Duration::from_millis(20);

const PROTOCOL_VERSION: u8 = 6;
const PACKET_REQUEST: u8 = 1;
const PACKET_REPLY: u8 = 2;
const COMMAND_TRACKING: u16 = 33;
const REPLY_TRACKING: u16 = 5;
/// Length of the reply; a request is as long, so that nobody can use chronyd to amplify traffic.
const PACKET_BYTES: usize = 104;
/// `leap_status`: 0 to 2 are states of a synchronised clock.
const LEAP_UNSYNCHRONISED: u16 = 3;
/// `ref_id` 127.127.1.1: the directive `local`, chronyd's own clock posing as a source.
const REFERENCE_LOCAL: u32 = 0x7F7F_0101;

/// Whether the chronyd at `address` says that the clock follows a source. No answer counts as no.
pub(super) fn is_synchronised(address: SocketAddr) -> bool {
    ask(address).is_ok_and(|reply| says_synchronised(&reply))
}

fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(WAIT))?;
    socket.send(&request())?;
    let mut reply = vec![0; 512];
    let length = socket.recv(&mut reply)?;
    reply.truncate(length);
    Ok(reply)
}

fn request() -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    packet[0] = PROTOCOL_VERSION;
    packet[1] = PACKET_REQUEST;
    packet[4..6].copy_from_slice(&COMMAND_TRACKING.to_be_bytes());
    packet
}

/// Reads a reply: header of 28 bytes, then `ref_id` (4), an address (20), `stratum` (2), `leap_status` (2), ….
fn says_synchronised(reply: &[u8]) -> bool {
    let short = |at: usize| u16::from_be_bytes([reply[at], reply[at + 1]]);
    reply.len() >= PACKET_BYTES
        && reply[0] == PROTOCOL_VERSION
        && reply[1] == PACKET_REPLY
        && short(4) == COMMAND_TRACKING
        && short(6) == REPLY_TRACKING
        && short(8) == 0
        && reply[28..32] != [0; 4]
        && reply[28..32] != REFERENCE_LOCAL.to_be_bytes()
        && short(54) < LEAP_UNSYNCHRONISED
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(reference: [u8; 4], leap: u8) -> Vec<u8> {
        let mut packet = vec![0; PACKET_BYTES];
        packet[..8].copy_from_slice(&[6, 2, 0, 0, 0, 33, 0, 5]);
        packet[28..32].copy_from_slice(&reference);
        packet[55] = leap;
        packet
    }

    #[test]
    fn only_a_clock_that_follows_a_source_counts() {
        assert!(says_synchronised(&reply([192, 0, 2, 1], 0)));
        assert!(says_synchronised(&reply([192, 0, 2, 1], 2)), "a leap second is announced");
        assert!(!says_synchronised(&reply([192, 0, 2, 1], 3)), "not synchronised");
        assert!(!says_synchronised(&reply([127, 127, 1, 1], 0)), "its own clock");
        assert!(!says_synchronised(&reply([0; 4], 0)), "no source");
        let whole = reply([192, 0, 2, 1], 0);
        for length in 0..whole.len() {
            assert!(!says_synchronised(&whole[..length]), "{length} bytes");
        }
        for (at, wrong) in [(0, 5), (1, 1), (5, 34), (7, 4), (9, 1)] {
            let mut broken = whole.clone();
            broken[at] = wrong;
            assert!(!says_synchronised(&broken), "byte {at}");
        }
    }

    #[test]
    fn asks_by_datagram_and_takes_silence_for_no() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = server.local_addr().expect("an address");
        let daemon = std::thread::spawn(move || {
            let mut asked = [0; 512];
            let (length, client) = server.recv_from(&mut asked).expect("a request");
            server.send_to(&reply([192, 0, 2, 1], 0), client).expect("answered");
            asked[..length].to_vec()
        });
        assert!(is_synchronised(address));
        assert_eq!(daemon.join().expect("the stand-in ended"), request());
        assert!(!is_synchronised(address), "nobody listens any more");
    }
}

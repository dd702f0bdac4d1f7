//! A scanner on a serial line, or on USB that poses as one (readers-and-scanners.md section 3.2).

use serial2_tokio::SerialPort;

use super::Trouble;
use super::attendant::Attendant;
use crate::pure::tap::scan::frame::{FrameRule, Framer};

/// The most bytes of one read.
const READ_BYTES_MAX: usize = 1_024;

/// Serves the line until it fails.
pub async fn serve(attendant: &mut Attendant, baud: u32) -> Trouble {
    match read(attendant, baud).await {
        Ok(()) => Trouble::hung_up(),
        Err(error) => Trouble::of(&error),
    }
}

async fn read(attendant: &mut Attendant, baud: u32) -> std::io::Result<()> {
    let line = SerialPort::open(&attendant.config.device, baud)?;
    // Many scanners stay mute without; lines that have no such wires do not mind.
    let _ = line.set_dtr(true).and_then(|()| line.set_rts(true));
    // What was scanned while nobody listened is no scan of now.
    line.discard_input_buffer()?;
    attendant.up();
    let mut framer = Framer::new(attendant.config.frame_rule(FrameRule::SERIAL_IDLE_NS));
    let mut buffer = [0; READ_BYTES_MAX];
    loop {
        let frames = tokio::select! {
            count = line.read(&mut buffer) => match count? {
                0 => return Ok(()),
                count => framer.push(&buffer[..count], attendant.now_ns()),
            },
            () = attendant.until(framer.idle_at_ns()) => framer.idle(attendant.now_ns()).into_iter().collect(),
        };
        for frame in frames {
            attendant.frame(frame).await;
        }
    }
}

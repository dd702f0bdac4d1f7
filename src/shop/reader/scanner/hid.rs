//! A USB point-of-sale scanner, by hidraw (readers-and-scanners.md section 3.3). It could not be run where this was
//! written, which has no /dev/hidraw: all that decides lies in `pure::tap::scan::hid_pos`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use tokio::sync::mpsc;

use super::attendant::Attendant;
use super::{Trouble, blocking};
use crate::pure::tap::TokenProblem;
use crate::pure::tap::scan::hid_pos::{Assembler, REPORT_BYTES_MAX, ReportLayout};

/// Where the kernel shows HID devices by their name under /dev.
const SYS_CLASS: &str = "/sys/class/hidraw";

/// Serves the scanner until it fails.
pub async fn serve(attendant: &mut Attendant) -> Trouble {
    let (device, layout) = match open(&attendant.config.device) {
        Ok(opened) => opened,
        Err(trouble) => return trouble,
    };
    // The kernel keeps reports for those only who have the device open, so none is from before.
    let mut reports = match blocking("scanner-hid", move |reports| read(device, reports)) {
        Ok(reports) => reports,
        Err(error) => return Trouble::of(&error),
    };
    attendant.up();
    let mut assembler = Assembler::new(layout);
    while let Some(report) = reports.recv().await {
        let report = match report {
            Ok(report) => report,
            Err(error) => return Trouble::of(&error),
        };
        let Some(reported) = assembler.report(&report, attendant.now_ns()) else { continue };
        let bytes = reported.code.as_ref().map_or(Vec::new(), |code| code.bytes.clone());
        attendant.code(&bytes, reported.code.ok_or(TokenProblem::Unknown), reported.begun_ns).await;
    }
    Trouble::hung_up()
}

fn open(path: &Path) -> Result<(File, ReportLayout), Trouble> {
    let device = File::open(path).map_err(|error| Trouble::of(&error))?;
    let descriptor = descriptor_of(path).map_err(|_| Trouble::wrong_kind("the device is no hidraw"))?;
    let layout = ReportLayout::from_descriptor(&descriptor)
        .map_err(|_| Trouble::wrong_kind("its report descriptor names no bar code scanner (usage page 8C)"))?;
    Ok((device, layout))
}

/// Reads until the device fails, ends, or nobody listens any more.
fn read(mut device: File, reports: &mpsc::Sender<io::Result<Vec<u8>>>) -> io::Result<()> {
    loop {
        let mut report = vec![0; REPORT_BYTES_MAX];
        let count = device.read(&mut report)?;
        report.truncate(count);
        if count == 0 || reports.blocking_send(Ok(report)).is_err() {
            return Ok(());
        }
    }
}

/// The report descriptor of a hidraw device, from sysfs.
pub fn descriptor_of(device: &Path) -> io::Result<Vec<u8>> {
    let device = fs::canonicalize(device)?;
    let name = device.file_name().ok_or(io::ErrorKind::NotFound)?;
    fs::read(Path::new(SYS_CLASS).join(name).join("device/report_descriptor"))
}

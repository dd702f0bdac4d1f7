//! What the command line prints, all of it: a reader that goes away (`| head`) ends the command quietly, as it ends every
//! other program, and no foreign text steers the terminal.

use std::any::Any;
use std::cell::Cell;
use std::io::{self, ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use crate::pure::text::printable;

/// What a shell reports of a program that a closed pipe ended: 128 and SIGPIPE.
const CLOSED: u8 = 141;

thread_local! {
    /// Whether [`guarded`] catches what this thread unwinds.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Standard output took no more.
struct NotPrinted(io::Error);

/// Prints a line for whoever ran the command: [`line`] of a format.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::terminal::line(&format!($($text)*)) };
}

/// Prints a line beside the answer, on standard error: [`aside`] of a format.
macro_rules! mention {
    ($($text:tt)*) => { $crate::cli::terminal::aside(&format!($($text)*)) };
}

/// Prints `text` and a line end. What a terminal would obey is written out, in JSON as the same text.
pub fn line(text: &str) {
    styled_line(&printable(text));
}

/// Prints `text`, which has colours of ours and nothing foreign that is not written out, and a line end.
pub fn styled_line(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(format!("{text}\n").as_bytes()) {
        failed(error);
    }
}

/// Prints bytes as they are: a table or a file that was asked for.
pub fn bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        failed(error);
    }
}

/// Prints a line on standard error; whether anybody reads it changes nothing.
pub fn aside(text: &str) {
    let _nobody_reads = io::stderr().lock().write_all(format!("{}\n", printable(text)).as_bytes());
}

/// Prints on standard error as it is, without a line end: a question, or a line that moves.
pub fn aside_raw(text: &str) {
    let mut out = io::stderr().lock();
    let _nobody_reads = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Ends the command where it can be ended from: what it holds is dropped on the way. Another thread goes on unread.
fn failed(error: io::Error) {
    if GUARDED.get() {
        // Unlike a panic it tells nobody.
        resume_unwind(Box::new(NotPrinted(error)));
    }
}

/// Runs a command; one whose output nobody takes ends with the code of a closed pipe, or tells why it could not print.
pub fn guarded(command: impl FnOnce() -> ExitCode) -> ExitCode {
    GUARDED.set(true);
    let done = catch_unwind(AssertUnwindSafe(|| {
        let code = command();
        io::stdout().flush().unwrap_or_else(failed);
        code
    }));
    GUARDED.set(false);
    done.unwrap_or_else(code_of)
}

fn code_of(why: Box<dyn Any + Send>) -> ExitCode {
    match why.downcast::<NotPrinted>() {
        Ok(printed) if printed.0.kind() == ErrorKind::BrokenPipe => ExitCode::from(CLOSED),
        Ok(printed) => {
            aside(&format!("stampd: the answer cannot be written: {}", printed.0));
            ExitCode::FAILURE
        }
        Err(panic) => resume_unwind(panic),
    }
}

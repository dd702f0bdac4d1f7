//! Priority: what may take its time steps behind the taps.

use std::io;
use std::thread;

use rustix::process::setpriority_process;

/// The lowest priority that there is (setpriority(2)).
const NICE: i32 = 19;

/// Gives the calling thread, and no other, the lowest priority: on Linux each thread has its own. There is no way back.
///
/// # Errors
/// The system refuses it, as our unit lets it (`systemd/stampd.service`).
pub fn lower() -> io::Result<()> {
    Ok(setpriority_process(None, NICE)?)
}

/// Runs work on a thread of its own, at the lowest priority where the system allows that, and waits for it. A panic goes on
/// in the caller.
///
/// # Errors
/// The system gives no thread.
pub fn lowered<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let working = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, || {
            // Refused, the work is done all the same.
            let _ = lower();
            work()
        })?;
        Ok(working.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn work_is_lowered_and_its_caller_is_not() {
        let before = getpriority_process(None).expect("a priority");
        let (inside, made) = lowered("slow", || (getpriority_process(None), "made")).expect("a thread");
        assert_eq!((inside.expect("a priority"), made), (NICE, "made"));
        assert_eq!(getpriority_process(None).expect("a priority"), before);
    }
}

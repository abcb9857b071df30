//! Ctrl-C: once stops the training after its step, twice stops the program, unless that is a prompt.

use super::streams::complain;
use crate::session::Exit;
use crate::session::options::Interrupt;

/// From here on Ctrl-C raises the flag that is returned; a second time it ends the program with exit code 130.
pub fn listen() -> Interrupt {
    listen_with(|interrupt| {
        if interrupt.raise() {
            std::process::exit(Exit::Interrupted.code().into());
        }
    })
}

/// The same for a session at a prompt, which no Ctrl-C ends.
pub fn listen_for_long() -> Interrupt {
    listen_with(|interrupt| _ = interrupt.raise())
}

fn listen_with(act: impl Fn(&Interrupt) + Send + 'static) -> Interrupt {
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    let handler = move || act(&raised);
    if let Err(error) = ctrlc::set_handler(handler) {
        // Without the handler Ctrl-C still ends the program, at once and without the result.
        complain(&format!("Ctrl-C will not keep the result: {error}"));
    }
    interrupt
}

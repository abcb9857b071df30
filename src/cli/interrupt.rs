//! Ctrl-C: once stops the training after its step, twice stops the program.

use super::streams::complain;
use crate::session::Exit;
use crate::session::options::Interrupt;

/// From here on Ctrl-C raises the flag that is returned; a second time it ends the program with exit code 130.
pub fn listen() -> Interrupt {
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    let handler = move || {
        if raised.raise() {
            std::process::exit(Exit::Interrupted.code().into());
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        // Without the handler Ctrl-C still ends the program, at once and without the result.
        complain(&format!("Ctrl-C will not keep the result: {error}"));
    }
    interrupt
}

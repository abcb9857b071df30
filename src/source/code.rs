//! The codes of all diagnostics. `docs/errors/` has a page on each, which `nabla explain` prints.

macro_rules! codes {
    ($($code:ident $title:literal)*) => {
        /// The code of a diagnostic: `E` for errors, `W` for warnings and notes. The first two digits are the stage:
        /// 01 text, 02 names, 03 types and shapes, 04 layers, derivatives and training, 05 running.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Code { $(#[doc = $title] $code),* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$code),*];

            /// The code as it is printed.
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code)),* }
            }

            /// What the code is about, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title),* }
            }

            /// Its page in `docs/errors/`.
            pub fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("../../docs/errors/", stringify!($code), ".md"))),* }
            }
        }
    };
}

codes! {
    E0101 "this cannot be read here"
    E0102 "a bracket has no partner"
    E0103 "a string does not end"
    E0104 "a character that is not part of the language"
    E0105 "nested too deeply"
    E0106 "a number that does not fit"
    E0107 "a mistake in an interpolated string"
    E0108 "a statement that does not belong here"
    E0109 "a file that is not a script"

    E0201 "unknown name"
    E0202 "a name bound twice"
    E0203 "unknown argument"
    E0204 "wrong number of arguments"
    E0205 "unknown field"
    E0206 "unknown module or import"
    E0207 "a `var` used where it cannot be"
    E0208 "recursion"
    E0209 "unknown key"

    E0301 "inner sizes of a matrix product differ"
    E0302 "shapes that do not broadcast"
    E0303 "wrong type"
    E0304 "wrong shape"
    E0305 "not possible with a value of this kind"
    E0306 "unknown or impossible axis"
    E0307 "index outside the axis"
    E0308 "a size that is not known"
    E0309 "shapes that cannot be put together"
    E0310 "branches that differ"
    E0311 "a loop variable that changes its type"
    E0312 "the type expected here"
    E0313 "a pattern that does not fit"
    E0314 "a tensor too large to make"
    E0315 "a window that does not fit"
    E0316 "channels that do not divide into groups"

    E0401 "a parameter or state in the wrong place"
    E0402 "a net whose parameters have no size"
    E0403 "a derivative that does not exist"
    E0404 "not a parameter to differentiate by"
    E0405 "a training that does not say enough"
    E0406 "data that does not fit the net"
    E0407 "data scaled before it was split"
    E0408 "an effect outside the top level"

    E0501 "a file that cannot be read or written"
    E0502 "a table with a mistake in it"
    E0503 "a model file that does not fit"
    E0504 "the cost diverged"
    E0505 "an index outside its axis"
    E0506 "a matrix without the needed property"
    E0507 "sizes that turned out to differ"
    E0508 "a setting that does not fit"
    E0509 "a check that failed"

    W0201 "a name that hides the prelude's"
    W0202 "a name that hides a variable"
    W0301 "a pool that leaves positions out"
    W0401 "a layer applied twice shares its parameters"
    W0501 "a file that is not there yet"
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Code {
    type Err = ();

    /// Reads a code as a user types it: `E0301`, `e0301` or `0301`.
    fn from_str(text: &str) -> Result<Code, ()> {
        let text = text.trim().to_uppercase();
        let full = if text.starts_with(|c: char| c.is_ascii_digit()) { format!("E{text}") } else { text };
        Code::ALL.iter().copied().find(|code| code.name() == full).ok_or(())
    }
}

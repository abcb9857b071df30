//! Names with their indices: of layers, components, directions and steps of loops.

/// Which step of a loop is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// That of now, t, or so many later: `t − 1` is −1.
    Near {
        /// In how many loops the loop stands.
        depth: usize,
        /// How many steps later.
        offset: i32,
    },
    /// That of this number.
    At(String),
}

impl Step {
    /// The step of now of a loop that stands in so many others.
    pub fn now(depth: usize) -> Step {
        Step::Near { depth, offset: 0 }
    }

    /// The step before.
    pub fn before(depth: usize) -> Step {
        Step::Near { depth, offset: -1 }
    }

    /// Step 0: what is before the first.
    pub fn start() -> Step {
        Step::At("0".into())
    }
}

/// The index of the steps of a loop that stands in so many others.
pub fn turn(depth: usize) -> String {
    let letters = ["t", "r", "u", "v"];
    letters.get(depth).map_or_else(|| format!("v{}", depth - 2), |letter| letter.to_string())
}

/// A name with its indices: `W²`, `δ₁`, `w¹₀₁`, `hₜ₋₁`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symbol {
    /// The name.
    pub base: String,
    /// Above: the layer.
    pub sup: Option<String>,
    /// Below: the component, or the number that ends a name.
    pub sub: Option<String>,
    /// Below: by what it is differentiated, `u_xx`.
    pub by: Vec<String>,
    /// Below: the steps of the loops it stands in, the outermost first.
    pub steps: Vec<Step>,
    /// The number of axes of what it names.
    pub rank: usize,
}

impl Symbol {
    /// A name, without the digits it ends with: `w1` is `w₁`. A Greek letter may be spelled out.
    pub fn new(name: &str, rank: usize) -> Symbol {
        let base = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let digits = &name[base.len()..];
        let base = base.strip_suffix('_').filter(|base| !base.is_empty() && !digits.is_empty()).unwrap_or(base);
        if base.is_empty() || digits.is_empty() {
            return Symbol::plain(name, rank);
        }
        Symbol { sub: Some(digits.into()), ..Symbol::plain(base, rank) }
    }

    /// The same for what may be a part of a record or tuple: `p.w`, and `p₀` for `p.0`.
    pub fn member(name: &str, rank: usize) -> Symbol {
        match name.rsplit_once('.') {
            Some((of, place)) if !of.contains('.') && place.chars().all(|letter| letter.is_ascii_digit()) => {
                Symbol { sub: Some(place.into()), ..Symbol::plain(of, rank) }
            }
            Some(_) => Symbol::plain(name, rank),
            None => Symbol::new(name, rank),
        }
    }

    /// A name without indices.
    pub fn plain(base: &str, rank: usize) -> Symbol {
        Symbol { base: greek(base).into(), sup: None, sub: None, by: vec![], steps: vec![], rank }
    }

    /// Whether two names are told apart by nothing but the steps.
    pub fn is_called_as(&self, other: &Symbol) -> bool {
        (&self.base, &self.sup, &self.sub, &self.by) == (&other.base, &other.sup, &other.sub, &other.by)
    }

    /// The same in a layer.
    pub fn of_layer(mut self, layer: usize) -> Symbol {
        self.sup = Some(layer.to_string());
        self
    }

    /// A component of it.
    pub fn component(&self, index: &str) -> Symbol {
        Symbol { sub: Some(index.into()), rank: 0, ..self.clone() }
    }

    /// What it is in a step of a loop around it.
    pub fn at(&self, step: Step) -> Symbol {
        Symbol { steps: self.steps.iter().cloned().chain([step]).collect(), ..self.clone() }
    }

    /// The same as it is in the steps of now of all loops around, so many, also if it is the same in each.
    pub fn in_all_steps(&self, depth: usize) -> Symbol {
        let of = |wanted: usize| move |step: &&Step| matches!(step, Step::Near { depth, .. } if *depth == wanted);
        let all = (0..depth).map(|depth| self.steps.iter().find(of(depth)).cloned().unwrap_or(Step::now(depth)));
        Symbol { steps: all.collect(), ..self.clone() }
    }

    /// The row of a step of a loop: it has an axis less.
    pub fn in_step(&self, step: Step) -> Symbol {
        Symbol { rank: self.rank.saturating_sub(1), ..self.at(step) }
    }
}

/// The letter that a name spells out.
fn greek(name: &str) -> &str {
    let table = [
        ("alpha", "α"),
        ("beta", "β"),
        ("gamma", "γ"),
        ("delta", "δ"),
        ("epsilon", "ε"),
        ("theta", "θ"),
        ("lambda", "λ"),
        ("mu", "μ"),
        ("rho", "ρ"),
        ("sigma", "σ"),
        ("tau", "τ"),
        ("phi", "φ"),
        ("psi", "ψ"),
        ("omega", "ω"),
    ];
    table.iter().find(|(spelled, _)| *spelled == name).map_or(name, |(_, letter)| letter)
}

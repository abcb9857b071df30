//! Names of signs as LaTeX has them, for those who have no key for σ.

/// Names and signs that can stand in a script: in names, or as an operator.
pub const SYMBOLS: &[(&str, &str)] = &[
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("varepsilon", "ε"),
    ("zeta", "ζ"),
    ("eta", "η"),
    ("theta", "θ"),
    ("iota", "ι"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("nu", "ν"),
    ("xi", "ξ"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("upsilon", "υ"),
    ("phi", "φ"),
    ("varphi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
    ("Gamma", "Γ"),
    ("Delta", "Δ"),
    ("Theta", "Θ"),
    ("Lambda", "Λ"),
    ("Xi", "Ξ"),
    ("Pi", "Π"),
    ("Sigma", "Σ"),
    ("Phi", "Φ"),
    ("Psi", "Ψ"),
    ("Omega", "Ω"),
    ("nabla", "∇"),
    ("ell", "ℓ"),
    ("le", "≤"),
    ("leq", "≤"),
    ("ge", "≥"),
    ("geq", "≥"),
    ("ne", "≠"),
    ("neq", "≠"),
    ("hat", "\u{302}"),
    ("bar", "\u{304}"),
    ("tilde", "\u{303}"),
    ("dot", "\u{307}"),
    ("prime", "′"),
    ("_0", "₀"),
    ("_1", "₁"),
    ("_2", "₂"),
    ("_3", "₃"),
    ("_4", "₄"),
    ("_5", "₅"),
    ("_6", "₆"),
    ("_7", "₇"),
    ("_8", "₈"),
    ("_9", "₉"),
];

/// What stands behind the last backslash before the end of a text, if that may be the name of a sign.
pub fn name_at_end(text: &str) -> Option<&str> {
    let (_, name) = text.rsplit_once('\\')?;
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(name)
}

/// The signs whose names begin so; the one of exactly this name alone, if there is one.
pub fn matching(name: &str) -> Vec<(&'static str, &'static str)> {
    if let Some(exact) = SYMBOLS.iter().find(|(other, _)| *other == name) {
        return vec![*exact];
    }
    SYMBOLS.iter().filter(|(other, _)| other.starts_with(name)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;
    use crate::syntax::parse;

    #[test]
    fn a_whole_name_is_its_sign() {
        assert_eq!(matching("sigma"), [("sigma", "σ")]);
        assert_eq!(matching("eta"), [("eta", "η")]);
        assert_eq!(matching("the"), [("theta", "θ")]);
        assert_eq!(matching("banana"), []);
        assert_eq!(name_at_end("x = \\sig"), Some("sig"));
        assert_eq!(name_at_end("x = \\sig + y"), None);
    }

    #[test]
    fn every_sign_can_stand_in_a_script() {
        for (name, sign) in SYMBOLS {
            let scripts =
                [format!("x = {sign}"), format!("x = a{sign}"), format!("x = a {sign} b"), format!("x = {sign}f(1.0)")];
            let reads = scripts.iter().any(|script| parse(FileId(0), script).1.is_empty());
            assert!(reads, "{name}: {sign}");
        }
    }
}

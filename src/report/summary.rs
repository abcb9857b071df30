//! The table of a net's layers. Everything in it is computed from shapes: nothing is allocated.

use super::grid::{Align, grid};
use super::number::{bytes, thousands};

/// One line of a summary.
#[derive(Clone, PartialEq, Debug)]
pub struct LayerRow {
    /// The layer's path in the net: `dense_1`, `block.conv2d`.
    pub name: String,
    /// The type of what it gives, as the language writes it: `real[n, 100]`.
    pub output: String,
    /// How many numbers it trains.
    pub parameters: u128,
    /// How much memory these take.
    pub bytes: u128,
    /// How many numbers it multiplies and adds up: `6,400 n`.
    pub products: String,
}

/// The table: a line for each layer, then the totals; `products` is that of the multiply-adds.
pub fn summary(net: &str, layers: &[LayerRow], products: &str) -> String {
    let cells = |texts: [&str; 5]| texts.map(str::to_string).to_vec();
    let mut lines = vec![cells(["layer", "output", "parameters", "bytes", "multiply-adds"]), vec![]];
    for layer in layers {
        let (parameters, memory) = (thousands(layer.parameters), thousands(layer.bytes));
        lines.push(cells([&layer.name, &layer.output, &parameters, &memory, &layer.products]));
    }
    let parameters = layers.iter().map(|layer| layer.parameters).fold(0, u128::saturating_add);
    let memory = layers.iter().map(|layer| layer.bytes).fold(0, u128::saturating_add);
    lines.extend([vec![], cells(["total", "", &thousands(parameters), &thousands(memory), products])]);
    let table = grid(&[Align::Left, Align::Left, Align::Right, Align::Right, Align::Right], &lines);
    format!("{net}: {} parameters, {}\n{table}", thousands(parameters), bytes(memory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_and_grouped() {
        let layer = |name: &str, output: &str, parameters: u128| LayerRow {
            name: name.to_string(),
            output: output.to_string(),
            parameters,
            bytes: parameters * 8,
            products: format!("{} n", thousands(parameters)),
        };
        let layers = [layer("dense_1", "real[n, 100]", 6500), layer("dense_2", "real[n, 10^8]", 10_100_000_000)];
        assert_eq!(
            summary("mlp", &layers, "10,100,006,500 n"),
            "\
mlp: 10,100,006,500 parameters, 75.3 GiB
layer    output             parameters           bytes     multiply-adds
────────────────────────────────────────────────────────────────────────
dense_1  real[n, 100]            6,500          52,000           6,500 n
dense_2  real[n, 10^8]  10,100,000,000  80,800,000,000  10,100,000,000 n
────────────────────────────────────────────────────────────────────────
total                   10,100,006,500  80,800,052,000  10,100,006,500 n
"
        );
    }
}

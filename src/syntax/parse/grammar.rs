//! The parser that pest makes of `grammar/nn.pest`.

#![allow(missing_docs, reason = "the rules are documented in the grammar")]

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/nn.pest"]
pub(super) struct Grammar;

//! Models on disk: named tensors and what is known about them, in the safetensors format.
//!
//! A file holds numbers and text only, so loading one runs no code. A reader sees the old file or the new one, never a half.
//! The same model gives the same bytes.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::{Map, Value, json};

use super::data::{DataError, file};
use crate::source::Code;
use crate::source::nearest::nearest;

/// How many mismatches are listed one by one.
const LISTED: usize = 8;

/// The numbers of a tensor, row-major.
#[derive(Clone, PartialEq, Debug)]
pub enum Values {
    /// Reals of 32 bits.
    F32(Vec<f32>),
    /// Reals of 64 bits.
    F64(Vec<f64>),
    /// Ints.
    I64(Vec<i64>),
    /// Bools.
    Bool(Vec<bool>),
}

/// A tensor as it is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Its numbers, as many as the sizes multiply to.
    pub values: Values,
}

/// What a file holds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Checkpoint {
    /// The tensors by path, `params.dense_1.W`.
    pub tensors: BTreeMap<String, Stored>,
    /// What is known about them: `net`, `seed`, `step`, `script` (a hash), `nabla` (a version).
    pub metadata: BTreeMap<String, String>,
}

/// A tensor that a model needs. Reals of either width may be stored where reals are needed.
#[derive(Clone, PartialEq, Debug)]
pub struct Expected {
    /// Its path.
    pub name: String,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// What its elements are.
    pub element: Element,
}

/// The kinds of elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Element {
    /// Reals.
    Real,
    /// Ints.
    Int,
    /// Bools.
    Bool,
}

/// Writes a checkpoint to `path`, replacing what is there; a missing folder is made.
///
/// # Errors
/// E0501 where the file cannot be written; what was there before is then untouched.
pub fn save(path: &Path, checkpoint: &Checkpoint) -> Result<(), DataError> {
    file::replace(path, &to_bytes(checkpoint))
}

/// Reads a checkpoint.
///
/// # Errors
/// E0501 where the file cannot be read; E0503 where it is cut off, damaged, or no safetensors file.
pub fn load(path: &Path) -> Result<Checkpoint, DataError> {
    let bytes = file::read(path)?;
    from_bytes(&bytes).map_err(|why| {
        let error = DataError::new(Code::E0503, format!("`{}` {}", path.display(), why.what));
        match why.help {
            Some(help) => error.with_help(help),
            None => error,
        }
    })
}

/// Why bytes are no checkpoint: what follows the name of the file, and what to do.
#[derive(Debug)]
struct Unfit {
    what: String,
    help: Option<&'static str>,
}

impl From<&str> for Unfit {
    fn from(what: &str) -> Unfit {
        Unfit { what: what.to_string(), help: None }
    }
}

/// The bytes of a safetensors file: the length of the header, the header as JSON, the numbers in little-endian order.
fn to_bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    // The crate's writer takes the metadata in the random order of a hash map; this one sorts it. Wider elements come
    // first, so that each tensor starts at a multiple of its element's size.
    let mut tensors: Vec<(&String, &Stored)> = checkpoint.tensors.iter().collect();
    tensors.sort_by_key(|(_, stored)| std::cmp::Reverse(stored.values.width()));
    let mut header = Map::new();
    if !checkpoint.metadata.is_empty() {
        header.insert("__metadata__".to_string(), json!(checkpoint.metadata));
    }
    let mut numbers = Vec::new();
    for (name, stored) in tensors {
        let start = numbers.len();
        stored.values.write(&mut numbers);
        let entry = json!({
            "dtype": stored.values.dtype_name(),
            "shape": stored.shape,
            "data_offsets": [start, numbers.len()],
        });
        header.insert(name.clone(), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut header);
    bytes.append(&mut numbers);
    bytes
}

fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, Unfit> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0x80, 2]) {
        return Err(Unfit {
            what: "is a pickle of PyTorch or an archive, which may hold code".to_string(),
            help: Some("save the weights there with the package `safetensors`"),
        });
    }
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| unfit(&error))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| unfit(&error))?;
    let mut checkpoint = Checkpoint::default();
    for (name, view) in tensors.iter() {
        let values = Values::read(view.dtype(), view.data()).ok_or_else(|| {
            Unfit::from(
                format!("holds `{name}` as {:?}, which cannot be read: F32, F64, I64 and BOOL can", view.dtype())
                    .as_str(),
            )
        })?;
        checkpoint.tensors.insert(name.to_string(), Stored { shape: view.shape().to_vec(), values });
    }
    checkpoint.metadata = header.metadata().iter().flatten().map(|(key, text)| (key.clone(), text.clone())).collect();
    Ok(checkpoint)
}

fn unfit(error: &SafeTensorError) -> Unfit {
    match error {
        SafeTensorError::HeaderTooSmall
        | SafeTensorError::InvalidHeaderLength
        | SafeTensorError::MetadataIncompleteBuffer => Unfit::from("is cut off or no safetensors file"),
        SafeTensorError::InvalidHeader(_)
        | SafeTensorError::InvalidHeaderDeserialization(_)
        | SafeTensorError::HeaderTooLarge => Unfit::from("is no safetensors file"),
        other => Unfit::from(format!("is damaged: {other}").as_str()),
    }
}

impl Checkpoint {
    /// The tensors a model needs, in the order of `expected`. `file` names the file in messages.
    ///
    /// # Errors
    /// E0503 unless the names and shapes are exactly those: what is missing, too much or different is listed, with the
    /// name that was probably meant.
    pub fn fit(mut self, file: &Path, expected: &[Expected]) -> Result<Vec<Stored>, DataError> {
        let left_over: Vec<&String> =
            self.tensors.keys().filter(|name| expected.iter().all(|wanted| wanted.name != **name)).collect();
        let mut facts = Vec::new();
        for wanted in expected {
            let need = type_text(wanted.element, &wanted.shape);
            match self.tensors.get(&wanted.name) {
                None => {
                    let near = nearest(&wanted.name, left_over.iter().map(|name| name.as_str()));
                    let near = near.map_or(String::new(), |name| format!("; did you mean `{name}` in the file?"));
                    facts.push(format!("`{}`: {need} is missing{near}", wanted.name));
                }
                Some(found) if found.shape != wanted.shape || found.values.element() != wanted.element => {
                    let have = type_text(found.values.element(), &found.shape);
                    facts.push(format!("`{}` is {have} in the file, {need} in the net", wanted.name));
                }
                Some(_) => {}
            }
        }
        facts.extend(left_over.iter().map(|name| format!("`{name}` of the file has no place in the net")));
        if facts.is_empty() {
            let take = |wanted: &Expected| self.tensors.remove(&wanted.name).expect("its presence was checked above");
            return Ok(expected.iter().map(take).collect());
        }
        let n = facts.len();
        let places = if n == 1 { "one place" } else { &format!("{n} places") };
        let mut error = DataError::new(Code::E0503, format!("`{}` does not fit the net in {places}", file.display()));
        if n > LISTED {
            facts.truncate(LISTED);
            facts.push(format!("and {} more", n - LISTED));
        }
        if let Some(net) = self.metadata.get("net") {
            facts.push(format!("the file was saved from the net `{net}`"));
        }
        error.notes = facts;
        Err(error)
    }
}

/// A type as the language writes it.
fn type_text(element: Element, shape: &[usize]) -> String {
    let name = match element {
        Element::Real => "real",
        Element::Int => "int",
        Element::Bool => "bool",
    };
    if shape.is_empty() {
        return name.to_string();
    }
    format!("{name}[{}]", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))
}

impl Values {
    /// What the elements are.
    pub fn element(&self) -> Element {
        match self {
            Values::F32(_) | Values::F64(_) => Element::Real,
            Values::I64(_) => Element::Int,
            Values::Bool(_) => Element::Bool,
        }
    }

    fn width(&self) -> usize {
        match self {
            Values::F64(_) | Values::I64(_) => 8,
            Values::F32(_) => 4,
            Values::Bool(_) => 1,
        }
    }

    fn dtype_name(&self) -> &'static str {
        match self {
            Values::F32(_) => "F32",
            Values::F64(_) => "F64",
            Values::I64(_) => "I64",
            Values::Bool(_) => "BOOL",
        }
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Values::F32(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Values::F64(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Values::I64(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Values::Bool(values) => bytes.extend(values.iter().map(|&value| u8::from(value))),
        }
    }

    /// The numbers in `bytes`, whose length fits; nothing for elements the language does not have.
    fn read(dtype: Dtype, bytes: &[u8]) -> Option<Values> {
        Some(match dtype {
            Dtype::F32 => Values::F32(bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()),
            Dtype::F64 => Values::F64(bytes.as_chunks().0.iter().map(|chunk| f64::from_le_bytes(*chunk)).collect()),
            Dtype::I64 => Values::I64(bytes.as_chunks().0.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect()),
            Dtype::BOOL => Values::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;

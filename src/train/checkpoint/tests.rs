//! Saving, loading, and files that went wrong on the way.

use super::*;

fn stored(shape: &[usize], values: Values) -> Stored {
    Stored { shape: shape.to_vec(), values }
}

fn example() -> Checkpoint {
    let tensors = [
        ("params.dense_1.W", stored(&[2, 3], Values::F64(vec![0.1, -0.0, f64::MIN_POSITIVE, 4.0, 1e300, f64::NAN]))),
        ("params.dense_1.b", stored(&[3], Values::F32(vec![1.5, f32::INFINITY, -2.0]))),
        ("state.on", stored(&[2], Values::Bool(vec![true, false]))),
        ("state.step", stored(&[], Values::I64(vec![-7]))),
        ("state.empty", stored(&[0, 4], Values::F32(vec![]))),
    ];
    let metadata = [("net", "mlp"), ("seed", "2023"), ("step", "1350"), ("note", "σ \"quoted\"\n")];
    Checkpoint {
        tensors: tensors.into_iter().map(|(name, stored)| (name.to_string(), stored)).collect(),
        metadata: metadata.into_iter().map(|(key, text)| (key.to_string(), text.to_string())).collect(),
    }
}

fn expected(name: &str, shape: &[usize], element: Element) -> Expected {
    Expected { name: name.to_string(), shape: shape.to_vec(), element }
}

#[test]
fn what_is_loaded_is_what_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/model.safetensors");
    save(&path, &example()).unwrap();
    let loaded = load(&path).unwrap();
    // Text form compares a NaN as equal and tells 0 from -0.
    assert_eq!(format!("{loaded:?}"), format!("{:?}", example()));
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    assert_eq!(to_bytes(&example()), to_bytes(&example()));
    assert_eq!(from_bytes(&to_bytes(&Checkpoint::default())).unwrap(), Checkpoint::default());
}

#[test]
fn numbers_start_at_multiples_of_their_size() {
    let bytes = to_bytes(&example());
    let header_length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + header_length]).unwrap();
    assert_eq!((8 + header_length) % 8, 0);
    for (name, entry) in header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__") {
        let start = entry["data_offsets"][0].as_u64().unwrap();
        let width = if entry["dtype"] == "F32" {
            4
        } else if entry["dtype"] == "BOOL" {
            1
        } else {
            8
        };
        assert_eq!(start % width, 0, "{name}");
    }
}

#[test]
fn a_failed_save_keeps_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    // A folder in the place of the file cannot be replaced by one.
    let path = folder.path().join("model");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("inside"), "kept").unwrap();
    assert_eq!(save(&path, &example()).unwrap_err().code, Code::E0501);
    assert_eq!(std::fs::read_to_string(path.join("inside")).unwrap(), "kept");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn files_cut_anywhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    let bytes = to_bytes(&example());
    for n in 0..bytes.len() {
        std::fs::write(&path, &bytes[..n]).unwrap();
        let error = load(&path).expect_err("a cut file is refused");
        assert!(matches!(error.code, Code::E0501 | Code::E0503), "{n}: {error}");
    }
}

#[test]
fn damaged_bytes_never_panic_and_never_change_sizes() {
    let whole = to_bytes(&example());
    let header_length = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for idx in 0..8 + header_length {
        for damage in [0x00, 0x01, 0x20, b'9', 0xff] {
            let mut bytes = whole.clone();
            bytes[idx] ^= damage;
            let Ok(checkpoint) = from_bytes(&bytes) else { continue };
            for (name, stored) in &checkpoint.tensors {
                let n: usize = stored.shape.iter().product();
                let held = match &stored.values {
                    Values::F32(values) => values.len(),
                    Values::F64(values) => values.len(),
                    Values::I64(values) => values.len(),
                    Values::Bool(values) => values.len(),
                };
                assert_eq!(n, held, "{name} after damage at {idx}");
            }
        }
    }
}

#[test]
fn other_files_are_named_for_what_they_are() {
    for (bytes, what) in [
        (&b"PK\x03\x04rest of an archive"[..], "pickle"),
        (b"short", "cut off"),
        (b"\x08\0\0\0\0\0\0\0not json", "no safetensors file"),
        (&[0xff; 64], "no safetensors file"),
    ] {
        let error = from_bytes(bytes).unwrap_err();
        assert!(error.what.contains(what), "{}", error.what);
    }
}

#[test]
fn tensors_come_in_the_order_asked_for() {
    let wanted = [
        expected("state.step", &[], Element::Int),
        expected("params.dense_1.b", &[3], Element::Real),
        expected("params.dense_1.W", &[2, 3], Element::Real),
        expected("state.on", &[2], Element::Bool),
        expected("state.empty", &[0, 4], Element::Real),
    ];
    let found = example().fit(Path::new("m"), &wanted).unwrap();
    assert_eq!(found[0].values, Values::I64(vec![-7]));
    assert_eq!(found[1].shape, [3]);
}

#[test]
fn misfits_are_listed_with_a_suggestion() {
    let wanted = [
        expected("params.dense_1.w", &[2, 3], Element::Real),
        expected("params.dense_1.b", &[4], Element::Real),
        expected("state.on", &[2], Element::Bool),
        expected("state.step", &[], Element::Real),
        expected("state.empty", &[0, 4], Element::Real),
    ];
    let error = example().fit(Path::new("m.safetensors"), &wanted).unwrap_err();
    assert_eq!(error.code, Code::E0503);
    assert_eq!(error.message, "`m.safetensors` does not fit the net in 4 places");
    assert_eq!(
        error.notes,
        [
            "`params.dense_1.w`: real[2, 3] is missing; did you mean `params.dense_1.W` in the file?",
            "`params.dense_1.b` is real[3] in the file, real[4] in the net",
            "`state.step` is int in the file, real in the net",
            "`params.dense_1.W` of the file has no place in the net",
            "the file was saved from the net `mlp`",
        ]
    );
}

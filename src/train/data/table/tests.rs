//! Tables as people save them, right and wrong.

use std::io::Write;
use std::path::PathBuf;

use super::super::choose::Column;
use super::*;

/// A folder with one file, removed at the end of the test.
fn file_of(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.csv");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn target(name: &str) -> Options {
    Options { target: vec![Column::Name(name.to_string())], ..Options::default() }
}

fn read(text: impl AsRef<[u8]>, options: &Options) -> Result<Table, DataError> {
    let (_folder, path) = file_of(text.as_ref());
    read_table(&path, options)
}

/// The error of reading, with the folder's name taken out of its message.
fn error(text: impl AsRef<[u8]>, options: &Options) -> DataError {
    let (folder, path) = file_of(text.as_ref());
    let mut error = read_table(&path, options).expect_err("this table has a mistake");
    error.message = error.message.replace(&format!("{}/", folder.path().display()), "");
    error
}

#[test]
fn features_and_target_are_told_apart_by_name() {
    let table = read("a,y,b\n1,10,2\n3.5,-20,4e-1\n", &target("y")).unwrap();
    assert_eq!(table.columns, ["a", "b"]);
    assert_eq!(table.targets, ["y"]);
    assert_eq!(table.x, [1.0, 2.0, 3.5, 0.4]);
    assert_eq!(table.t, [10.0, -20.0]);
    assert_eq!((table.n_rows, table.n_features, table.n_targets), (2, 2, 1));
    assert_eq!(table.classes, None);
}

#[test]
fn without_a_header_columns_have_positions() {
    let options = Options { first_line: FirstLine::Values, target: vec![Column::Index(-1)], ..Options::default() };
    let table = read("1,2,0\n3,4,1", &options).unwrap();
    assert_eq!(table.columns, ["0", "1"]);
    assert_eq!((table.x, table.t), (vec![1.0, 2.0, 3.0, 4.0], vec![0.0, 1.0]));
    assert!(read("1,2,0\n", &Options { first_line: FirstLine::Values, ..target("y") }).is_err());
}

#[test]
fn several_targets_and_chosen_columns_keep_their_order() {
    let name = |name: &str| Column::Name(name.to_string());
    let options = Options {
        target: vec![name("d"), Column::Index(0)],
        columns: Some(vec![name("c"), name("b")]),
        ..Options::default()
    };
    let table = read("a,b,c,d,text\n1,2,3,4,x\n5,6,7,8,y\n", &options).unwrap();
    assert_eq!(table.t, [4.0, 1.0, 8.0, 5.0]);
    assert_eq!(table.x, [3.0, 2.0, 7.0, 6.0]);
    assert_eq!(table.n_targets, 2);
}

#[test]
fn labels_become_positions_in_their_sorted_list() {
    let table = read("a,kind\n1,setosa\n2,virginica\n3,setosa\n4,\"iris, other\"\n", &target("kind")).unwrap();
    assert_eq!(table.classes.unwrap(), ["iris, other", "setosa", "virginica"]);
    assert_eq!(table.t, [1.0, 2.0, 1.0, 0.0]);
}

#[test]
fn spellings_of_a_table_are_equal() {
    let plain = read("a b,y\n1,2\n3,4\n", &target("y")).unwrap();
    for text in [
        "a b,y\r\n1,2\r\n3,4\r\n",
        "a b;y\n1;2\n3;4",
        "a b\ty\n1\t2\n3\t4\n\n\n",
        "\u{feff}a b,y\n1,2\n3,4\n",
        "\u{feff}\"a b\",\"y\"\n\"1\", 2\n\n 3 ,4\n",
    ] {
        assert_eq!(read(text, &target("y")).unwrap(), plain, "{text:?}");
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(b"a b,y\n1,2\n3,4\n").unwrap();
    assert_eq!(read(packed.finish().unwrap(), &target("y")).unwrap(), plain, "gzip");
}

#[test]
fn gaps_name_line_and_column() {
    for (cell, what) in [
        ("", "the cell is empty"),
        (" ", "the cell is empty"),
        ("NA", "`NA` is no value"),
        ("nan", "`nan` is no value"),
    ] {
        let error = error(format!("age,y\n1,2\n{cell},4\n"), &target("y"));
        assert_eq!((error.code, error.row, error.column.as_deref()), (Code::E0502, Some(3), Some("age")));
        assert_eq!(error.message, format!("data.csv: line 3, column `age`: {what}"));
    }
    assert_eq!(
        error("a,kind\n1,x\n2,\n", &target("kind")).message,
        "data.csv: line 3, column `kind`: the cell is empty"
    );
}

#[test]
fn text_among_numbers_names_line_and_column() {
    let first = error("a,b,y\n1,2,3\n1,red,3\n", &target("y"));
    assert_eq!(first.message, "data.csv: line 3, column `b`: `red` is not a number");
    assert_eq!(first.helps, ["`columns = [..]` chooses the columns to read"]);
    let comma = error("a;y\n1,5;2\n", &target("y"));
    assert_eq!(comma.message, "data.csv: line 2, column `a`: `1,5` is not a number");
    assert_eq!(comma.helps, ["decimals are written with a point"]);
    let infinite = error("a,y\n1e999,2\n", &target("y"));
    assert_eq!(infinite.message, "data.csv: line 2, column `a`: `1e999` is not a finite number");
    let mixed = error("a,y\n1,2\n1,two\n", &target("y"));
    assert_eq!(mixed.message, "data.csv: line 3, column `y`: `two` is not a number");
    let mixed = error("a,y\n1,two\n1,2\n", &target("y"));
    assert_eq!(mixed.message, "data.csv: line 3, column `y`: `2` is a number where the rows above have labels");
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    // Line ends of Windows, an empty line, and a quoted cell over two lines stand before the mistake.
    let text = "a,name,y\r\n\r\n1,\"two\r\nlines\",2\r\nbad,x,2\r\n";
    let options = Options { columns: Some(vec![Column::Index(0)]), ..target("y") };
    assert_eq!(error(text, &options).row, Some(5));
}

#[test]
fn rows_of_another_length_are_refused() {
    assert_eq!(
        error("a,b,y\n1,2,3\n1,2\n", &target("y")).message,
        "line 3 of `data.csv` has 2 cells, the header has 3"
    );
    let values = Options { first_line: FirstLine::Values, ..Options::default() };
    assert_eq!(error("1,2\n1,2,3\n", &values).message, "line 2 of `data.csv` has 3 cells, the first row has 2");
}

#[test]
fn unknown_columns_say_what_there_is() {
    let close = error("age,digit\n1,2\n", &target("digti"));
    assert_eq!(close.message, "there is no column `digti` in `data.csv`");
    assert_eq!(close.helps, ["did you mean `digit`?"]);
    assert_eq!(error("a,b\n1,2\n", &target("speed")).helps, ["its columns are `a`, `b`"]);
    let index = error("a,b\n1,2\n", &Options { target: vec![Column::Index(2)], ..Options::default() });
    assert_eq!(index.helps, ["it has 2 columns, 0 to 1"]);
    assert!(error("a,a,y\n1,2,3\n", &target("a")).message.starts_with("two columns of `data.csv` are called `a`"));
    assert!(error("y\n1\n", &target("y")).message.ends_with("has no column left for features"));
}

#[test]
fn a_header_that_is_none_is_noticed() {
    let values = error("1,2\n3,4\n", &Options { target: vec![Column::Index(1)], ..Options::default() });
    assert_eq!(values.message, "the first line of `data.csv` holds numbers, not the names of columns");
    let nameless = error(",a,y\n0,1,2\n1,3,4\n", &target("y"));
    assert_eq!(nameless.message, "column 0 of `data.csv` has no name");
}

#[test]
fn what_is_not_a_table_is_refused() {
    assert_eq!(error("", &target("y")).message, "`data.csv` is empty");
    assert_eq!(error("\n\n", &target("y")).message, "`data.csv` holds nothing but empty lines");
    assert_eq!(error("a,y\n", &target("y")).message, "`data.csv` has a header but no rows");
    assert_eq!(error(b"a,y\n1,2\n\xff,3\n", &target("y")).message, "line 3 of `data.csv` is not UTF-8 text");
    assert!(error(b"\xff\xfea\0,\0", &target("y")).message.contains("UTF-16"));
    assert!(error(b"PK\x03\x04....", &target("y")).message.contains("spreadsheet"));
    assert!(error(b"\x93NUMPY\x01\x00v\0", &target("y")).message.contains("binary"));
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("digits.csv"), "a,y\n1,2\n").unwrap();
    let missing = read_table(&folder.path().join("digit.csv"), &target("y")).unwrap_err();
    assert_eq!(missing.code, Code::E0501);
    assert!(missing.message.starts_with("there is no file `"));
    assert!(missing.helps[0].ends_with("digits.csv` is there"), "{:?}", missing.helps);
    let directory = read_table(folder.path(), &target("y")).unwrap_err();
    assert!(directory.message.ends_with("is a directory"), "{}", directory.message);
}

#[test]
fn gzip_streams_cut_anywhere_are_refused() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let text: String = (0..200).map(|i| format!("{i},{}\n", i * 7919 % 1000)).collect();
    packed.write_all(format!("a,y\n{text}").as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    for n in (2..packed.len()).step_by(37) {
        let error = error(&packed[..n], &target("y"));
        assert_eq!(error.code, Code::E0501, "{n}: {}", error.message);
        assert!(error.message.contains("cut off"), "{n}: {}", error.message);
    }
}

#[test]
fn the_header_alone_is_enough_to_check() {
    let (_folder, path) = file_of(b"a;\"b;c\";y\nthis is;never;read\n");
    let header = read_header(&path, &target("y")).unwrap();
    assert_eq!(header.columns, ["a", "b;c", "y"]);
    let choice = header.choose(&target("y")).unwrap();
    assert_eq!((choice.features, choice.targets), (vec![0, 1], vec![2]));
}

#[test]
fn the_tables_of_the_examples_read() {
    let read = |name: &str, options: &Options| {
        read_table(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/data").join(name), options).unwrap()
    };
    let digits = read("digits.csv", &target("digit"));
    assert_eq!((digits.n_rows, digits.n_features), (1797, 64));
    assert_eq!(digits.t[..4], [0.0, 1.0, 2.0, 3.0]);
    assert!(digits.x.iter().all(|level| (0.0..=16.0).contains(level)));
    let cancer = read("breast_cancer.csv", &target("benign"));
    assert_eq!((cancer.n_rows, cancer.n_features, cancer.t.iter().sum::<f64>()), (569, 30, 357.0));
    let iris = read("iris.csv", &target("species"));
    assert_eq!(iris.classes.unwrap(), ["setosa", "versicolor", "virginica"]);
    let headless = Options { first_line: FirstLine::Values, target: vec![Column::Index(8)], ..Options::default() };
    let table = read("eight_columns.csv", &headless);
    assert_eq!((table.n_rows, table.n_features, table.n_targets), (600, 8, 1));
}

//! The tutorial: its chapters are true, and read as one book.

use std::fs;

use super::{check, page, root};

/// The number of a page of the tutorial; 0 is the index.
fn chapter(name: &str) -> Option<u32> {
    let file = name.strip_prefix("docs/tutorial/")?;
    Some(file.get(..2).and_then(|number| number.parse().ok()).unwrap_or(0))
}

// The chapters train a lot, so they are three tests, which run side by side.

#[test]
fn the_tutorial_is_true_up_to_gradients() {
    check(|name| chapter(name).is_some_and(|number| number <= 7));
}

#[test]
fn the_tutorial_is_true_up_to_problems() {
    check(|name| chapter(name).is_some_and(|number| (8..=12).contains(&number)));
}

#[test]
fn the_tutorial_is_true_to_its_end() {
    check(|name| chapter(name).is_some_and(|number| number >= 13));
}

/// Chapters are numbered, listed in the index, and lead to the one before and the one after.
#[test]
fn the_tutorial_reads_as_one_book() {
    let folder = root().join("docs/tutorial");
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut chapters: Vec<String> = names.filter(|name| name.ends_with(".md") && name != "README.md").collect();
    chapters.sort();
    let index = page::links(&fs::read_to_string(folder.join("README.md")).unwrap());
    let listed: Vec<&String> = index.iter().filter(|link| chapters.contains(link)).collect();
    assert_eq!(listed, chapters.iter().collect::<Vec<_>>(), "the index lists the chapters in their order");
    for (idx, chapter) in chapters.iter().enumerate() {
        let text = fs::read_to_string(folder.join(chapter)).unwrap();
        assert!(chapter.starts_with(&format!("{:02}-", idx + 1)), "{chapter} is chapter {}", idx + 1);
        assert!(text.starts_with(&format!("# {}. ", idx + 1)), "{chapter} begins with its number and title");
        let last = page::links(text.trim_end().lines().last().unwrap());
        let mut wanted = vec![];
        wanted.extend(idx.checked_sub(1).map(|before| chapters[before].clone()));
        wanted.push("README.md".to_string());
        wanted.extend(chapters.get(idx + 1).cloned());
        assert_eq!(last, wanted, "the last line of {chapter} leads on");
    }
}

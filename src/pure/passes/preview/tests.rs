//! Tests of the pictures for people.

use super::lettering::{fitted, width, wrapped};

#[test]
fn letters_have_a_width_and_are_made_to_fit() {
    let wide = width("Gratis-Kaffee", 18.0, 400);
    assert!((95.0..130.0).contains(&wide), "{wide}");
    assert!(width("Gratis-Kaffee", 9.0, 400) < wide * 0.55);
    assert_eq!(width("  ", 18.0, 400), 0.0);
    assert_eq!(fitted("Tee", 18.0, 400, 300.0), ("Tee".to_owned(), 18.0));
    let (text, size) = fitted("Gratis-Kaffee", 18.0, 400, wide * 0.8);
    assert!(text == "Gratis-Kaffee" && size < 18.0, "{text} {size}");
    let (text, size) = fitted("Gratis-Kaffee & mehr", 18.0, 400, 60.0);
    assert!(text.ends_with('…') && width(&text, size, 400) <= 60.5, "{text}");
}

#[test]
fn texts_are_wrapped_at_words_and_long_words_are_broken() {
    let lines = wrapped("Hold your phone to the reader, or show the code.\nThen drink.", 15.0, 400, 160.0);
    assert!(lines.len() > 3, "{lines:?}");
    assert_eq!(lines.last().map(String::as_str), Some("Then drink."));
    let long = wrapped(&"x".repeat(120), 15.0, 400, 160.0);
    assert!(long.len() > 3 && long.concat().len() == 120, "{long:?}");
    for line in lines.iter().chain(&long) {
        assert!(width(line, 15.0, 400) <= 160.0, "{line}");
    }
}

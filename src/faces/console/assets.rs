//! The files that pages load: style, script and icon, compiled in. The address of each holds a hash of its content, so
//! that a browser keeps it for ever and a new version of the daemon is another address.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::faces::door::Fault;

/// One file.
struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    content: &'static str,
    hash: u64,
}

impl Asset {
    const fn new(
        stem: &'static str,
        extension: &'static str,
        content_type: &'static str,
        content: &'static str,
    ) -> Self {
        Self { stem, extension, content_type, content, hash: fnv_1a(content.as_bytes()) }
    }

    fn name(&self) -> String {
        format!("{}-{:016x}.{}", self.stem, self.hash, self.extension)
    }

    fn url(&self) -> String {
        format!("/console/static/{}", self.name())
    }
}

static STYLE: Asset = Asset::new("console", "css", "text/css; charset=utf-8", include_str!("assets/console.css"));
static SCRIPT: Asset = Asset::new("counter", "js", "text/javascript; charset=utf-8", include_str!("assets/counter.js"));
static ICON: Asset = Asset::new("icon", "svg", "image/svg+xml", include_str!("assets/icon.svg"));

/// The address of the style.
pub fn style_url() -> String {
    STYLE.url()
}

/// The address of the counter's script.
pub fn script_url() -> String {
    SCRIPT.url()
}

/// The address of the icon.
pub fn icon_url() -> String {
    ICON.url()
}

/// One file. They hold nothing of the shop, so they need no session: the login page wants them too.
pub async fn file(Path(name): Path<String>) -> Result<Response, Fault> {
    let asset = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name() == name);
    let asset = asset.ok_or_else(|| Fault::not_found("unknown_route", "no such file; reload the page"))?;
    let headers =
        [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.content).into_response())
}

/// FNV-1a of 64 bits: tells versions of our own files apart, and guards nothing.
const fn fnv_1a(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x100_0000_01b3);
        index += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // Values of the authors' test suite.
        for (text, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fnv_1a(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn the_script_stays_small_and_loads_nothing() {
        assert!(SCRIPT.content.lines().count() < 200);
        for content in [SCRIPT.content, STYLE.content] {
            assert!(!content.contains("http:") && !content.contains("https:") && !content.contains("@import"));
        }
        assert!(!SCRIPT.content.contains("innerHTML"), "names of customers are text, never markup");
    }
}

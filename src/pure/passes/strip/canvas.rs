//! From SVG to PNG. Artwork reaches nothing outside its own text: no file, no system font.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, fontdb::Database};

use super::StripError;
use crate::pure::passes::image::Image;

/// The faces of Figtree (SIL Open Font License 1.1, fonts/OFL.txt) that artwork and previews may use.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for face in [
        include_bytes!("fonts/Figtree_400Regular.ttf").as_slice(),
        include_bytes!("fonts/Figtree_500Medium.ttf"),
        include_bytes!("fonts/Figtree_600SemiBold.ttf"),
    ] {
        fonts.load_font_data(face.to_vec());
    }
    // Whatever family a text names, it is written, and on every machine alike.
    fonts.set_serif_family(FAMILY);
    fonts.set_sans_serif_family(FAMILY);
    fonts.set_monospace_family(FAMILY);
    fonts.set_cursive_family(FAMILY);
    fonts.set_fantasy_family(FAMILY);
    Arc::new(fonts)
});

/// The one family.
const FAMILY: &str = "Figtree";

/// The scales of Wallet's pictures, with what stands in their names.
const SCALES: [(u32, &str); 3] = [(1, ""), (2, "@2x"), (3, "@3x")];

/// An SVG that was read.
pub struct Canvas {
    picture: &'static str,
    tree: Tree,
}

impl Canvas {
    /// Reads an SVG; `style` wins over what the file says.
    pub fn parse(picture: &'static str, svg: &str, style: &str) -> Result<Self, StripError> {
        let options = Options {
            font_family: FAMILY.to_owned(),
            fontdb: Arc::clone(&FONTS),
            style_sheet: Some(style.to_owned()),
            image_href_resolver: ImageHrefResolver {
                resolve_data: ImageHrefResolver::default_data_resolver(),
                resolve_string: Box::new(|_, _| None),
            },
            ..Options::default()
        };
        let tree = Tree::from_str(svg, &options)
            .map_err(|error| StripError::Art { picture: picture.to_owned(), what: error.to_string() })?;
        Ok(Self { picture, tree })
    }

    /// Width and height of the drawing in its own units.
    pub fn size(&self) -> (f32, f32) {
        (self.tree.size().width(), self.tree.size().height())
    }

    /// The largest whole size within `bounds` that keeps the proportions.
    pub fn size_within(&self, bounds: (u32, u32)) -> (u32, u32) {
        let (width, height) = self.size();
        let scale = (bounds.0 as f32 / width).min(bounds.1 as f32 / height);
        let whole = |length: f32, bound: u32| ((length * scale).round() as u32).clamp(1, bound);
        (whole(width, bounds.0), whole(height, bounds.1))
    }

    /// The picture in all of Wallet's scales; `width` and `height` are pixels at 1x.
    pub fn images(&self, width: u32, height: u32) -> Result<Vec<Image>, StripError> {
        let draw = |(scale, mark): (u32, &str)| {
            let png = self.png(width * scale, height * scale)?;
            Ok(Image::new(format!("{}{mark}.png", self.picture), png))
        };
        SCALES.into_iter().map(draw).collect()
    }

    /// The picture in a size of pixels, as PNG.
    pub fn png(&self, width: u32, height: u32) -> Result<Vec<u8>, StripError> {
        let failed = |what: String| StripError::Png { picture: self.picture.to_owned(), what };
        self.pixels(width, height)?.encode_png().map_err(|error| failed(error.to_string()))
    }

    /// The picture in a size of pixels.
    pub(super) fn pixels(&self, width: u32, height: u32) -> Result<Pixmap, StripError> {
        let failed = |what: String| StripError::Png { picture: self.picture.to_owned(), what };
        let mut pixels =
            Pixmap::new(width, height).ok_or_else(|| failed(format!("{width} x {height} is no size of a picture")))?;
        let (own_width, own_height) = self.size();
        let fit = Transform::from_scale(width as f32 / own_width, height as f32 / own_height);
        resvg::render(&self.tree, fit, &mut pixels.as_mut());
        Ok(pixels)
    }
}

/// The width of a line in pixels, as it is drawn; `weight` is 400, 500 or 600.
pub fn text_width(text: &str, size: f32, weight: u16) -> f32 {
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'>\
         <text font-size='{size}' font-weight='{weight}' xml:space='preserve'>{}</text></svg>",
        escaped(text)
    );
    let Ok(canvas) = Canvas::parse("text", &svg, "") else { return 0.0 };
    canvas.tree.root().abs_bounding_box().width()
}

/// Text between tags.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

//! BER-TLV as chips send it: tags of one or two bytes, lengths of up to two bytes, any order, unknown tags skipped.
//! Every read is checked against the bytes that are there, for a chip that is pulled away leaves a cut answer that may
//! still end in 9000 (apple-vas.md section 3).

use thiserror::Error;

/// Why bytes are no sequence of TLV objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TlvError {
    /// They end inside a tag, a length or a value.
    #[error("the answer is cut off inside a data object")]
    Truncated,
    /// A tag of three bytes or more.
    #[error("a tag of more than two bytes")]
    LongTag,
    /// An indefinite length, or one of more than two bytes: no short answer needs it.
    #[error("a length form that no short answer needs")]
    LengthForm,
}

/// One data object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its tag, one or two bytes as a number: 0x50, 0x9F27.
    pub tlv_tag: u16,
    /// Its value.
    pub value: &'a [u8],
}

/// Walks over the data objects of a byte string; ends after the first error.
#[derive(Clone, Debug)]
pub struct TlvReader<'a> {
    rest: &'a [u8],
}

impl<'a> TlvReader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn byte(&mut self) -> Result<u8, TlvError> {
        let (first, rest) = self.rest.split_first().ok_or(TlvError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// ITU-T X.690 section 8.1.2: low five bits all set announce a longer tag, whose last byte has its top bit clear.
    fn tlv_tag(&mut self) -> Result<u16, TlvError> {
        let first = self.byte()?;
        if first & 0x1F != 0x1F {
            return Ok(u16::from(first));
        }
        let second = self.byte()?;
        if second & 0x80 != 0 { Err(TlvError::LongTag) } else { Ok(u16::from_be_bytes([first, second])) }
    }

    /// ITU-T X.690 section 8.1.3. A length need not be in its shortest form: `81 05` is as good as `05`.
    fn length(&mut self) -> Result<usize, TlvError> {
        Ok(match self.byte()? {
            short @ 0..=0x7F => usize::from(short),
            0x81 => usize::from(self.byte()?),
            0x82 => usize::from(u16::from_be_bytes([self.byte()?, self.byte()?])),
            _ => return Err(TlvError::LengthForm),
        })
    }

    fn object(&mut self) -> Result<Tlv<'a>, TlvError> {
        let tlv_tag = self.tlv_tag()?;
        let length = self.length()?;
        let (value, rest) = self.rest.split_at_checked(length).ok_or(TlvError::Truncated)?;
        self.rest = rest;
        Ok(Tlv { tlv_tag, value })
    }
}

impl<'a> Iterator for TlvReader<'a> {
    type Item = Result<Tlv<'a>, TlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let object = self.object();
        if object.is_err() {
            self.rest = &[];
        }
        Some(object)
    }
}

/// The value of the first data object of that tag in `bytes`, `None` where there is none. The whole of `bytes` must be well
/// formed, also behind the object that is found.
pub fn find(bytes: &[u8], tlv_tag: u16) -> Result<Option<&[u8]>, TlvError> {
    let mut found = None;
    for object in TlvReader::new(bytes) {
        let object = object?;
        if object.tlv_tag == tlv_tag && found.is_none() {
            found = Some(object.value);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Found = Result<Option<&'static [u8]>, TlvError>;

    #[test]
    fn finds_tags_in_any_order_and_length_form() {
        let cases: [(&[u8], u16, Found); 13] = [
            (&[0x50, 0x01, 0xAA], 0x50, Ok(Some(&[0xAA]))),
            (&[0x9F, 0x27, 0x02, 1, 2, 0x50, 0x00], 0x9F27, Ok(Some(&[1, 2]))),
            (&[0x50, 0x00, 0x9F, 0x27, 0x02, 1, 2], 0x9F27, Ok(Some(&[1, 2]))),
            (&[0x50, 0x81, 0x01, 7], 0x50, Ok(Some(&[7]))),
            (&[0x50, 0x82, 0x00, 0x01, 7], 0x50, Ok(Some(&[7]))),
            (&[0x50, 0x01, 7, 0x50, 0x01, 8], 0x50, Ok(Some(&[7]))),
            (&[], 0x50, Ok(None)),
            (&[0x51, 0x00], 0x50, Ok(None)),
            (&[0x50, 0x01, 7, 0x51], 0x50, Err(TlvError::Truncated)),
            (&[0x50, 0x02, 7], 0x50, Err(TlvError::Truncated)),
            (&[0x50, 0x80, 7, 0, 0], 0x50, Err(TlvError::LengthForm)),
            (&[0x50, 0x83, 0, 0, 1, 7], 0x50, Err(TlvError::LengthForm)),
            (&[0x9F, 0x81, 0x01, 0x00], 0x50, Err(TlvError::LongTag)),
        ];
        for (bytes, tlv_tag, expected) in cases {
            assert_eq!(find(bytes, tlv_tag), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn every_cut_of_an_object_is_an_error_and_no_panic() {
        let whole = [0x9F, 0x27, 0x82, 0x00, 0x03, 1, 2, 3];
        assert_eq!(find(&whole, 0x9F27), Ok(Some(&[1u8, 2, 3][..])));
        for length in 1..whole.len() {
            assert_eq!(find(&whole[..length], 0x9F27), Err(TlvError::Truncated), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_objects_within_them_or_one_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut read = 0;
            for (count, object) in TlvReader::new(&bytes).enumerate() {
                prop_assert!(count <= bytes.len());
                if let Ok(object) = object {
                    read += object.value.len() + 2;
                }
            }
            prop_assert!(read <= bytes.len());
        }
    }
}

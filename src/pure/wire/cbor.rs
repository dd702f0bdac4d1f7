//! Deterministic CBOR (RFC 8949 section 4.2.1), the part that canonical bytes need: integers, byte and text strings,
//! arrays, maps with unsigned integer keys, booleans and null. One value has exactly one encoding; the reader refuses
//! every other.

/// A value. Maps hold their keys in rising order, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A signed integer.
    Int(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// A map from small numbers, rising.
    Map(Vec<(u64, Value)>),
    /// True or false.
    Bool(bool),
    /// Nothing.
    Null,
}

/// Why bytes are no canonical value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    Truncated,
    /// Bytes are left after the value.
    #[error("bytes are left after the value")]
    Trailing,
    /// A value that has a shorter or another canonical form.
    #[error("not in canonical form")]
    NotCanonical,
    /// A type, a size or a depth that canonical bytes never have.
    #[error("a type, size or depth that canonical bytes do not use")]
    Unsupported,
    /// The value is not of the expected type, or a needed field is missing.
    #[error("the value lacks field {0} or holds another type there")]
    Field(u64),
}

/// Nesting that no event reaches; bounds the reader's recursion.
const DEPTH_MAX: usize = 16;

impl Value {
    /// A text value.
    pub fn text(text: impl Into<String>) -> Self {
        Value::Text(text.into())
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Value::Int(number) if *number >= 0 => write_head(out, 0, *number as u64),
            Value::Int(number) => write_head(out, 1, !*number as u64),
            Value::Bytes(bytes) => {
                write_head(out, 2, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
            Value::Text(text) => {
                write_head(out, 3, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            Value::Array(items) => {
                write_head(out, 4, items.len() as u64);
                items.iter().for_each(|item| item.write(out));
            }
            Value::Map(pairs) => {
                debug_assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0), "map keys rise");
                write_head(out, 5, pairs.len() as u64);
                for (key, value) in pairs {
                    write_head(out, 0, *key);
                    value.write(out);
                }
            }
            Value::Bool(false) => out.push(0xF4),
            Value::Bool(true) => out.push(0xF5),
            Value::Null => out.push(0xF6),
        }
    }

    /// Reads one value that fills `bytes` exactly.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut reader = Reader { rest: bytes };
        let value = reader.value(0)?;
        if reader.rest.is_empty() { Ok(value) } else { Err(CborError::Trailing) }
    }

    /// The value of map key `key`; [`Value::Null`] where the map has none or this is no map.
    pub fn field(&self, key: u64) -> &Value {
        match self {
            Value::Map(pairs) => {
                pairs.binary_search_by_key(&key, |pair| pair.0).map_or(&Value::Null, |index| &pairs[index].1)
            }
            _ => &Value::Null,
        }
    }

    /// The integer under `key`, or an error that names the key.
    pub fn int(&self, key: u64) -> Result<i64, CborError> {
        self.int_opt(key)?.ok_or(CborError::Field(key))
    }

    /// The integer under `key`, `None` where it is absent or null.
    pub fn int_opt(&self, key: u64) -> Result<Option<i64>, CborError> {
        match self.field(key) {
            Value::Int(number) => Ok(Some(*number)),
            Value::Null => Ok(None),
            _ => Err(CborError::Field(key)),
        }
    }

    /// The text under `key`, or an error that names the key.
    pub fn str(&self, key: u64) -> Result<&str, CborError> {
        self.str_opt(key)?.ok_or(CborError::Field(key))
    }

    /// The text under `key`, `None` where it is absent or null.
    pub fn str_opt(&self, key: u64) -> Result<Option<&str>, CborError> {
        match self.field(key) {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => Err(CborError::Field(key)),
        }
    }

    /// The `N` bytes under `key`, or an error that names the key.
    pub fn bytes<const N: usize>(&self, key: u64) -> Result<[u8; N], CborError> {
        self.bytes_opt(key)?.ok_or(CborError::Field(key))
    }

    /// The `N` bytes under `key`, `None` where they are absent or null.
    pub fn bytes_opt<const N: usize>(&self, key: u64) -> Result<Option<[u8; N]>, CborError> {
        match self.field(key) {
            Value::Bytes(bytes) => bytes.as_slice().try_into().map(Some).map_err(|_| CborError::Field(key)),
            Value::Null => Ok(None),
            _ => Err(CborError::Field(key)),
        }
    }

    /// The truth value under `key`; absent counts as false.
    pub fn bool(&self, key: u64) -> Result<bool, CborError> {
        match self.field(key) {
            Value::Bool(truth) => Ok(*truth),
            Value::Null => Ok(false),
            _ => Err(CborError::Field(key)),
        }
    }

    /// The items under `key`; absent counts as none.
    pub fn items(&self, key: u64) -> Result<&[Value], CborError> {
        match self.field(key) {
            Value::Array(items) => Ok(items),
            Value::Null => Ok(&[]),
            _ => Err(CborError::Field(key)),
        }
    }
}

/// Builds a map field by field; keys must rise, and what is absent or empty leaves no trace, so that a field added later
/// does not change the bytes of events that do not use it.
#[derive(Default)]
pub struct MapWriter {
    pairs: Vec<(u64, Value)>,
}

impl MapWriter {
    /// Adds a field.
    pub fn put(&mut self, key: u64, value: Value) -> &mut Self {
        assert!(self.pairs.last().is_none_or(|last| last.0 < key), "map keys rise");
        self.pairs.push((key, value));
        self
    }

    /// Adds an integer.
    pub fn int(&mut self, key: u64, number: i64) -> &mut Self {
        self.put(key, Value::Int(number))
    }

    /// Adds an integer if there is one.
    pub fn int_opt(&mut self, key: u64, number: Option<i64>) -> &mut Self {
        if let Some(number) = number { self.int(key, number) } else { self }
    }

    /// Adds an integer unless it is 0.
    pub fn int_nonzero(&mut self, key: u64, number: i64) -> &mut Self {
        if number != 0 { self.int(key, number) } else { self }
    }

    /// Adds text.
    pub fn str(&mut self, key: u64, text: &str) -> &mut Self {
        self.put(key, Value::text(text))
    }

    /// Adds text if there is some.
    pub fn str_opt(&mut self, key: u64, text: Option<&str>) -> &mut Self {
        if let Some(text) = text { self.str(key, text) } else { self }
    }

    /// Adds bytes.
    pub fn bytes(&mut self, key: u64, bytes: &[u8]) -> &mut Self {
        self.put(key, Value::Bytes(bytes.to_vec()))
    }

    /// Adds bytes if there are some.
    pub fn bytes_opt(&mut self, key: u64, bytes: Option<&[u8]>) -> &mut Self {
        if let Some(bytes) = bytes { self.bytes(key, bytes) } else { self }
    }

    /// Adds `true`; `false` leaves no trace.
    pub fn flag(&mut self, key: u64, truth: bool) -> &mut Self {
        if truth { self.put(key, Value::Bool(true)) } else { self }
    }

    /// Adds an array unless it is empty.
    pub fn items(&mut self, key: u64, items: Vec<Value>) -> &mut Self {
        if items.is_empty() { self } else { self.put(key, Value::Array(items)) }
    }

    /// The map.
    pub fn done(&mut self) -> Value {
        Value::Map(std::mem::take(&mut self.pairs))
    }
}

fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xFF => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xFFFF => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xFFFF_FFFF => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

/// The fields of an encoded map one after the other, without building it: for whoever needs a few of many. Bytes that
/// [`Value::decode`] takes are read alike; others may pass, so what is read so must be known by its hash.
pub struct Fields<'a> {
    reader: Reader<'a>,
    left: usize,
    /// Items of the field before, which nobody looked at.
    unread: usize,
}

/// A field's value as [`Fields`] tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glance<'a> {
    /// A signed integer.
    Int(i64),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text string.
    Text(&'a str),
    /// An array of so many items.
    Items(usize),
    /// Anything else.
    Other,
}

impl<'a> Fields<'a> {
    /// The fields of the map with which `bytes` begin.
    pub fn of(bytes: &'a [u8]) -> Result<Self, CborError> {
        let mut reader = Reader { rest: bytes };
        let [first] = reader.take_array()?;
        if first >> 5 != 5 {
            return Err(CborError::Unsupported);
        }
        let left = reader.length(first & 0x1F)?;
        Ok(Self { reader, left, unread: 0 })
    }

    fn read(&mut self) -> Result<(u64, Glance<'a>), CborError> {
        for _ in 0..std::mem::take(&mut self.unread) {
            self.reader.skip(1)?;
        }
        let [head] = self.reader.take_array()?;
        if head >> 5 != 0 {
            return Err(CborError::Unsupported);
        }
        let key = self.reader.argument(head & 0x1F)?;
        let first = *self.reader.rest.first().ok_or(CborError::Truncated)?;
        if first >> 5 == 4 {
            self.reader.take(1)?;
            self.unread = self.reader.length(first & 0x1F)?;
            return Ok((key, Glance::Items(self.unread)));
        }
        Ok((key, self.reader.skip(0)?))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Glance<'a>), CborError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let read = self.read();
        if read.is_err() {
            self.left = 0;
        }
        Some(read)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CborError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        self.take(N)?.try_into().map_err(|_| CborError::Truncated)
    }

    fn argument(&mut self, low: u8) -> Result<u64, CborError> {
        let (argument, least) = match low {
            0..=23 => return Ok(u64::from(low)),
            24 => (u64::from(self.take_array::<1>()?[0]), 24),
            25 => (u64::from(u16::from_be_bytes(self.take_array()?)), 0x100),
            26 => (u64::from(u32::from_be_bytes(self.take_array()?)), 0x1_0000),
            27 => (u64::from_be_bytes(self.take_array()?), 0x1_0000_0000),
            _ => return Err(CborError::Unsupported),
        };
        if argument < least { Err(CborError::NotCanonical) } else { Ok(argument) }
    }

    fn length(&mut self, low: u8) -> Result<usize, CborError> {
        // Every item of an array or map takes at least one byte, so a length beyond the rest is cut off, whatever it counts.
        let length = usize::try_from(self.argument(low)?).map_err(|_| CborError::Unsupported)?;
        if length > self.rest.len() { Err(CborError::Truncated) } else { Ok(length) }
    }

    /// One value, gone over; told where it is a scalar.
    fn skip(&mut self, depth: usize) -> Result<Glance<'a>, CborError> {
        if depth > DEPTH_MAX {
            return Err(CborError::Unsupported);
        }
        let [first] = self.take_array()?;
        let low = first & 0x1F;
        let int = |number: u64| i64::try_from(number).map_err(|_| CborError::Unsupported);
        Ok(match first >> 5 {
            0 => Glance::Int(int(self.argument(low)?)?),
            1 => Glance::Int(!int(self.argument(low)?)?),
            2 => {
                let length = self.length(low)?;
                Glance::Bytes(self.take(length)?)
            }
            3 => {
                let length = self.length(low)?;
                Glance::Text(std::str::from_utf8(self.take(length)?).map_err(|_| CborError::Unsupported)?)
            }
            major @ (4 | 5) => {
                let length = self.length(low)?;
                for _ in 0..if major == 5 { 2 * length } else { length } {
                    self.skip(depth + 1)?;
                }
                Glance::Other
            }
            _ if (0xF4..=0xF6).contains(&first) => Glance::Other,
            _ => return Err(CborError::Unsupported),
        })
    }

    fn value(&mut self, depth: usize) -> Result<Value, CborError> {
        if depth > DEPTH_MAX {
            return Err(CborError::Unsupported);
        }
        let [first] = self.take_array()?;
        let low = first & 0x1F;
        Ok(match first >> 5 {
            0 => Value::Int(i64::try_from(self.argument(low)?).map_err(|_| CborError::Unsupported)?),
            1 => Value::Int(!i64::try_from(self.argument(low)?).map_err(|_| CborError::Unsupported)?),
            2 => {
                let length = self.length(low)?;
                Value::Bytes(self.take(length)?.to_vec())
            }
            3 => {
                let length = self.length(low)?;
                let text = std::str::from_utf8(self.take(length)?).map_err(|_| CborError::Unsupported)?;
                Value::text(text)
            }
            4 => {
                let length = self.length(low)?;
                Value::Array((0..length).map(|_| self.value(depth + 1)).collect::<Result<_, _>>()?)
            }
            5 => {
                let length = self.length(low)?;
                let mut pairs: Vec<(u64, Value)> = Vec::with_capacity(length.min(64));
                for _ in 0..length {
                    let [key_head] = self.take_array()?;
                    if key_head >> 5 != 0 {
                        return Err(CborError::Unsupported);
                    }
                    let key = self.argument(key_head & 0x1F)?;
                    if pairs.last().is_some_and(|last| last.0 >= key) {
                        return Err(CborError::NotCanonical);
                    }
                    pairs.push((key, self.value(depth + 1)?));
                }
                Value::Map(pairs)
            }
            _ => match first {
                0xF4 => Value::Bool(false),
                0xF5 => Value::Bool(true),
                0xF6 => Value::Null,
                _ => return Err(CborError::Unsupported),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Examples of RFC 8949 appendix A that this subset holds.
    #[test]
    fn encodes_the_examples_of_the_rfc() {
        let cases: [(Value, &str); 14] = [
            (Value::Int(0), "00"),
            (Value::Int(23), "17"),
            (Value::Int(24), "1818"),
            (Value::Int(1000), "1903e8"),
            (Value::Int(1_000_000), "1a000f4240"),
            (Value::Int(1_000_000_000_000), "1b000000e8d4a51000"),
            (Value::Int(-1), "20"),
            (Value::Int(-1000), "3903e7"),
            (Value::Bytes(vec![1, 2, 3, 4]), "4401020304"),
            (Value::text("IETF"), "6449455446"),
            (Value::Array(vec![Value::Int(1), Value::Int(2), Value::Int(3)]), "83010203"),
            (Value::Map(vec![(1, Value::Int(2)), (3, Value::Int(4))]), "a201020304"),
            (Value::Bool(true), "f5"),
            (Value::Null, "f6"),
        ];
        for (value, hex) in cases {
            let bytes = value.encode();
            let written: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(written, hex);
            assert_eq!(Value::decode(&bytes), Ok(value));
        }
    }

    #[test]
    fn refuses_what_is_not_canonical() {
        let cases: [(&[u8], CborError); 8] = [
            (&[0x18, 0x17], CborError::NotCanonical),
            (&[0x19, 0x00, 0xFF], CborError::NotCanonical),
            (&[0xA2, 0x03, 0x00, 0x01, 0x00], CborError::NotCanonical),
            (&[0xA2, 0x01, 0x00, 0x01, 0x00], CborError::NotCanonical),
            (&[0x5F, 0x41, 0x00, 0xFF], CborError::Unsupported),
            (&[0xFB, 0, 0, 0, 0, 0, 0, 0, 0], CborError::Unsupported),
            (&[0x00, 0x00], CborError::Trailing),
            (&[0x9B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], CborError::Truncated),
        ];
        for (bytes, error) in cases {
            assert_eq!(Value::decode(bytes), Err(error), "{bytes:02x?}");
        }
        assert_eq!(Value::decode(&[0x81; 64]), Err(CborError::Unsupported), "depth is bounded");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::Int),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
            ".{0,20}".prop_map(Value::Text),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::btree_map(any::<u64>(), inner, 0..6)
                    .prop_map(|map| Value::Map(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(value in value()) {
            prop_assert_eq!(Value::decode(&value.encode()), Ok(value));
        }

        #[test]
        fn any_bytes_are_refused_or_encode_to_themselves(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = Value::decode(&bytes) {
                prop_assert_eq!(value.encode(), bytes);
            }
        }
    }
}

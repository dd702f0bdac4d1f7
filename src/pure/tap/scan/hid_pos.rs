//! A USB point-of-sale scanner: input reports of HID usage page 8C (HID Point of Sale Usage Tables 1.02 section 4;
//! readers-and-scanners.md section 3.3). Where its report descriptor tells the places of the fields they are taken from
//! there; else the layout that Access-IS documents and Honeywell and Zebra share is assumed.

use std::ops::Range;

use super::aim::Aim;
use super::{CODE_BYTES_MAX, CODE_BYTES_MIN, Code, Origin};

/// The usage page of bar code scanners.
const SCANNER_PAGE: u32 = 0x8C;
/// Symbology identifier, its first of three bytes.
const AIM_USAGE: u32 = SCANNER_PAGE << 16 | 0xFB;
/// Decoded data.
const DATA_USAGE: u32 = SCANNER_PAGE << 16 | 0xFE;
/// Decoded data continued.
const MORE_USAGE: u32 = SCANNER_PAGE << 16 | 0xFF;
/// Generic desktop, byte count.
const COUNT_USAGE: u32 = 0x01 << 16 | 0x3B;

/// The most bytes of a report descriptor (linux/hid.h, HID_MAX_DESCRIPTOR_SIZE).
pub const DESCRIPTOR_BYTES_MAX: usize = 4_096;

/// The most bytes of a report that is looked at.
pub const REPORT_BYTES_MAX: usize = 1_024;

/// A code whose last report does not come within this time is given up, nanoseconds.
const IDLE_NS: i64 = 500_000_000;

/// Where the fields of an input report stand, in bytes from its begin, the report id included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportLayout {
    /// The first byte; `None` where the device numbers no reports.
    report_id: Option<u8>,
    /// How many bytes of data this report carries.
    count: Option<usize>,
    /// Three bytes of symbology.
    aim: Option<usize>,
    data: Range<usize>,
    /// More follows: byte and mask.
    more: Option<(usize, u8)>,
}

/// The device is no bar code scanner: its report descriptor names no field of decoded data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoScanner;

impl ReportLayout {
    /// 64 bytes: id 02, count, three of symbology, 56 of data, two of others, more (Access-IS LSR118 manual).
    pub const COMMON: ReportLayout =
        ReportLayout { report_id: Some(2), count: Some(1), aim: Some(2), data: 5..61, more: Some((63, 0x01)) };

    /// The layout that a report descriptor tells. One that names the page of scanners and no fields has
    /// [`ReportLayout::COMMON`].
    pub fn from_descriptor(descriptor: &[u8]) -> Result<Self, NoScanner> {
        let fields = input_fields(descriptor.get(..DESCRIPTOR_BYTES_MAX).unwrap_or(descriptor));
        let Some(first) = fields.iter().find(|field| field.usage == DATA_USAGE && field.bits == 8) else {
            let named = usage_pages(descriptor).any(|page| page == SCANNER_PAGE);
            return if named { Ok(Self::COMMON) } else { Err(NoScanner) };
        };
        let of_report = || fields.iter().filter(|field| field.report_id == first.report_id);
        // Where reports have ids, each begins with its own.
        let at = |field: &Field| field.at_bit / 8 + usize::from(first.report_id.is_some());
        let place = |usage| of_report().find(|field| field.usage == usage && field.bits == 8).map(at);
        let bytes = of_report().filter(|field| field.usage == DATA_USAGE && field.bits == 8).count();
        let more = of_report()
            .find(|field| field.usage == MORE_USAGE)
            .map(|field| (at(field), if field.bits == 1 { 1 << (field.at_bit % 8) } else { 0xFF }));
        let begin = at(first);
        Ok(Self {
            report_id: first.report_id,
            count: place(COUNT_USAGE),
            aim: place(AIM_USAGE),
            data: begin..begin + bytes,
            more,
        })
    }

    /// What one report carries; `None` for a report of another id or one that is too short.
    fn part<'r>(&self, report: &'r [u8]) -> Option<Part<'r>> {
        if self.report_id.is_some_and(|id| report.first() != Some(&id)) {
            return None;
        }
        let data = report.get(self.data.start..self.data.end.min(report.len()))?;
        let count = match self.count {
            Some(at) => usize::from(*report.get(at)?),
            // Nothing tells the length, so zeros fill the end.
            None => data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1),
        };
        let aim = self.aim.and_then(|at| Aim::split(report.get(at..at + 3)?)).map(|(aim, _)| aim);
        let more = self.more.is_some_and(|(at, mask)| report.get(at).is_some_and(|byte| byte & mask != 0));
        Some(Part { aim, data: &data[..count.min(data.len())], more })
    }
}

struct Part<'r> {
    aim: Option<Aim>,
    data: &'r [u8],
    more: bool,
}

/// A code out of reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The code; `None` for one longer than a code can be.
    pub code: Option<Code>,
    /// When its first report came, nanoseconds since boot.
    pub begun_ns: i64,
}

/// Takes reports, gives codes.
#[derive(Clone, Debug)]
pub struct Assembler {
    layout: ReportLayout,
    bytes: Vec<u8>,
    aim: Option<Aim>,
    overlong: bool,
    /// When the first and the last report of a code under way came.
    under_way: Option<(i64, i64)>,
}

impl Assembler {
    /// No report came yet.
    pub fn new(layout: ReportLayout) -> Self {
        Self { layout, bytes: Vec::new(), aim: None, overlong: false, under_way: None }
    }

    /// A report that came at `now_ns`: the code that it ended. What is shorter than a code can be is noise; a code whose
    /// last report is late is forgotten.
    pub fn report(&mut self, report: &[u8], now_ns: i64) -> Option<Reported> {
        let part = self.layout.part(report)?;
        if self.under_way.is_some_and(|(_, last_ns)| now_ns - last_ns > IDLE_NS) {
            self.forget();
        }
        let (begun_ns, _) = self.under_way.unwrap_or((now_ns, now_ns));
        self.under_way = Some((begun_ns, now_ns));
        self.aim = self.aim.or(part.aim);
        self.overlong |= self.bytes.len() + part.data.len() > CODE_BYTES_MAX;
        if !self.overlong {
            self.bytes.extend_from_slice(part.data);
        }
        if part.more {
            return None;
        }
        let (bytes, aim, overlong) = (std::mem::take(&mut self.bytes), self.aim, self.overlong);
        self.forget();
        if overlong {
            return Some(Reported { code: None, begun_ns });
        }
        let code = Code { bytes, aim, origin: Origin::Printed };
        (code.bytes.len() >= CODE_BYTES_MIN).then_some(Reported { code: Some(code), begun_ns })
    }

    fn forget(&mut self) {
        self.bytes.clear();
        (self.aim, self.overlong, self.under_way) = (None, false, None);
    }
}

/// One element of an input report.
struct Field {
    report_id: Option<u8>,
    usage: u32,
    at_bit: usize,
    bits: usize,
}

/// An item of a report descriptor (HID 1.11 section 6.2.2): type, tag, value, and how many bytes the value has.
struct Item {
    kind: u8,
    tag: u8,
    value: u32,
    size: usize,
}

const MAIN: u8 = 0;
const GLOBAL: u8 = 1;
const LOCAL: u8 = 2;

fn items(descriptor: &[u8]) -> impl Iterator<Item = Item> {
    let mut rest = descriptor;
    std::iter::from_fn(move || {
        let (prefix, after) = rest.split_first()?;
        if *prefix == 0xFE {
            // A long item: nobody uses them, so they say nothing.
            let (size, after) = after.split_first()?;
            rest = after.get(1 + usize::from(*size)..)?;
            return Some(Item { kind: 3, tag: 0, value: 0, size: 0 });
        }
        let size = [0, 1, 2, 4][usize::from(prefix & 3)];
        let (value, after) = after.split_at_checked(size)?;
        rest = after;
        let value = value.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        Some(Item { kind: prefix >> 2 & 3, tag: prefix >> 4, value, size })
    })
}

fn usage_pages(descriptor: &[u8]) -> impl Iterator<Item = u32> {
    items(descriptor).filter(|item| (item.kind, item.tag) == (GLOBAL, 0)).map(|item| item.value)
}

#[derive(Clone, Copy, Default)]
struct Globals {
    page: u32,
    bits: usize,
    count: usize,
    report_id: Option<u8>,
}

/// The elements of all input reports, as far as a report of [`REPORT_BYTES_MAX`] reaches.
fn input_fields(descriptor: &[u8]) -> Vec<Field> {
    let mut globals = Globals::default();
    let mut stack = Vec::new();
    let (mut usages, mut range) = (Vec::new(), (None, None));
    let mut ends: Vec<(Option<u8>, usize)> = Vec::new();
    let mut fields = Vec::new();
    for item in items(descriptor) {
        let full = |value: u32| if item.size == 4 { value } else { globals.page << 16 | value };
        match (item.kind, item.tag) {
            (GLOBAL, 0) => globals.page = item.value & 0xFFFF,
            (GLOBAL, 7) => globals.bits = item.value as usize,
            (GLOBAL, 8) => globals.report_id = Some(item.value as u8),
            (GLOBAL, 9) => globals.count = item.value as usize,
            (GLOBAL, 10) if stack.len() < 16 => stack.push(globals),
            (GLOBAL, 11) => globals = stack.pop().unwrap_or(globals),
            (LOCAL, 0) => usages.push(full(item.value)),
            (LOCAL, 1) => range.0 = Some(full(item.value)),
            (LOCAL, 2) => range.1 = Some(full(item.value)),
            (MAIN, tag) => {
                if tag == 8 {
                    let end = end_of(&mut ends, globals.report_id);
                    place(&mut fields, end, &globals, &usages, range);
                }
                usages.clear();
                range = (None, None);
            }
            _ => {}
        }
    }
    fields
}

/// The end of a report so far, in bits.
fn end_of(ends: &mut Vec<(Option<u8>, usize)>, report_id: Option<u8>) -> &mut usize {
    let place = ends.iter().position(|(id, _)| *id == report_id).unwrap_or_else(|| {
        ends.push((report_id, 0));
        ends.len() - 1
    });
    &mut ends[place].1
}

/// Puts the elements of one input item behind those before it. Of several usages each element takes the next, and the
/// rest the last; a range counts up.
fn place(
    fields: &mut Vec<Field>,
    end: &mut usize,
    globals: &Globals,
    usages: &[u32],
    range: (Option<u32>, Option<u32>),
) {
    let Globals { bits, count, report_id, .. } = *globals;
    for element in 0..count {
        if *end + bits > REPORT_BYTES_MAX * 8 || bits == 0 {
            return;
        }
        let of_range = |(first, last): (u32, u32)| first.saturating_add(element as u32).min(last);
        let usage = usages.get(element).or(usages.last()).copied().or(range.0.zip(range.1).map(of_range));
        if let Some(usage) = usage {
            fields.push(Field { report_id, usage, at_bit: *end, bits });
        }
        *end += bits;
    }
}

#[cfg(test)]
#[path = "hid_pos_tests.rs"]
mod tests;

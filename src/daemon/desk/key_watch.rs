//! Watches what phones say to the shop's Google key. One that takes none of them (9500) is a customer without our pass, an
//! everyday case that nobody is bothered with; phone after phone that does so, and none that takes it, is a key or collector
//! id that Google does not have (google-smart-tap.md section 10).

use std::sync::atomic::{AtomicU32, Ordering};

use crate::pure::wire::lan::AlarmView;
use crate::shop::reader::GoogleKey;

/// So many phones in a row are an alarm. Where one customer in five has a pass, strangers alone come so far once in ninety
/// runs; a wrong key comes there within a morning.
const REFUSED_IN_A_ROW: u32 = 20;

/// The phones that took none of the keys since the last that took one. It begins anew with the daemon, as the keys do.
#[derive(Default)]
pub(super) struct KeyWatch {
    refused: AtomicU32,
}

impl KeyWatch {
    /// What the phone of one tap said; the alarm when it begins with this one.
    pub(super) fn told(&self, said: Option<GoogleKey>) -> Option<AlarmView> {
        match said {
            Some(GoogleKey::Taken) => self.refused.store(0, Ordering::Relaxed),
            Some(GoogleKey::Refused) => {
                let refused = self.refused.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                if refused == REFUSED_IN_A_ROW {
                    tracing::warn!(refused, "reader.google_key: phone after phone takes none of the Google keys");
                    return self.alarm();
                }
            }
            None => {}
        }
        None
    }

    /// The alarm, while it holds.
    pub(super) fn alarm(&self) -> Option<AlarmView> {
        let refused = self.refused.load(Ordering::Relaxed);
        (refused >= REFUSED_IN_A_ROW).then(|| AlarmView {
            code: "google_key".to_owned(),
            detail: format!("the last {refused} phones with Google Wallet took none of the shop's keys"),
            remedy:
                "compare collector_id and smart_tap_keys of [google] with what Google's console shows for the issuer; \
                     where both agree these were customers without a pass"
                    .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_refusals_in_a_row_are_an_alarm_until_a_phone_takes_the_key() {
        let watch = KeyWatch::default();
        let refuse = |times: u32| (0..times).filter_map(|_| watch.told(Some(GoogleKey::Refused))).count();
        assert_eq!(refuse(REFUSED_IN_A_ROW - 1), 0);
        assert_eq!(watch.alarm(), None);
        assert_eq!(watch.told(Some(GoogleKey::Taken)), None);
        assert_eq!(refuse(REFUSED_IN_A_ROW - 1), 0);
        assert_eq!(watch.told(None), None);
        assert_eq!(watch.alarm(), None, "taps of other kinds say nothing");
        assert_eq!(refuse(1), 1, "told as it begins");
        let alarm = watch.alarm().expect("an alarm");
        assert!(alarm.code == "google_key" && alarm.detail.contains("last 20 phones"), "{alarm:?}");
        assert_eq!(refuse(5), 0, "and not again");
        assert!(watch.alarm().is_some_and(|alarm| alarm.detail.contains("last 25 phones")));
        watch.told(Some(GoogleKey::Taken));
        assert_eq!(watch.alarm(), None);
    }
}

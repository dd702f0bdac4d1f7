//! The currencies that there are.

/// Codes of money in use (ISO 4217, list one, without the funds of its annexes).
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
                     CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD \
                     HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD \
                     LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK \
                     PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS \
                     TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// Codes of ISO 4217 that nobody pays with: funds, metals, units of account and tests of list one, and what was money
/// until lately (list three).
const OUT_OF_USE: &str = "ANG BOV CHE CHW CLF COU CUC HRK MXV SLL USN UYI UYW XAD XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS \
                          XUA XXX ZWL";

/// Whether it is written as a code: three capital letters.
fn is_code(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Whether it is the code of a currency that is in use.
pub(super) fn is_known(code: &str) -> bool {
    is_code(code) && CODES.split(' ').any(|known| known == code)
}

/// Whether it is a code of ISO 4217 that nobody pays with.
pub(super) fn is_out_of_use(code: &str) -> bool {
    is_code(code) && OUT_OF_USE.split(' ').any(|known| known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_whole() {
        for list in [CODES, OUT_OF_USE] {
            let codes: Vec<&str> = list.split(' ').collect();
            assert!(codes.is_sorted() && codes.iter().all(|code| is_code(code)), "{codes:?}");
        }
        assert!(!OUT_OF_USE.split(' ').any(is_known), "a code is of one list");
        assert!(["XAU", "XXX"].into_iter().all(is_out_of_use) && !["EUR", "EUX", ""].into_iter().any(is_out_of_use));
        assert!(["EUR", "CHF", "JPY", "KWD"].into_iter().all(is_known));
        assert!(!["EUX", "eur", "EU", "", "EUR ", "EUR USD"].into_iter().any(is_known));
    }
}

//! By what a reader shows what became of a tap.

/// Light and sound of a family of readers (readers-and-scanners.md section 1.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedbackProfile {
    /// As its name tells.
    #[default]
    Auto,
    /// Nothing is signalled.
    None,
    /// ACS ACR122U.
    Acr122u,
    /// ACS ACR1252U, ACR1255U, ACM1252, ACR1281.
    Acr1252u,
    /// ACS ACR1552U and WalletMate.
    Acr1552u,
    /// Identiv uTrust 37xx F.
    Utrust,
    /// SpringCard Puck and SpringCore.
    Springcard,
    /// HID OMNIKEY 5022 and 5027: its commands are in no public text, so it shows what the owner's escape APDUs say.
    Omnikey,
}

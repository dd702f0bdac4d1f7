//! The words on a Google Wallet card that no design gives (wallets/google.md section 1).

use super::Language;
use super::catalogue::fill;

/// A word on a card. Wallet shows only so many of its characters: [`WalletWord::room`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WalletWord {
    /// Over the stamps collected.
    Stamps,
    /// Over the points.
    Points,
    /// Over points that are money.
    Cashback,
    /// Over the rewards that can be used.
    Rewards,
    /// Over what is missing to the next reward.
    ToGo,
    /// Over the percentage that comes back.
    Rate,
    /// Over the level.
    Level,
    /// Over the serial.
    CardId,
    /// Over the customer's name.
    MemberName,
    /// The link to the card's page.
    CardLink,
    /// The referral link.
    InviteLink,
    /// Over a programme's name that is too long for the card's front.
    Programme,
    /// Over a shop's name that is too long for the card's front.
    Shop,
    /// The button that shows the code where the phone hides it.
    Code,
}

impl WalletWord {
    /// All of them.
    pub const ALL: [WalletWord; 14] = {
        use WalletWord::*;
        [
            Stamps, Points, Cashback, Rewards, ToGo, Rate, Level, CardId, MemberName, CardLink, InviteLink, Programme,
            Shop, Code,
        ]
    };

    /// Its message.
    pub(super) fn id(self) -> &'static str {
        match self {
            WalletWord::Stamps => "wallet-stamps",
            WalletWord::Points => "wallet-points",
            WalletWord::Cashback => "wallet-cashback",
            WalletWord::Rewards => "wallet-rewards",
            WalletWord::ToGo => "wallet-to-go",
            WalletWord::Rate => "wallet-rate",
            WalletWord::Level => "wallet-level",
            WalletWord::CardId => "wallet-card-id",
            WalletWord::MemberName => "wallet-member-name",
            WalletWord::CardLink => "wallet-card-link",
            WalletWord::InviteLink => "wallet-invite-link",
            WalletWord::Programme => "wallet-programme",
            WalletWord::Shop => "wallet-shop",
            WalletWord::Code => "wallet-code",
        }
    }

    /// Characters for which Wallet has room, by Google's description of the property.
    pub fn room(self) -> usize {
        match self {
            WalletWord::CardId | WalletWord::MemberName => 15,
            WalletWord::CardLink | WalletWord::InviteLink | WalletWord::Code => 20,
            WalletWord::Programme | WalletWord::Shop => 35,
            _ => 9,
        }
    }
}

/// A word as it is read.
pub fn wallet_word(language: Language, word: WalletWord) -> String {
    fill(language, word.id(), &[])
}

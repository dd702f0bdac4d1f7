//! Who asks: a role, and the token or member of staff behind it.

use super::{ApiTokenId, StaffId, TillId};

/// What somebody may do; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A till program, or a cashier: posts within the limits.
    Cashier,
    /// A manager: lifts limits, corrects, voids at any time.
    Manager,
    /// An admin: tokens, staff, configuration.
    Admin,
}

impl Role {
    /// The word for this role on the wire. A token's lowest role is called `till`, a person's `cashier`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Cashier => "cashier",
            Role::Manager => "manager",
            Role::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Role::Cashier, Role::Manager, Role::Admin].into_iter().find(|role| role.name() == name)
    }
}

/// Who asked for a posting, as the event keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The role in which the act was judged.
    pub role: Role,
    /// The token that carried the request; `None` for taps, the command line and jobs.
    pub token: Option<ApiTokenId>,
    /// The member of staff named in the request.
    pub staff: Option<StaffId>,
    /// The manager who approved what the role alone may not do.
    pub approved_by: Option<StaffId>,
    /// The till at which it happened.
    pub till: Option<TillId>,
}

impl Actor {
    /// The role in which an act is judged: an approval lifts a cashier to a manager.
    pub fn judged_as(&self) -> Role {
        if self.approved_by.is_some() { self.role.max(Role::Manager) } else { self.role }
    }

    /// The daemon itself: a tap on a reader, or a job such as expiry. It has a cashier's rights.
    pub fn device(till: Option<TillId>) -> Self {
        Self { role: Role::Cashier, token: None, staff: None, approved_by: None, till }
    }
}

//! What a credential is limited to, within its organisation and its role.

use super::ids::ClinicId;

/// The limits of a credential. The default has none, and speaks for nobody but itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Where it may act; `None`: at every clinic.
    pub clinics: Option<Vec<ClinicId>>,
    /// What it may do, by the names of the tools; `None`: all of them.
    pub tools: Option<Vec<String>>,
    /// Whether it speaks for callers on the telephone, who have to prove who they are.
    pub voice: bool,
}

impl Scope {
    /// Whether it reaches a clinic of its organisation.
    pub fn reaches(&self, clinic: ClinicId) -> bool {
        self.clinics.as_ref().is_none_or(|clinics| clinics.contains(&clinic))
    }
}

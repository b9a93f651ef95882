use crate::policy::{Diagnostic, Source};
pub fn diagnostics(found: &[Diagnostic], _sources: &[Source], _color: bool) -> String {
    format!("{found:?}")
}

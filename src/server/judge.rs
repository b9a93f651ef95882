//! What a server knows of whoever judges.

use crate::admission::{Answer, BadReview};

/// Who judges a review: bytes in, bytes out, at once and without waiting for anything.
pub trait Judge: Send + Sync + 'static {
    /// Answers the body of one request.
    ///
    /// # Errors
    /// Where it is no admission review; the caller gets HTTP 400 and the text.
    fn judge(&self, body: &[u8]) -> Result<Answer, BadReview>;
}

// === impl Judge ===

impl<F> Judge for F
where
    F: Fn(&[u8]) -> Result<Answer, BadReview> + Send + Sync + 'static,
{
    fn judge(&self, body: &[u8]) -> Result<Answer, BadReview> {
        self(body)
    }
}

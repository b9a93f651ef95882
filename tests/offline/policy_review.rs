//! Reviews of the policy itself: what is refused, what is warned of, and in which words.

mod drastic;
mod edits;
mod hostile;
mod refusals;
mod support;

//! From the text of policy files to a [`Policy`], or to everything that is wrong with them.

/// One policy file, read by somebody else.
#[derive(Clone, Debug)]
pub struct Source {
    /// What messages call it: the file's name within a directory, or the path that was given.
    pub name: String,
    pub text: String,
}

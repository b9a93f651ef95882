//! Types that are one of a few words.

/// Gives types whose variants are called as a policy spells them the list of them, in the order in
/// which messages tell them, and their words.
macro_rules! spelled {
    ($($type:ty [$($variant:ident),*]);*) => { $(
        impl $type {
            /// Each of them, as messages list them.
            pub(in crate::policy) const ALL: &[Self] = &[$(Self::$variant),*];

            /// As a policy spells it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                }
            }
        }
    )* };
}

pub(super) use spelled;

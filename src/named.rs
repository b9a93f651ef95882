//! Enums whose variants have words.

/// Defines an enum whose variants have no fields, with the word of each: `as_str` gives it. Where
/// each has a sentence, too, `text` gives that; `[ALL]` behind the name makes a list of them all.
macro_rules! named {
    (
        $(#[$about:meta])*
        $visible:vis enum $type:ident $([$all:ident])? {
            $($(#[$meaning:meta])* $variant:ident = $word:expr $(=> $text:expr)?,)+
        }
    ) => {
        $(#[$about])*
        $visible enum $type {
            $($(#[$meaning])* $variant,)+
        }

        impl $type {
            /// The word for it, as people and machines read it.
            $visible const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            $crate::named::named!(@all [$($all)?] $visible $($variant)+);
            $crate::named::named!(@text $visible $($variant $($text)?)+);
        }
    };
    (@all [] $visible:vis $($variant:ident)+) => {};
    (@all [ALL] $visible:vis $($variant:ident)+) => {
        /// Each of them, in the order of reports.
        $visible const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];
    };
    (@text $visible:vis $($variant:ident)+) => {};
    (@text $visible:vis $($variant:ident $text:expr)+) => {
        /// What it means, as a part of a sentence.
        $visible const fn text(self) -> &'static str {
            match self {
                $(Self::$variant => $text,)+
            }
        }
    };
}

pub(crate) use named;

//! `Policy::decide`, point by point of the policy's precedence. Each row is named for the promise
//! that it holds; the objects are JSON as the API server would send them.

mod author;
mod case;
mod exempt;
mod families;
mod guards;
mod history;
mod holds;
mod nowhere;
mod outcome;
mod room;
mod updates;
mod warnings;

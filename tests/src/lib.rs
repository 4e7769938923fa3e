//! What the programs behind `./x` share; they are in `src/bin/`, the tests in `it/`.

pub mod organisation;
pub mod stack;

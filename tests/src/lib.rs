//! What the programs behind `./x` and the tests share; the programs are in `src/bin/`, the tests in `it/`.

pub mod crowd;
pub mod fake_gcal;
pub mod knowledge;
pub mod organisation;
pub mod stack;
pub mod statements;

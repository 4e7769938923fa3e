//! The programs behind `./x`: see `src/bin/`. The tests are in `it/`.

//! `hearken map`, called as in a shell: inputs in, results out, and nothing left behind.

mod ends;
mod formats;
mod inputs;
mod joblog;
mod programs;
mod real;
mod shell;
mod signals;
mod terminal;
mod traces;

//! The same journeys over servers that others wrote: Debian's NSD and Unbound, on loopback.
//!
//! A program that is missing is a failed test which names its package; `tests/packages.txt` has them all.

mod journey;
mod leaks;
mod network;
mod nsd;
mod process;
mod servers;
mod strace;
mod trace;
mod unbound;

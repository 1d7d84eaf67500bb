//! Tests of the transcript: scripts as data, and properties.

mod properties;
mod script;
mod scripts;

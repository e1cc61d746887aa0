//! Where desired objects come from: files of this machine, and how their text becomes objects.

pub mod local;
pub mod render;
pub mod yaml;

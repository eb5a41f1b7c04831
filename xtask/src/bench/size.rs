//! The size of a function's zip, packed as `lab::package` packs it.

use std::{
    fs,
    io::{Cursor, Write},
};

use anyhow::{Context, Result};
use zip::{CompressionMethod, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::{
    FUNCTIONS, Place,
    figure::{Figure, Quantity},
};

pub(super) const DRILLED: Quantity = Quantity::megabytes(8);
pub(super) const SHIPPED: Quantity = Quantity::megabytes(5);

/// The zip of each function that was built with `profile`.
pub(super) fn measure(place: &Place, profile: &str, bound: Quantity) -> Result<Vec<Figure>> {
    FUNCTIONS
        .iter()
        .map(|name| {
            let path = place.program(profile, name);
            let program = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
            let size = packed(&program).with_context(|| format!("failed to pack {}", path.display()))?;
            let command = format!("zip of {}", place.shown(&path));
            Ok(Figure::new(format!("{name}.zip, {profile}"), &command, Quantity::Bytes(size), bound)
                .note(format!("the program has {}", Quantity::Bytes(program.len() as u64))))
        })
        .collect()
}

pub(super) fn packed(program: &[u8]) -> Result<u64, ZipError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options =
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).compression_level(Some(9));
    archive.start_file("bootstrap", options)?;
    archive.write_all(program)?;
    Ok(archive.finish()?.into_inner().len() as u64)
}

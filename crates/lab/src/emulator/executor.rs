//! The plugins that `LocalStack` is given, as files that it can import.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!("../../../../localstack/process_executor/", $path)))),+]
    };
}

const FILES: [(&str, &str); 8] = files![
    "process_executor-1.dist-info/METADATA",
    "process_executor-1.dist-info/entry_points.txt",
    "process_executor/__init__.py",
    "process_executor/executor.py",
    "process_executor/plugin.py",
    "process_executor/process.py",
    "process_executor/runtime_api.py",
    "process_executor/storage.py",
];

/// Writes it under `folder` and tells the folder to import from.
pub(super) fn write(folder: &Path) -> io::Result<PathBuf> {
    let root = folder.join("process_executor");
    for (path, content) in FILES {
        let path = root.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, content)?;
    }
    Ok(root)
}

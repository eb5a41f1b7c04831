//! One function binary and its zip.

use std::{
    env::consts,
    fmt,
    fs::{self, File},
    io::{self, Cursor, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::PackageError;

/// The name under which `provided.al2023` runs a program.
const ENTRY: &str = "bootstrap";

/// The architectures that Lambda knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Intel and AMD.
    X86_64,
    /// Graviton.
    Arm64,
}

impl Architecture {
    /// This machine's, if Lambda knows it.
    #[must_use]
    pub fn host() -> Option<Self> {
        match consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// From an ELF header: its machine is the 16 bits at 18, in the program's byte order, which is little-endian for both.
    fn of(program: impl Read) -> io::Result<Result<Self, String>> {
        let mut header = Vec::new();
        program.take(20).read_to_end(&mut header)?;
        Ok(match header[..] {
            [0x7f, b'E', b'L', b'F', .., 0x3e, 0] => Ok(Self::X86_64),
            [0x7f, b'E', b'L', b'F', .., 0xb7, 0] => Ok(Self::Arm64),
            [0x7f, b'E', b'L', b'F', .., low, high] => Err(format!("ELF machine {}", u16::from_le_bytes([low, high]))),
            _ => Err("not an ELF file".to_owned()),
        })
    }
}

/// As CloudFormation's `Architectures` spells it.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Program,
    Zip,
}

/// A function's program, on disk as it is or already packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    path: PathBuf,
    form: Form,
    architecture: Architecture,
}

impl Binary {
    /// The program at `path`.
    pub fn program(path: PathBuf) -> Result<Self, PackageError> {
        let architecture = File::open(&path).and_then(Architecture::of);
        Self::checked(path, Form::Program, architecture.map_err(Into::into))
    }

    fn packed(path: PathBuf) -> Result<Self, PackageError> {
        let architecture = File::open(&path)
            .map_err(ZipError::from)
            .and_then(ZipArchive::new)
            .and_then(|mut archive| Ok(Architecture::of(archive.by_name(ENTRY)?)?));
        Self::checked(path, Form::Zip, architecture)
    }

    fn checked(
        path: PathBuf,
        form: Form,
        architecture: Result<Result<Architecture, String>, ZipError>,
    ) -> Result<Self, PackageError> {
        match architecture {
            Ok(Ok(architecture)) => Ok(Self { path, form, architecture }),
            Ok(Err(reason)) => Err(PackageError::NotAProgram { path, reason }),
            Err(ZipError::Io(source)) => Err(PackageError::Read { path, source }),
            Err(error) => Err(PackageError::NotAProgram { path, reason: error.to_string() }),
        }
    }

    /// `bootstrap` or `bootstrap.zip` of a folder, the program first.
    pub(super) fn in_folder(folder: &Path) -> Result<Option<Self>, PackageError> {
        let (program, packed) = (folder.join("bootstrap"), folder.join("bootstrap.zip"));
        if program.is_file() {
            Self::program(program).map(Some)
        } else if packed.is_file() {
            Self::packed(packed).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it runs on.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    pub(super) fn modified(&self) -> Result<SystemTime, PackageError> {
        fs::metadata(&self.path).and_then(|metadata| metadata.modified()).map_err(|source| self.unreadable(source))
    }

    /// Packs it for Lambda: one executable `bootstrap`. The same program gives the same bytes.
    pub fn zip(&self) -> Result<Zip, PackageError> {
        let content = fs::read(&self.path).map_err(|source| self.unreadable(source))?;
        let bytes = match self.form {
            Form::Zip => content,
            Form::Program => pack(&content).map_err(|source| PackageError::Pack { path: self.path.clone(), source })?,
        };
        let sha256 = domain::sha256_hex(&bytes);
        Ok(Zip { bytes, sha256 })
    }

    fn unreadable(&self, source: io::Error) -> PackageError {
        PackageError::Read { path: self.path.clone(), source }
    }
}

/// A packed function.
#[derive(Clone, PartialEq, Eq)]
pub struct Zip {
    /// The archive.
    pub bytes: Vec<u8>,
    /// Of the archive, in lowercase hexadecimal.
    pub sha256: String,
}

impl fmt::Debug for Zip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zip").field("bytes", &self.bytes.len()).field("sha256", &self.sha256).finish()
    }
}

fn pack(program: &[u8]) -> Result<Vec<u8>, ZipError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        // A fixed time, so that the hash follows the program alone.
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o755);
    archive.start_file(ENTRY, options)?;
    archive.write_all(program)?;
    Ok(archive.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::env::current_exe;

    use super::*;

    #[test]
    fn a_program_is_packed_as_lambda_wants_it() {
        let binary = Binary::program(current_exe().unwrap()).unwrap();
        assert_eq!(Some(binary.architecture()), Architecture::host());

        let zip = binary.zip().unwrap();
        assert_eq!(zip, binary.zip().unwrap(), "the same program, the same bytes");
        assert!(zip.bytes.len() < fs::read(binary.path()).unwrap().len(), "it is compressed");

        let mut archive = ZipArchive::new(Cursor::new(zip.bytes)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_name("bootstrap").unwrap();
        assert_eq!(entry.unix_mode().unwrap() & 0o777, 0o755);
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(content, fs::read(binary.path()).unwrap());
    }

    #[test]
    fn a_zip_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let zip = Binary::program(current_exe().unwrap()).unwrap().zip().unwrap();
        fs::write(folder.path().join("bootstrap.zip"), &zip.bytes).unwrap();
        let binary = Binary::in_folder(folder.path()).unwrap().unwrap();
        assert_eq!(Some(binary.architecture()), Architecture::host());
        assert_eq!(binary.zip().unwrap(), zip);
    }

    #[test]
    fn what_lambda_cannot_run_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("bootstrap"), "#!/bin/sh\n").unwrap();
        let error = Binary::in_folder(folder.path()).unwrap_err();
        assert!(matches!(error, PackageError::NotAProgram { .. }), "{error}");

        fs::remove_file(folder.path().join("bootstrap")).unwrap();
        fs::write(folder.path().join("bootstrap.zip"), "no zip").unwrap();
        let error = Binary::in_folder(folder.path()).unwrap_err();
        assert!(matches!(error, PackageError::NotAProgram { .. }), "{error}");
    }
}

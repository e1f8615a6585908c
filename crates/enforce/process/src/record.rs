//! What a recorder saw of a command: data, made beside the command and read when it has ended.
//!
//! It says what was asked for, not what came of it: nobody has to believe it but who wants to know what a program does. Paths are those of the
//! host, links resolved when the call was made.

use codex_base::AbsPath;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// How much is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recording {
    /// What a policy may refuse: files that are used, programs, addresses.
    Uses,
    /// Also files that are only looked at, and names that are asked of name servers.
    Everything,
}

/// What was seen. Each thing once, in no order that means anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub files: Vec<SeenFile>,
    pub addresses: Vec<SeenAddress>,
    /// Hosts that name servers were asked for.
    pub names: Vec<String>,
    /// Calls whose arguments could not be read, because the program closes its memory.
    pub unread: u64,
    /// Things beyond the number that is kept.
    pub left_out: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFile {
    /// Absolute, links resolved as far as it exists.
    pub path: AbsPath,
    /// How the program called it, absolute, where links lead from there to `path`.
    pub spelled: Option<AbsPath>,
    pub file_use: FileUse,
    /// When the call was made.
    pub kind: FileKind,
    /// The name of the process, as the system shortens it.
    pub program: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileUse {
    /// Whether it is there, and what it is.
    Look,
    /// Its contents, or the names in a folder.
    Read,
    /// The contents or attributes of something that is there.
    Write,
    /// A name comes, goes or is replaced: this changes the folder around it.
    Rename,
    Run,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    Missing,
    Folder,
    /// A file, or whatever is no folder.
    File,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenAddress {
    pub address: Address,
    /// The filter for system calls refused it. Nothing else is known of how it ended.
    pub refused: bool,
    pub program: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// Connected to, or sent to.
    Inet(SocketAddr),
    /// Waited at for others.
    Listen(SocketAddr),
    /// A unix socket that is there.
    Unix(AbsPath),
    /// A unix socket without a path.
    Abstract(String),
    /// A socket was made that could lead anywhere.
    Socket,
}

impl Record {
    /// For its journey to who reads it.
    ///
    /// # Errors
    /// If it is too large for the memory there is.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }
}

/// Written through the same description, which stands at its end.
#[cfg(target_os = "linux")]
pub(crate) fn read(mut file: std::fs::File) -> std::io::Result<Record> {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    postcard::from_bytes(&bytes).map_err(std::io::Error::other)
}

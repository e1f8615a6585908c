//! A path that is absolute and lexically normal: no `.`, no `..`, no doubled separators.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// An absolute path. Normal by spelling only: symbolic links are not followed.
///
/// In text formats it is text, and one that is no Unicode cannot be written; binary formats take every path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsPath(Arc<Path>);

impl Serialize for AbsPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.0.serialize(serializer)
        } else {
            self.0.as_os_str().as_encoded_bytes().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for AbsPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = if deserializer.is_human_readable() {
            PathBuf::deserialize(deserializer)?
        } else {
            from_bytes(Vec::<u8>::deserialize(deserializer)?)
                .ok_or_else(|| serde::de::Error::custom("the bytes are no path of this system"))?
        };
        Self::new(path).map_err(serde::de::Error::custom)
    }
}

#[cfg(unix)]
fn from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path {0:?} is not absolute")]
pub struct NotAbsolute(pub PathBuf);

impl AbsPath {
    /// # Errors
    /// If `path` is relative.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, NotAbsolute> {
        let path = path.as_ref();
        if !path.is_absolute() {
            return Err(NotAbsolute(path.to_owned()));
        }
        Ok(Self(normal(path).into()))
    }

    /// `path` itself when absolute, else below `self`.
    #[must_use]
    pub fn join(&self, path: impl AsRef<Path>) -> Self {
        Self(normal(&self.0.join(path)).into())
    }

    pub fn parent(&self) -> Option<Self> {
        self.0.parent().map(|parent| Self(parent.into()))
    }

    /// From the path itself up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.0.ancestors().map(|ancestor| Self(ancestor.into()))
    }

    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

/// The path of an address, with `%20` as a blank. `None` if something else than two digits follows a `%`, or no text comes of it.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(component),
        }
    }
    out
}

impl std::ops::Deref for AbsPath {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.0
    }
}

impl AsRef<Path> for AbsPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl TryFrom<PathBuf> for AbsPath {
    type Error = NotAbsolute;
    fn try_from(path: PathBuf) -> Result<Self, NotAbsolute> {
        Self::new(path)
    }
}

impl From<AbsPath> for PathBuf {
    fn from(path: AbsPath) -> Self {
        path.0.to_path_buf()
    }
}

impl fmt::Debug for AbsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AbsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_normal_by_spelling() {
        let check = |input: &str, expect: &str| assert_eq!(AbsPath::new(input).unwrap().as_path(), Path::new(expect), "{input}");

        check("/a/./b//c/", "/a/b/c");
        check("/a/../../b", "/b");
        check("/", "/");
        assert_eq!(AbsPath::new("a"), Err(NotAbsolute("a".into())));
        assert_eq!(AbsPath::new("/a").unwrap().join("../b/x").as_path(), Path::new("/b/x"));
        assert_eq!(AbsPath::new("/a").unwrap().join("/c").as_path(), Path::new("/c"));
    }
}

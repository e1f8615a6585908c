//! A path that is absolute and lexically normal: no `.`, no `..`, no doubled separators.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
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
            serializer.serialize_bytes(self.0.as_os_str().as_encoded_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for AbsPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Self::new(PathBuf::deserialize(deserializer)?).map_err(de::Error::custom)
        } else {
            // A plan of the sandbox has thousands of them.
            deserializer.deserialize_bytes(Bytes)
        }
    }
}

struct Bytes;

impl de::Visitor<'_> for Bytes {
    type Value = AbsPath;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of an absolute path")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<AbsPath, E> {
        let path = from_bytes(bytes).ok_or_else(|| E::custom("the bytes are no path of this system"))?;
        AbsPath::new(path).map_err(E::custom)
    }
}

#[cfg(unix)]
fn from_bytes(bytes: &[u8]) -> Option<&Path> {
    use std::os::unix::ffi::OsStrExt;
    Some(Path::new(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn from_bytes(bytes: &[u8]) -> Option<&Path> {
    std::str::from_utf8(bytes).ok().map(Path::new)
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
        Ok(Self(normal(path)))
    }

    /// `path` itself when absolute, else below `self`.
    #[must_use]
    pub fn join(&self, path: impl AsRef<Path>) -> Self {
        Self(normal(&self.0.join(path)))
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

fn normal(path: &Path) -> Arc<Path> {
    // As nearly every one.
    if is_normal(path) {
        return path.into();
    }
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
    out.into()
}

/// Of an absolute path, where that is quicker than to build it anew.
fn is_normal(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut names = bytes.split(|byte| *byte == b'/').skip(1);
    cfg!(unix) && (bytes == b"/" || names.all(|name| !matches!(name, b"" | b"." | b"..")))
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_taken_as_it_is_is_what_would_be_built(path in "/([a.]{0,3}/){0,4}[a.]{0,3}") {
            let built: PathBuf = AbsPath::new(format!("/x/..{path}")).unwrap().into();

            let taken: PathBuf = AbsPath::new(&path).unwrap().into();
            prop_assert_eq!(taken.as_os_str(), built.as_os_str());
            prop_assert_eq!(is_normal(Path::new(&path)), built.as_os_str() == path.as_str());
        }
    }

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

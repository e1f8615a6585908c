//! The grants of a plan. There may be thousands, and where the rules come with a plan the helper needs them for few commands: so they travel as
//! bytes, and become grants again when somebody asks.

use super::Access;
use codex_base::AbsPath;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PathGrant {
    pub path: AbsPath,
    pub access: Access,
    /// Device and number of the file that is meant: no other gets the rule. `None` until that was looked at.
    pub file: Option<(u64, u64)>,
}

#[derive(Debug, Clone)]
pub struct Grants {
    made: OnceLock<Vec<PathGrant>>,
    /// What they are made of, if they are not.
    bytes: Vec<u8>,
}

impl From<Vec<PathGrant>> for Grants {
    fn from(grants: Vec<PathGrant>) -> Self {
        Self {
            made: OnceLock::from(grants),
            bytes: Vec::new(),
        }
    }
}

/// Nothing is granted by bytes that are no grants.
fn decode(bytes: &[u8]) -> Vec<PathGrant> {
    postcard::from_bytes(bytes).unwrap_or_default()
}

impl Deref for Grants {
    type Target = Vec<PathGrant>;
    fn deref(&self) -> &Vec<PathGrant> {
        self.made.get_or_init(|| decode(&self.bytes))
    }
}

impl Grants {
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Vec<PathGrant>)) {
        let mut made = self.made.take().unwrap_or_else(|| decode(&self.bytes));
        change(&mut made);
        self.made = OnceLock::from(made);
    }
}

impl PartialEq for Grants {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Grants {}

impl Serialize for Grants {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&postcard::to_allocvec(&**self).map_err(ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Grants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }
}

struct Bytes;

impl de::Visitor<'_> for Bytes {
    type Value = Grants;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of grants")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Grants, E> {
        Ok(Grants {
            made: OnceLock::new(),
            bytes: bytes.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_out_as_they_went_in_and_of_nonsense_comes_none() {
        let grant = PathGrant {
            path: AbsPath::new("/w/x").unwrap(),
            access: Access::Write,
            file: Some((1, 2)),
        };
        let bytes = postcard::to_allocvec(&Grants::from(vec![grant.clone()])).unwrap();
        let mut back: Grants = postcard::from_bytes(&bytes).unwrap();

        assert!(back.made.get().is_none());
        assert_eq!(*back, [grant]);
        back.change(Vec::clear);
        assert!(back.is_empty());
        assert!(decode(&[9, 9, 9]).is_empty());
    }
}

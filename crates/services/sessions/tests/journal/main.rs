//! The journal at its boundary: records in, files out, and back again from files in any state.

#[cfg(test)]
mod damage;
#[cfg(test)]
#[cfg(unix)]
mod disk_full;
#[cfg(test)]
mod forks;
#[cfg(test)]
mod index;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod layout;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod older_files;
#[cfg(test)]
mod packed;
#[cfg(test)]
mod published;
#[cfg(test)]
mod reducers;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod writing;

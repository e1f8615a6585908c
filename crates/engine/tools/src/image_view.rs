//! Runs `view_image`: reads a picture and makes it small enough to send.
//!
//! A picture that is small enough goes out as the bytes it has; a larger one is scaled down. Pictures are decoded in any case, so that
//! nothing else can be read into the conversation under that name.

use crate::reading;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codex_base::AbsPath;
use codex_permissions::ResolvedPolicy;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use serde_json::{Value, json};
use std::io::{self, Cursor, Read};
use thiserror::Error;

/// Largest file that is read.
pub const IMAGE_FILE_BYTES_MAX: u64 = 20 * 1024 * 1024;

/// Longest side that is sent, in pixels.
pub const IMAGE_SIDE_MAX: u32 = 2048;

/// Memory that decoding may take; a small file can describe a huge picture.
const DECODE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Why there is no picture. The display text is what the model is told.
#[derive(Debug, Error)]
pub(crate) enum ImageError {
    #[error("unable to locate image at `{path}`: {source}")]
    Missing { path: AbsPath, source: io::Error },
    #[error("image path `{path}` is not a file")]
    NotAFile { path: AbsPath },
    #[error("unable to read image at `{path}`: {source}")]
    Unreadable { path: AbsPath, source: io::Error },
    #[error("image at `{path}` is larger than {} MiB", IMAGE_FILE_BYTES_MAX / (1024 * 1024))]
    TooLarge { path: AbsPath },
    #[error("unable to process image: invalid or unsupported image data")]
    Unsupported,
}

/// The content part for a picture file. Blocking.
pub(crate) fn content_part(path: &AbsPath, detail: &str, policy: &ResolvedPolicy) -> Result<Value, ImageError> {
    let bytes = read(path, policy)?;
    let (mime, bytes) = sendable(bytes)?;
    let url = format!("data:{mime};base64,{}", STANDARD.encode(bytes));
    Ok(json!({ "type": "input_image", "image_url": url, "detail": detail }))
}

fn read(path: &AbsPath, policy: &ResolvedPolicy) -> Result<Vec<u8>, ImageError> {
    let metadata = std::fs::metadata(path.as_path()).map_err(|source| ImageError::Missing {
        path: path.clone(),
        source,
    })?;
    if !metadata.is_file() {
        return Err(ImageError::NotAFile { path: path.clone() });
    }
    let unreadable = |source| ImageError::Unreadable {
        path: path.clone(),
        source,
    };
    let mut bytes = Vec::new();
    reading::open(path, policy)
        .and_then(|file| file.take(IMAGE_FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > IMAGE_FILE_BYTES_MAX {
        return Err(ImageError::TooLarge { path: path.clone() });
    }
    Ok(bytes)
}

fn sendable(bytes: Vec<u8>) -> Result<(&'static str, Vec<u8>), ImageError> {
    let (format, image) = decode(&bytes).ok_or(ImageError::Unsupported)?;
    if image.width().max(image.height()) <= IMAGE_SIDE_MAX {
        return Ok((format.to_mime_type(), bytes));
    }
    let small = image.resize(IMAGE_SIDE_MAX, IMAGE_SIDE_MAX, FilterType::Triangle);
    // JPEG stays JPEG: as PNG a photograph would grow several times.
    let (format, small) = match format {
        ImageFormat::Jpeg => (ImageFormat::Jpeg, DynamicImage::ImageRgb8(small.into_rgb8())),
        _ => (ImageFormat::Png, small),
    };
    let mut out = Cursor::new(Vec::new());
    small.write_to(&mut out, format).map_err(|_| ImageError::Unsupported)?;
    Ok((format.to_mime_type(), out.into_inner()))
}

fn decode(bytes: &[u8]) -> Option<(ImageFormat, DynamicImage)> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODE_BYTES_MAX);
    reader.limits(limits);
    let format = reader.format()?;
    Some((format, reader.decode().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    #[test]
    fn a_small_picture_is_sent_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = AbsPath::new(folder.path().join("a.png")).unwrap();
        let bytes = picture(3, 2, ImageFormat::Png);
        std::fs::write(path.as_path(), &bytes).unwrap();

        let part = content_part(&path, "high", &ResolvedPolicy::unconfined()).unwrap();

        let url = format!("data:image/png;base64,{}", STANDARD.encode(&bytes));
        assert_eq!(part, json!({ "type": "input_image", "image_url": url, "detail": "high" }));
    }

    #[test]
    fn a_large_picture_is_scaled_to_the_longest_side() {
        let size_of = |format| {
            let (mime, bytes) = sendable(picture(4096, 10, format)).unwrap();
            let image = image::load_from_memory(&bytes).unwrap();
            (mime, image.width(), image.height())
        };

        assert_eq!(size_of(ImageFormat::Png), ("image/png", 2048, 5));
        assert_eq!(size_of(ImageFormat::Jpeg), ("image/jpeg", 2048, 5));
    }

    #[test]
    fn what_is_no_picture_is_refused_in_the_known_words() {
        let folder = tempfile::tempdir().unwrap();
        let root = AbsPath::new(folder.path()).unwrap();
        std::fs::write(root.join("f.txt").as_path(), "not a picture").unwrap();
        std::fs::File::create(root.join("big.png").as_path())
            .unwrap()
            .set_len(IMAGE_FILE_BYTES_MAX + 1)
            .unwrap();
        let error = |name: &str| {
            content_part(&root.join(name), "high", &ResolvedPolicy::unconfined())
                .unwrap_err()
                .to_string()
                .replace(&root.to_string(), "$DIR")
        };

        assert_eq!(
            error("nope.png"),
            "unable to locate image at `$DIR/nope.png`: No such file or directory (os error 2)"
        );
        assert_eq!(error("."), "image path `$DIR` is not a file");
        assert_eq!(error("f.txt"), "unable to process image: invalid or unsupported image data");
        assert_eq!(error("big.png"), "image at `$DIR/big.png` is larger than 20 MiB");
    }
}

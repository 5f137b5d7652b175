//! Phantoms as a bundle's gallery.

use std::path::Path;

use super::PhantomRequest;
use crate::bundle::{FilmKind, save};
use crate::error::{Error, Result};

/// Largest gallery.
const MOST: usize = 64;

/// Draws the phantoms of a request as the gallery of the bundle in `folder`, in place of the one it has. Returns how many.
///
/// # Errors
/// When the folder holds no bundle, the bundle was not trained on phantoms, or the request makes no sense.
pub fn write(folder: &Path, request: &PhantomRequest) -> Result<usize> {
    request.check()?;
    if request.count > MOST {
        return Err(Error::Invalid(format!("{} films are too many for a gallery; {MOST} at most", request.count)));
    }
    let mut manifest = save::existing_manifest(folder)?
        .ok_or_else(|| Error::bundle(folder, "not a bundle; a bundle is a folder that holds bundle.ron"))?;
    if manifest.films != FilmKind::Phantoms {
        return Err(Error::bundle(folder, "this bundle was not trained on phantoms; they would mean nothing to it"));
    }
    let films = (1..=request.count)
        .map(|number| {
            let phantom = request.phantom(number)?;
            Ok((phantom.caption(), phantom.render(request.side).to_png(&phantom.mark())?))
        })
        .collect::<Result<Vec<_>>>()?;
    save::gallery(folder, &mut manifest, &films)?;
    Ok(films.len())
}

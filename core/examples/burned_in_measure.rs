//! Measures how well burned-in words are found on films of NIH ChestX-ray14 whose markers were read by eye.
//!
//! In: the folder `nih` of the data (`markers.csv`, `images`). Out: on standard output, how many PORTABLE words lie in a box,
//! how many boxes a film has, and the time for each film; with a second argument, one line for each box.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use fluoro_core::export::burned_in::find;
use fluoro_core::radiograph::Radiograph;

/// How far from a box the middle that was read by eye may lie, as a share of a side.
const TOLERANCE: f32 = 0.02;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("name the folder nih of the data")?);
    let is_listed = arguments.next().is_some();
    let mut table = csv::Reader::from_path(folder.join("markers.csv"))?;
    let headers = table.headers()?.clone();
    let column = |name: &str| headers.iter().position(|head| head == name).ok_or(format!("no column {name}"));
    let (file, view) = (column("Image Index")?, column("View Position")?);
    let (portable, across, down) = (column("portable_text")?, column("portable_cx")?, column("portable_cy")?);
    let (mut words, mut hits, mut seconds) = (0, 0, 0.0);
    let mut of_view = [("AP", 0, 0, 0), ("PA", 0, 0, 0)];
    for row in table.records() {
        let row = row?;
        let film = Radiograph::open(&folder.join("images").join(&row[file]))?;
        let start = Instant::now();
        let boxes = find(&film);
        seconds += start.elapsed().as_secs_f32();
        let side = [film.pixels.width() as f32, film.pixels.height() as f32];
        if &row[portable] == "1" {
            let middle = [row[across].parse::<f32>()?, row[down].parse::<f32>()?];
            let is_in = |from: usize, length: usize, axis: usize| {
                let (low, high) = (from as f32 / side[axis], (from + length) as f32 / side[axis]);
                (low - TOLERANCE..=high + TOLERANCE).contains(&middle[axis])
            };
            words += 1;
            hits += usize::from(boxes.iter().any(|it| is_in(it.x, it.width, 0) && is_in(it.y, it.height, 1)));
        }
        if let Some(count) = of_view.iter_mut().find(|count| count.0 == &row[view]) {
            *count = (count.0, count.1 + 1, count.2 + boxes.len(), count.3 + usize::from(!boxes.is_empty()));
        }
        for it in boxes.iter().filter(|_| is_listed) {
            println!("{},{},{},{},{},{}", &row[file], &row[view], it.x, it.y, it.width, it.height);
        }
    }
    println!("PORTABLE found: {hits} of {words}");
    for (name, films, boxes, with) in of_view {
        println!(
            "{name}: {films} films, {with} with a box, {boxes} boxes, {:.2} for each film",
            boxes as f32 / films as f32
        );
    }
    println!("{:.1} ms for each film of 256 x 256", seconds * 1e3 / of_view.iter().map(|it| it.1 as f32).sum::<f32>());
    Ok(())
}

//! Every function of the shaders against the reference on the CPU, on whatever adapter there is (software Vulkan in CI).
//! Errors are in grey levels of 255.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui_wgpu::{RendererOptions, WgpuSetup, wgpu};
use fluoro_core::bundle::BundleSource;
use fluoro_core::device::{DeviceChoice, WgpuSetup as ComputeSetup};
use fluoro_core::display::{ColourMap, Extent, Outline, OverlayLook, Pyramid, Turn, wipe, wipe_column};
use fluoro_core::plane::Plane;
use fluoro_core::radiograph::{VoiFunction, Window};

use super::super::sheet::{Content, Heat, Kind, Pixels, Sheet};
use super::*;
use crate::window::WindowOptions;
use crate::window::app::{App, DrawnBy, Host};
use crate::window::light_box::Pane;
use crate::window::native::whole_device;

const BACKGROUND: [u8; 3] = [8, 9, 11];
/// Where the viewport lies on its target, so that a mistake in the place is seen.
const PLACE: [u32; 2] = [5, 3];

struct Device {
    device: wgpu::Device,
    queue: wgpu::Queue,
    state: RenderState,
    shaders: Shaders,
    frame: u64,
}

impl Device {
    fn new(largest_side: u32) -> Self {
        Self::of_setup(egui_kittest::wgpu::default_wgpu_setup(), largest_side)
    }

    /// A device that the engine can take over too.
    fn shared() -> Self {
        let mut setup = egui_kittest::wgpu::default_wgpu_setup();
        if let WgpuSetup::CreateNew(new) = &mut setup {
            new.device_descriptor = Arc::new(whole_device);
        }
        Self::of_setup(setup, 8192)
    }

    fn of_setup(setup: WgpuSetup, largest_side: u32) -> Self {
        let instance = wait_for(setup.new_instance());
        let adapters = wait_for(instance.enumerate_adapters(wgpu::Backends::all()));
        assert!(
            !adapters.is_empty(),
            "no graphics adapter: the shaders cannot be tested; install mesa-vulkan-drivers for a software one"
        );
        let state = egui_kittest::wgpu::create_render_state(setup, RendererOptions::PREDICTABLE);
        let shaders = Shaders::new(&state.device, wgpu::TextureFormat::Rgba8Unorm, largest_side);
        Self { device: state.device.clone(), queue: state.queue.clone(), state, shaders, frame: 0 }
    }

    /// Draws pictures into one viewport; says whether finer copies are on their way.
    fn draw(
        &mut self,
        drawings: &[(&Content, [usize; 2])],
        transform: ViewTransform,
        size: [usize; 2],
    ) -> (Vec<u8>, bool) {
        let (target, encoder, waits) = self.encode(drawings, transform, size);
        (self.read(encoder, &target, size), waits)
    }

    /// Draws and waits until the device is done.
    fn submit(&mut self, drawings: &[(&Content, [usize; 2])], transform: ViewTransform, size: [usize; 2]) {
        let (_target, encoder, _) = self.encode(drawings, transform, size);
        self.queue.submit([encoder.finish()]);
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device answers");
    }

    fn encode(
        &mut self,
        drawings: &[(&Content, [usize; 2])],
        transform: ViewTransform,
        size: [usize; 2],
    ) -> (wgpu::Texture, wgpu::CommandEncoder, bool) {
        self.frame += 1;
        let whole = [0, 1].map(|axis| size[axis] as u32 + 2 * PLACE[axis]);
        let target = texture_of(&self.device, whole);
        let view = target.create_view(&wgpu::TextureViewDescriptor::default());
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut waits = false;
        for (slot, (content, columns)) in drawings.iter().enumerate() {
            let drawing = Drawing {
                slot,
                frame: self.frame,
                content: (*content).clone(),
                transform,
                place: PLACE.map(|v| v as i32),
                size,
                columns: *columns,
                background: BACKGROUND,
            };
            waits |= self.shaders.prepare(&self.device, &self.queue, &mut encoder, &drawing);
        }
        {
            let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
                color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                    view: &view,
                    depth_slice: None,
                    resolve_target: None,
                    ops: wgpu::Operations {
                        load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                        store: wgpu::StoreOp::Store,
                    },
                })],
                ..wgpu::RenderPassDescriptor::default()
            });
            let [x, y] = PLACE.map(|v| v as f32);
            pass.set_viewport(x, y, size[0] as f32, size[1] as f32, 0.0, 1.0);
            (0..drawings.len()).for_each(|slot| self.shaders.paint(&mut pass, slot));
        }
        (target, encoder, waits)
    }

    fn read(&self, mut encoder: wgpu::CommandEncoder, target: &wgpu::Texture, size: [usize; 2]) -> Vec<u8> {
        let row = (target.width() * 4).next_multiple_of(256);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: u64::from(row * target.height()),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let layout = wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
        let info = wgpu::TexelCopyBufferInfo { buffer: &buffer, layout };
        encoder.copy_texture_to_buffer(target.as_image_copy(), info, target.size());
        self.queue.submit([encoder.finish()]);
        buffer.slice(..).map_async(wgpu::MapMode::Read, |result| result.expect("mapped"));
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device answers");
        let bytes = buffer.slice(..).get_mapped_range().expect("bytes").to_vec();
        let start = |y: usize| (y + PLACE[1] as usize) * row as usize + PLACE[0] as usize * 4;
        (0..size[1]).flat_map(|y| bytes[start(y)..start(y) + size[0] * 4].to_vec()).collect()
    }
}

fn wait_for<F: Future>(future: F) -> F::Output {
    // The futures of native backends are ready at once.
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

fn texture_of(device: &wgpu::Device, [width, height]: [u32; 2]) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
        view_formats: &[],
    })
}

fn sheet(kind: Kind, version: u64, plane: Plane, with_pyramid: bool, extent: Option<Extent>) -> Sheet {
    let extent = extent.unwrap_or(Extent::whole(plane.width(), plane.height()));
    let pyramid = with_pyramid.then(|| Arc::new(Pyramid::new(&plane)));
    Sheet { key: (kind, version), pixels: Pixels::Map(Arc::new(plane)), on_device: None, pyramid, extent }
}

/// Something like a film: smooth, with fine structure and an edge.
fn film(width: usize, height: usize) -> Plane {
    Plane::from_fn(width, height, |x, y| {
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let edge = if u > 0.6 && v > 0.3 { 700.0 } else { 0.0 };
        1500.0 + 900.0 * (9.0 * u).sin() * (7.0 * v).cos() + edge + ((7 * x + 13 * y) % 97) as f32
    })
}

fn content(film: Sheet) -> Content {
    let window = Window::covering(600.0, 3300.0);
    Content { film, change: None, window, invert: false, colours: ColourMap::Grey, overlay: None }
}

fn plain(width: usize, height: usize) -> Content {
    content(sheet(Kind::Picture, 1, film(width, height), true, None))
}

/// Largest difference of any channel, and the share of pixels that differ by more than one level.
fn error(found: &[u8], wanted: &[u8]) -> (u8, f64) {
    assert_eq!(found.len(), wanted.len());
    let most = found.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
    let off = |(a, b): (&[u8], &[u8])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 1);
    let count = found.chunks_exact(4).zip(wanted.chunks_exact(4)).filter(|pair| off(*pair)).count();
    (most, count as f64 / (found.len() / 4) as f64)
}

/// Draws both ways; at most `most` levels between them.
#[track_caller]
fn check(device: &mut Device, name: &str, content: &Content, transform: ViewTransform, size: [usize; 2], most: u8) {
    let (found, waits) = device.draw(&[(content, [0, size[0]])], transform, size);
    assert!(!waits, "{name}: nothing is left to upload");
    let wanted = content.view(transform, BACKGROUND).expect("a view").draw(size[0], size[1]);
    let (worst, share) = error(&found, &wanted);
    println!("{name}: largest error {worst} levels, {:.4} % of pixels off by more than one", share * 100.0);
    assert!(worst <= most, "{name}: {worst} levels");
}

fn fit(content: &Content, size: [usize; 2]) -> ViewTransform {
    let plane = content.film.pixels.plane().expect("a plane");
    ViewTransform::fit([plane.width(), plane.height()], size)
}

#[test]
fn windows_are_those_of_the_standard() {
    let mut device = Device::new(8192);
    for function in [VoiFunction::Linear, VoiFunction::LinearExact, VoiFunction::Sigmoid] {
        for (center, width) in [(1700.0, 2500.0), (1500.5, 1.0), (900.0, 40.0)] {
            for invert in [false, true] {
                let mut content = plain(200, 150);
                content.window = Window { center, width, function };
                content.invert = invert;
                // At its own size the samples are the film's, so that even a threshold agrees.
                let transform = fit(&content, [200, 150]);
                check(
                    &mut device,
                    &format!("{function:?} {center} {width} {invert}"),
                    &content,
                    transform,
                    [200, 150],
                    1,
                );
            }
        }
    }
}

#[test]
fn sampling_is_that_of_the_reference() {
    let mut device = Device::new(8192);
    let size = [217, 180];
    let large = plain(1500, 1100);
    let without = content(sheet(Kind::Picture, 2, film(900, 700), false, None));
    let small = content(sheet(Kind::Picture, 3, film(31, 23), true, None));
    let at = |x: f32, y: f32, zoom: f32| ViewTransform { center: [x, y], zoom, turn: Turn::NONE };
    for (name, content, transform) in [
        ("fit with halves", &large, fit(&large, size)),
        ("fit without halves", &without, fit(&without, size)),
        ("enlarged 7.3 times", &large, at(611.3, 402.9, 7.3)),
        ("enlarged 64 times", &large, at(1499.0, 1.0, 64.0)),
        ("its own size", &large, at(700.0, 500.0, 1.0)),
        ("reduced by 0.37", &large, at(300.0, 900.0, 0.37)),
        ("a small film, enlarged", &small, fit(&small, size)),
        ("a small film, tiny", &small, at(15.0, 11.0, 0.1)),
        ("beyond the film", &large, at(1500.0, 1100.0, 0.2)),
        ("off the screen", &large, at(9000.0, 9000.0, 1.0)),
    ] {
        check(&mut device, name, content, transform, size, 1);
    }
}

#[test]
fn films_above_the_largest_texture_are_kept_in_tiles() {
    let mut device = Device::new(256);
    let large = plain(1000, 700);
    let at = |x: f32, y: f32, zoom: f32| ViewTransform { center: [x, y], zoom, turn: Turn::NONE };
    for (name, transform) in [
        ("tiles, its own size", at(512.0, 256.0, 1.0)),
        ("tiles, enlarged over a border", at(256.0, 512.0, 9.0)),
        ("tiles, reduced", at(500.0, 350.0, 0.2)),
    ] {
        check(&mut device, name, &large, transform, [200, 150], 1);
    }
}

#[test]
fn films_are_turned_as_by_the_reference() {
    let mut device = Device::new(8192);
    let content = plain(300, 200);
    for mirrored in [Turn::NONE, Turn::NONE.flipped_horizontally()] {
        for quarters in 0..4 {
            for size in [[151, 90], [90, 152]] {
                let turn = mirrored.rotated(quarters);
                let transform = ViewTransform { center: [140.0, 90.0], zoom: 0.8, turn };
                check(&mut device, &format!("{turn:?}"), &content, transform, size, 1);
            }
        }
    }
}

#[test]
fn colour_maps_colour_the_picture() {
    let mut device = Device::new(8192);
    for colours in ColourMap::ALL {
        let content = Content { colours, ..plain(300, 200) };
        // Where rounding picks the neighbouring brightness, the colour is the neighbouring one of the table.
        check(&mut device, colours.name(), &content, fit(&content, [150, 100]), [150, 100], 6);
    }
}

fn map() -> Plane {
    Plane::from_fn(56, 48, |x, y| 90.0 * ((x as f32 / 7.0).sin() * (y as f32 / 9.0).cos()))
}

fn heat(opacity: f32, threshold: f32, outline: Option<Outline>) -> Heat {
    let extent = Extent { x: 40.0, y: 10.0, width: 200.0, height: 170.0 };
    let (added, removed) = ([255, 138, 61], [77, 163, 255]);
    let look = OverlayLook { limit: 80.0, threshold, opacity, added, removed, outline };
    Heat { map: sheet(Kind::Difference, 3, map(), false, Some(extent)), look }
}

#[test]
fn heat_and_outline_lie_where_the_reference_lays_them() {
    let mut device = Device::new(8192);
    let outline = |width| Some(Outline { width, line: [198, 240, 74], halo: [0; 3] });
    for (name, overlay, most) in [
        ("heat", heat(0.75, 8.0, None), 2),
        ("heat from zero", heat(1.0, 0.0, None), 2),
        ("no heat above the limit", heat(1.0, 200.0, None), 1),
        ("outline", heat(0.0, 30.0, outline(1.5)), 2),
        ("wide outline and heat", heat(0.6, 55.0, outline(4.0)), 3),
    ] {
        for turn in [Turn::NONE, Turn::NONE.rotated(1).flipped_vertically()] {
            let content = Content { overlay: Some(overlay.clone()), ..plain(300, 200) };
            for zoom in [0.7, 3.1] {
                let transform = ViewTransform { center: [130.0, 95.0], zoom, turn };
                check(&mut device, &format!("{name} {zoom}"), &content, transform, [260, 190], most);
            }
        }
    }
}

#[test]
fn a_change_is_laid_on_the_film_as_by_the_reference() {
    let mut device = Device::new(8192);
    let change = (heat(0.0, 0.0, None).map, 9.5);
    let content = Content { change: Some(change), ..plain(300, 200) };
    for zoom in [0.6, 1.0, 4.0] {
        let transform = ViewTransform { center: [130.0, 95.0], zoom, turn: Turn::NONE.rotated(2) };
        check(&mut device, &format!("change {zoom}"), &content, transform, [260, 190], 1);
    }
}

#[test]
fn a_wipe_shows_two_pictures() {
    let mut device = Device::new(8192);
    let (left, mut right) = (plain(300, 200), plain(300, 200));
    right.invert = true;
    let size = [200, 130];
    let transform = fit(&left, size);
    for at in [0.0, 0.31, 1.0] {
        let column = wipe_column(at, size[0]);
        let (found, _) = device.draw(&[(&right, [column, size[0]]), (&left, [0, column])], transform, size);
        let view = |content: &Content| content.view(transform, BACKGROUND).map(|view| view.draw(size[0], size[1]));
        assert!(view(&left).is_some());
        let views =
            (left.view(transform, BACKGROUND).expect("left"), right.view(transform, BACKGROUND).expect("right"));
        let (worst, _) = error(&found, &wipe(&views.0, &views.1, at, size[0], size[1]));
        println!("wipe at {at}: largest error {worst} levels");
        assert!(worst <= 1);
    }
}

#[test]
fn what_is_not_a_number_is_black_and_transparent() {
    let mut device = Device::new(8192);
    let nan = content(sheet(Kind::Picture, 5, Plane::filled(20, 20, f32::NAN), false, None));
    check(&mut device, "not a number", &nan, fit(&nan, [40, 40]), [40, 40], 0);
    let mut map = heat(1.0, 0.0, None);
    map.map = sheet(Kind::Difference, 6, Plane::filled(9, 9, f32::INFINITY), false, None);
    let bare = plain(40, 40);
    let covered = Content { overlay: Some(map), ..bare.clone() };
    let transform = fit(&bare, [40, 40]);
    let pictures = [bare, covered].map(|content| device.draw(&[(&content, [0, 40])], transform, [40, 40]).0);
    assert_eq!(pictures[0], pictures[1], "a map that is no number colours nothing");
}

#[test]
fn a_film_is_uploaded_once_and_freed_when_it_is_gone() {
    let mut device = Device::new(8192);
    let first = content(sheet(Kind::Picture, 10, film(2200, 1500), true, None));
    let size = [300, 200];
    let mut transform = fit(&first, size);
    device.draw(&[(&first, [0, 300])], transform, size);
    let (uploads, made) = (device.shaders.planes.uploads, device.shaders.samples.made);
    for i in 0..20 {
        let content = Content { window: Window::covering(0.0, 100.0 + i as f32), ..first.clone() };
        device.draw(&[(&content, [0, 300])], transform, size);
    }
    assert_eq!(device.shaders.samples.made, made, "a window needs no sampling");
    for i in 0..20 {
        transform.center[0] += i as f32;
        device.draw(&[(&first, [0, 300])], transform, size);
    }
    assert_eq!(device.shaders.planes.uploads, uploads, "a film that moves is not uploaded again");
    transform.zoom = 1.0;
    device.draw(&[(&first, [0, 300])], transform, size);
    assert!(device.shaders.planes.has((Kind::Picture, 10)));
    let second = content(sheet(Kind::Picture, 11, film(60, 50), true, None));
    for _ in 0..3 {
        device.draw(&[(&second, [0, 300])], transform, size);
    }
    assert!(!device.shaders.planes.has((Kind::Picture, 10)), "a large film that is gone keeps no memory");
}

#[test]
fn a_very_large_film_comes_in_parts_and_ends_up_sharp() {
    let mut device = Device::new(8192);
    let large = plain(5000, 4000);
    let transform = ViewTransform { center: [2500.0, 2000.0], zoom: 1.0, turn: Turn::NONE };
    let size = [200, 150];
    let mut frames = 0;
    let found = loop {
        let (found, waits) = device.draw(&[(&large, [0, 200])], transform, size);
        frames += 1;
        if !waits {
            break found;
        }
        assert!(frames < 10);
    };
    assert!(frames > 1, "80 MB are more than one frame uploads");
    let wanted = large.view(transform, BACKGROUND).expect("a view").draw(200, 150);
    assert!(error(&found, &wanted).0 <= 1);
}

/// Not a check of correctness: `cargo test --release -- --ignored --nocapture shader_time`. Four viewports of a window of
/// 1600 x 1000 as in an edit: film, film with change, another picture, film with heat; until the device is done.
#[test]
#[ignore = "a measurement"]
fn shader_time() {
    let mut device = Device::new(8192);
    let large = plain(8192, 8192);
    let (change, overlay) = ((heat(0.0, 0.0, None).map, 9.5), Some(heat(0.75, 8.0, None)));
    let other = content(sheet(Kind::Picture, 7, film(224, 224), false, Some(Extent::whole(8192, 8192))));
    let pictures =
        [large.clone(), Content { change: Some(change), ..large.clone() }, other, Content { overlay, ..large.clone() }];
    let (size, whole) = ([496, 430], [0, 496]);
    for (name, zoom) in [("fit", 430.0 / 8192.0), ("half", 0.5), ("1:1", 1.0), ("4x", 4.0)] {
        let mut transform = ViewTransform { center: [4096.0, 4096.0], zoom, turn: Turn::NONE };
        let start = std::time::Instant::now();
        while device.draw(&[(&large, whole)], transform, size).1 {}
        let first = start.elapsed();
        for moves in [true, false] {
            let mut times = Vec::new();
            for i in 0..30 {
                transform.center[0] += if moves { 3.0 } else { 0.0 };
                let drawings = pictures.each_ref().map(|content| (content, whole));
                let start = std::time::Instant::now();
                device.submit(&drawings, transform, size);
                if i > 2 {
                    times.push(start.elapsed());
                }
            }
            times.sort();
            let what = if moves { "moving" } else { "still" };
            println!("at {name}, {what}: best {:?}, median {:?}; first look {first:?}", times[0], times[13]);
        }
    }
}

/// The engine computes on the device that draws: what it decodes is on the light box before a number of it is read back, and
/// looks like the picture of those numbers.
#[test]
fn a_decoded_picture_reaches_the_light_box_on_the_device() {
    let mut device = Device::shared();
    let setup = ComputeSetup {
        instance: device.state.instance.clone(),
        adapter: device.state.adapter.clone(),
        device: device.device.clone(),
        queue: device.queue.clone(),
        backend: device.state.adapter.get_info().backend,
    };
    let options = WindowOptions {
        films: Vec::new(),
        bundle: BundleSource::Embedded("phantom".into()),
        device: DeviceChoice::Gpu,
        store: None,
        watch: None,
    };
    let host = Host { dialogs: false, remembers: false, drawn_by: DrawnBy::Raster };
    let mut app = App::new(&egui::Context::default(), options, Some(setup), host).expect("the window starts");
    app.light_box.by_shader = true;
    let start = Instant::now();
    let wait = |app: &mut App, until: &dyn Fn(&App) -> bool| {
        while !until(app) {
            app.logic();
            assert!(start.elapsed() < Duration::from_secs(600), "the software adapter answers");
            assert!(app.dead.is_none() && app.model.problem.is_none() && app.pictures.problem.is_none());
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    wait(&mut app, &|app| app.analysis().is_some() && app.is_idle());
    assert!(app.model.view.as_ref().is_some_and(|view| view.is_gpu), "it computes on the shared device");
    let strongest = |app: &App| {
        let activations = &app.analysis().expect("analysed").activations;
        (0..activations.len()).max_by(|&a, &b| activations[a].total_cmp(&activations[b])).expect("features")
    };
    let feature = strongest(&app);
    app.set_feature(feature, 0.0);
    app.logic();
    wait(&mut app, &|app| app.pictures.on_device.is_some());
    let size = [300, 300];
    let draw = |device: &mut Device, content: &Content| {
        let measures = content.film.measures().expect("sizes");
        let side = measures.extent.x + measures.extent.width;
        let transform = ViewTransform::fit([side as usize; 2], size);
        (device.draw(&[(content, [0, size[0]])], transform, size).0, transform)
    };
    app.light_box.kept.on_film = Some(false);
    let early = app.content(Pane::Counterfactual, false).expect("a picture");
    if app.pictures.made.is_none() {
        assert!(early.film.pixels.plane().is_none(), "nothing was read back yet");
    }
    let (first, transform) = draw(&mut device, &early);
    app.light_box.kept.on_film = Some(true);
    let early_change = app.content(Pane::Counterfactual, false).expect("a picture");
    let (first_change, _) = draw(&mut device, &early_change);

    wait(&mut app, &|app| app.is_idle());
    app.find_difference();
    app.light_box.kept.on_film = Some(false);
    let settled = app.content(Pane::Counterfactual, false).expect("a picture");
    let wanted = settled.view(transform, BACKGROUND).expect("read back").draw(size[0], size[1]);
    assert!(error(&first, &wanted).0 <= 1, "{:?}", error(&first, &wanted));
    assert_eq!(settled.film.key, early.film.key, "the same picture");
    app.light_box.kept.on_film = Some(true);
    app.find_change();
    let settled = app.content(Pane::Counterfactual, false).expect("a picture");
    assert!(settled.change.is_some());
    let wanted = settled.view(transform, BACKGROUND).expect("read back").draw(size[0], size[1]);
    assert!(error(&first_change, &wanted).0 <= 1, "{:?}", error(&first_change, &wanted));
    let before = device.shaders.planes.uploads;
    let (again, _) = draw(&mut device, &settled);
    assert_eq!((device.shaders.planes.uploads, error(&again, &wanted).0 <= 1), (before, true), "nothing is uploaded");

    // Undone, the reconstruction is shown, which was read back once.
    app.undo();
    assert!(app.pictures.on_device.is_none());
    app.find_change();
    let plain = app.content(Pane::Counterfactual, false).expect("a picture");
    assert!(plain.change.is_none());
}

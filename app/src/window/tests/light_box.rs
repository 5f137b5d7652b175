//! The light box driven by keys and hands, and its pictures by shader against those of the program itself.

use egui::{PointerButton, Pos2, Rect, vec2};
use egui_kittest::wgpu::WgpuTestRenderer;
use fluoro_core::display::{ColourMap, Turn};
use fluoro_core::radiograph::Window;

use super::*;
use crate::window::light_box::{LeftHand, OverlayStyle, Pane, gpu};

/// A window that a graphics adapter paints, its pictures by shader.
fn adapter_window() -> Harness<'static, App> {
    adapter_window_of(WgpuTestRenderer::new())
}

fn adapter_window_of(renderer: WgpuTestRenderer) -> Harness<'static, App> {
    let host = Host { dialogs: false, remembers: false, drawn_by: DrawnBy::Adapter };
    let options = options(Vec::new());
    let mut window = Harness::builder().with_size([1600.0, 1000.0]).renderer(renderer).build_eframe(move |cc| {
        let mut app = App::new(&cc.egui_ctx, options, None, host).expect("the window starts");
        let state = cc.wgpu_render_state.as_ref().expect("an adapter; install mesa-vulkan-drivers for a software one");
        app.light_box.by_shader = gpu::install(state);
        assert!(app.light_box.by_shader, "this adapter cannot draw into float textures");
        app
    });
    settle(&mut window);
    window
}

fn viewport(window: &Harness<'_, App>, pane: &str) -> Rect {
    window.get_by_label(&format!("viewport: {pane}")).rect()
}

fn drag(window: &mut Harness<'_, App>, from: Pos2, by: egui::Vec2, modifiers: Modifiers) {
    let press =
        |pressed: bool, pos: Pos2| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
    window.event(Event::PointerMoved(from));
    window.step();
    window.event_modifiers(press(true, from), modifiers);
    window.step();
    window.event_modifiers(Event::PointerMoved(from + by), modifiers);
    window.step();
    window.event_modifiers(press(false, from + by), modifiers);
    window.run_steps(2);
}

/// The share of pixels whose worst channel differs by more than two levels, and the worst of all.
fn differ(window: &mut Harness<'_, App>) -> (f64, u8) {
    window.state_mut().light_box.by_shader = true;
    window.run_steps(2);
    let by_shader = window.render().expect("a picture");
    window.state_mut().light_box.by_shader = false;
    window.run_steps(2);
    let by_program = window.render().expect("a picture");
    window.state_mut().light_box.by_shader = true;
    assert_eq!(by_shader.dimensions(), by_program.dimensions());
    let pairs = by_shader.as_raw().chunks_exact(4).zip(by_program.as_raw().chunks_exact(4));
    let worst = pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0));
    let all: Vec<u8> = worst.collect();
    let off = all.iter().filter(|v| **v > 2).count();
    (off as f64 / all.len() as f64, all.into_iter().max().unwrap_or(0))
}

#[test]
fn shaders_draw_the_window_that_the_program_draws() {
    let mut window = adapter_window();
    window.state_mut().set_finding(0, -12.0);
    settle(&mut window);
    let same = |window: &mut Harness<'_, App>, name: &str| {
        let (share, worst) = differ(window);
        println!("{name}: {:.4} % of the window differ by more than 2 levels, at most {worst}", share * 100.0);
        assert!(share < 1e-4, "{name}: {share}, {worst}");
    };
    same(&mut window, "four viewports");
    for key in [Key::X, Key::U, Key::R, Key::H] {
        press(&mut window, Modifiers::NONE, key);
        same(&mut window, &format!("after {key:?}"));
    }
    press(&mut window, Modifiers::ALT, Key::Num1);
    window.state_mut().light_box.kept.single = Pane::Counterfactual;
    same(&mut window, "one viewport with its inset");
    // A colour of the next brightness is further away than a grey.
    press(&mut window, Modifiers::NONE, Key::M);
    let (share, worst) = differ(&mut window);
    assert!(share < 1e-3 && worst <= 8, "viridis: {share}, {worst}");
}

#[test]
fn keys_choose_windows_and_each_viewport_can_have_its_own() {
    let mut window = window(Vec::new());
    let own = window.state().film.as_ref().expect("a film").default_window;
    let mut seen = vec![own];
    for key in [Key::Num2, Key::Num3, Key::Num4, Key::Num5] {
        press(&mut window, Modifiers::NONE, key);
        let chosen = window.state().light_box.kept.window.unwrap_or(own);
        seen.push(chosen);
    }
    let [_, range, percentiles, dense, lungs] = seen[..] else { panic!("five windows") };
    let film = window.state().film.as_ref().expect("a film").view.radiograph.clone();
    assert_eq!(range, Window::covering(film.range[0], film.range[1]));
    assert!(percentiles.width < range.width);
    assert!(dense.center > percentiles.center && lungs.center < percentiles.center, "{dense:?} {lungs:?}");
    press(&mut window, Modifiers::NONE, Key::Num1);
    assert_eq!(window.state().light_box.kept.window, None);

    press(&mut window, Modifiers::NONE, Key::K);
    let place = viewport(&window, "reconstruction").center();
    drag(&mut window, place, vec2(40.0, 0.0), Modifiers::NONE);
    let light_box = &window.state().light_box;
    assert!(light_box.window_of(Pane::Reconstruction).expect("its own").width > own.width);
    assert_eq!(light_box.window_of(Pane::Original), None);
    // A preset is for the viewport under the pointer.
    window.hover_at(viewport(&window, "original").center());
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::Num4);
    let light_box = &window.state().light_box;
    assert_eq!(light_box.window_of(Pane::Original), Some(dense));
    assert_ne!(light_box.window_of(Pane::Reconstruction), Some(dense));
    press(&mut window, Modifiers::NONE, Key::K);
    assert_eq!(window.state().light_box.window_of(Pane::Reconstruction), Some(dense));
}

#[test]
fn shift_is_fine_and_ctrl_is_coarse() {
    let mut window = window(Vec::new());
    let own = window.state().film.as_ref().expect("a film").default_window;
    let place = viewport(&window, "original").center();
    let mut change = |modifiers: Modifiers| {
        press(&mut window, Modifiers::NONE, Key::Space);
        drag(&mut window, place, vec2(40.0, 0.0), modifiers);
        window.state().light_box.kept.window.expect("windowed").width - own.width
    };
    let (plain, fine, coarse) = (change(Modifiers::NONE), change(Modifiers::SHIFT), change(Modifiers::COMMAND));
    assert!((fine / plain - 0.2).abs() < 0.01 && (coarse / plain - 4.0).abs() < 0.1, "{plain} {fine} {coarse}");
}

/// Brightness in the middle of a viewport of a picture of the window.
fn middle(window: &mut Harness<'_, App>, rect: Rect, side: u32) -> Vec<u8> {
    let picture = window.render().expect("a picture");
    let (left, top) = (rect.center().x as u32 - side / 2, rect.center().y as u32 - side / 2);
    let pixel = |x: u32, y: u32| picture.get_pixel(left + x, top + y).0[0];
    (0..side).flat_map(|y| (0..side).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect()
}

#[test]
fn films_are_turned_flipped_coloured_and_reset() {
    let mut window = adapter_window();
    press(&mut window, Modifiers::ALT, Key::Num1);
    let rect = viewport(&window, "original");
    let before = middle(&mut window, rect, 300);
    press(&mut window, Modifiers::NONE, Key::R);
    press(&mut window, Modifiers::NONE, Key::R);
    assert_eq!(window.state().light_box.kept.turn, Turn::NONE.rotated(2));
    let turned = middle(&mut window, rect, 300);
    // A turn by 180° is the same pixels backwards, but for half a pixel where the viewport's width is odd.
    let backwards: Vec<u8> = before.iter().rev().copied().collect();
    let mean =
        |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64;
    let (same, other) = (mean(&turned, &backwards), mean(&turned, &before));
    assert!(same < 3.0 && same * 3.0 < other, "{same} {other}");
    for key in [Key::L, Key::V, Key::H, Key::L] {
        press(&mut window, Modifiers::NONE, key);
    }
    assert_eq!(window.state().light_box.kept.turn, Turn::NONE.rotated(2), "a flip both ways is half a turn");
    press(&mut window, Modifiers::NONE, Key::M);
    assert_eq!(window.state().light_box.kept.colours, ColourMap::Viridis);
    let strength = window.state().light_box.kept.overlay.opacity;
    press(&mut window, Modifiers::NONE, Key::OpenBracket);
    assert!(window.state().light_box.kept.overlay.opacity < strength);
    press(&mut window, Modifiers::NONE, Key::CloseBracket);
    assert_eq!(window.state().light_box.kept.overlay.opacity, strength);
    press(&mut window, Modifiers::NONE, Key::U);
    assert_eq!(window.state().light_box.kept.overlay.style, OverlayStyle::Outline);
    press(&mut window, Modifiers::NONE, Key::Space);
    assert_eq!(middle(&mut window, rect, 300), before, "Space brings the first picture back");
}

#[test]
fn a_length_is_measured_and_the_hand_can_move_the_film() {
    let mut window = window(Vec::new());
    let place = viewport(&window, "original").center();
    press(&mut window, Modifiers::NONE, Key::D);
    assert_eq!(window.state().light_box.left, LeftHand::Measure);
    drag(&mut window, place, vec2(60.0, 80.0), Modifiers::NONE);
    let app = window.state();
    let ruler = app.light_box.kept.ruler.expect("a length");
    let long = (ruler.to[0] - ruler.from[0]).hypot(ruler.to[1] - ruler.from[1]);
    let zoom = {
        let rect = viewport(&window, "original");
        let [width, height] = app.film.as_ref().expect("a film").size();
        (rect.width() / width as f32).min(rect.height() / height as f32)
    };
    assert!((long * zoom - 100.0).abs() < 1.0, "{long} at {zoom}");
    assert_eq!(app.light_box.kept.window, None, "the window stays");
    press(&mut window, Modifiers::NONE, Key::T);
    drag(&mut window, place, vec2(30.0, 0.0), Modifiers::NONE);
    assert!(window.state().light_box.kept.transform.is_some(), "left drag moves");
    window.hover_at(place);
    window.run_steps(2);
    assert!(window.state().light_box.pointer.is_some_and(|(pane, _)| pane == Pane::Original));
}

#[test]
fn the_wipe_has_a_line_to_drag() {
    let mut window = adapter_window();
    window.state_mut().set_finding(0, -12.0);
    settle(&mut window);
    press(&mut window, Modifiers::NONE, Key::X);
    assert!(window.state().light_box.kept.wipe.on);
    window.check_accessibility();
    let rect = viewport(&window, "counterfactual");
    drag(&mut window, rect.center(), vec2(rect.width() / 4.0, 0.0), Modifiers::NONE);
    let at = window.state().light_box.kept.wipe.at;
    assert!((at - 0.75).abs() < 0.01, "{at}");
    assert_eq!(window.state().light_box.kept.window, None, "the line took the drag");
    window.get_by_role_and_label(Role::Slider, "wipe line").set_value_accesskit(1.0);
    window.run_steps(2);
    assert_eq!(window.state().light_box.kept.wipe.at, 1.0);
    // All of the viewport is the original now.
    let original = viewport(&window, "original");
    let (left, right) = (middle(&mut window, original, 120), middle(&mut window, rect, 120));
    let worst = left.iter().zip(&right).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(1), "{worst:?}");
}

#[test]
fn the_change_is_laid_on_the_film_where_it_is_larger_than_the_model_s_picture() {
    let mut window = adapter_window();
    let app = window.state();
    let made = app.reconstruction().expect("a reconstruction").0.width();
    assert!(app.film.as_ref().expect("a film").extent.width > made as f32);
    assert!(app.shows_change_on_film(), "the default for such a film");
    let (original, made) = (viewport(&window, "original"), viewport(&window, "counterfactual"));
    assert_eq!(middle(&mut window, original, 120), middle(&mut window, made, 120), "no change, the film itself");
    window.state_mut().set_finding(0, -12.0);
    settle(&mut window);
    let changed = middle(&mut window, made, 120);
    assert_ne!(middle(&mut window, original, 120), changed);
    press(&mut window, Modifiers::NONE, Key::C);
    assert!(!window.state().shows_change_on_film());
    assert_ne!(middle(&mut window, made, 120), changed, "as the model draws it");
}

/// Milliseconds that this process has kept processors busy; other programs do not count. Linux counts in hundredths.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<f64>().ok());
    10.0 * ticks.sum::<f64>()
}

/// Not a check of correctness: `cargo test --release --bin fluoro -- --ignored --nocapture frame_time`.
#[test]
#[ignore = "a measurement"]
fn frame_time() {
    // As on a screen, not made to look the same everywhere.
    let mut window = adapter_window_of(WgpuTestRenderer::with_render_options(Default::default()));
    window.state_mut().set_finding(0, -12.0);
    settle(&mut window);
    for by_shader in [true, false] {
        window.state_mut().light_box.by_shader = by_shader;
        window.run_steps(2);
        for name in ["idle", "window", "pan", "zoom", "wipe"] {
            window.state_mut().light_box.reset_all();
            window.state_mut().light_box.kept.wipe.on = name == "wipe";
            window.run_steps(2);
            let (mut layout, mut whole) = (Vec::new(), Vec::new());
            let busy = processor_time();
            for i in 0..24 {
                let app = window.state_mut();
                let film = app.film.as_ref().expect("a film");
                let (own, size) = (film.default_window, film.size());
                let view = fluoro_core::display::ViewTransform::fit(size, [490, 400]);
                match name {
                    "window" => app.light_box.kept.window = Some(Window { width: own.width + i as f32, ..own }),
                    "pan" => app.light_box.kept.transform = Some(view.panned([i as f32 + 1.0, 0.0], size)),
                    "zoom" => {
                        let factor = 1.0 + i as f32 / 12.0;
                        app.light_box.kept.transform = Some(view.zoomed_at([200.0; 2], factor, [490, 400]));
                    }
                    "wipe" => app.light_box.kept.wipe.at = i as f32 / 24.0,
                    _ => {}
                }
                let start = Instant::now();
                window.step();
                layout.push(start.elapsed());
                window.render().expect("a picture");
                whole.push(start.elapsed());
            }
            layout.sort();
            whole.sort();
            println!(
                "by shader {by_shader}, {name}: layout {:?}, with painting and reading back {:?}, best {:?}; {:.1} ms of \
                 processor time a frame",
                layout[12],
                whole[12],
                whole[0],
                (processor_time() - busy) / 24.0
            );
        }
    }
}

/// Not a check: pictures of the light box to look at, in the folder `FLUORO_PICTURES`.
#[test]
#[ignore = "pictures to look at"]
fn pictures() {
    let folder = PathBuf::from(std::env::var("FLUORO_PICTURES").expect("FLUORO_PICTURES"));
    let mut window = adapter_window();
    let save = |window: &mut Harness<'_, App>, name: &str| {
        window.run_steps(3);
        window.render().expect("a picture").save(folder.join(name)).expect("written");
    };
    let label = window.state().labels().iter().position(|label| label == "Cardiomegaly").unwrap_or(0);
    window.state_mut().set_finding(label, -12.0);
    settle(&mut window);
    let place = viewport(&window, "original").center();
    press(&mut window, Modifiers::NONE, Key::D);
    drag(&mut window, place, vec2(-90.0, 20.0), Modifiers::NONE);
    window.state_mut().light_box.kept.overlay.style = OverlayStyle::Both;
    window.hover_at(viewport(&window, "original").center() + vec2(30.0, 60.0));
    save(&mut window, "four.png");
    press(&mut window, Modifiers::NONE, Key::X);
    press(&mut window, Modifiers::ALT, Key::Num1);
    window.state_mut().light_box.kept.single = Pane::Counterfactual;
    save(&mut window, "wipe.png");
    press(&mut window, Modifiers::ALT, Key::Num2);
    for key in [Key::M, Key::K, Key::H, Key::R] {
        press(&mut window, Modifiers::NONE, key);
    }
    window.set_size(vec2(1280.0, 720.0));
    save(&mut window, "turned.png");
    window.set_size(vec2(1600.0, 1000.0));
    press(&mut window, Modifiers::NONE, Key::Space);
    window.run_steps(2);
    window.get_by_label("reading settings").click();
    save(&mut window, "menu.png");
    press(&mut window, Modifiers::NONE, Key::Escape);
    type_text(&mut window, "?");
    save(&mut window, "keys.png");
}

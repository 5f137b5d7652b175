// One viewport of the light box, from samples at the screen's pixels: change, window, invert, colour map, heat, outline,
// wipe, turn. The reference is `core/src/display.rs`, step by step; colours are counted 0 to 255 as there.

@group(0) @binding(0) var film: texture_2d<f32>;
@group(0) @binding(1) var change: texture_2d<f32>;
@group(0) @binding(2) var map: texture_2d<f32>;
// The colour of each of 256 brightnesses.
@group(0) @binding(3) var colours: texture_2d<f32>;

struct Look {
    // Left, top, width and height of the viewport on the screen.
    place: vec4i,
    // Width and height of the upright picture; the first screen column that is drawn, and the one after the last.
    upright: vec4i,
    // Rows of the matrix from steps on the screen to steps on the upright picture.
    turn: vec4i,
    // Where the three pictures lie on the upright one: left, top, right, bottom.
    film_area: vec4i,
    change_area: vec4i,
    map_area: vec4i,
    // Black and white of a straight window, or centre and width of a sigmoid; gain of the change; width of the outline.
    window: vec4f,
    // Sigmoid, invert, outline, the target wants linear light.
    modes: vec4i,
    // Limit, threshold, opacity.
    heat: vec4f,
    added: vec4f,
    removed: vec4f,
    line: vec4f,
    halo: vec4f,
    background: vec4f,
}
@group(0) @binding(4) var<uniform> look: Look;

@vertex
fn whole(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    return vec4f(f32((index << 1u) & 2u) * 2.0 - 1.0, f32(index & 2u) * 2.0 - 1.0, 0.0, 1.0);
}

fn is_inside(area: vec4i, at: vec2i) -> bool {
    return all(at >= area.xy) && all(at < area.zw);
}

// DICOM PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2 (ramps), C.11.2.1.3.1 (sigmoid).
fn brightness(value: f32) -> f32 {
    if look.modes.x == 1 {
        return 1.0 / (1.0 + exp(-4.0 * (value - look.window.x) / look.window.y));
    }
    let width = look.window.y - look.window.x;
    if width <= 0.0 {
        return select(0.0, 1.0, value > look.window.x);
    }
    return clamp((value - look.window.x) / width, 0.0, 1.0);
}

fn lay(under: vec3f, over: vec3f, strength: f32) -> vec3f {
    return floor(under + (over - under) * strength + 0.5);
}

fn magnitude(at: vec2i) -> f32 {
    return abs(textureLoad(map, clamp(at, look.map_area.xy, look.map_area.zw - 1), 0).r);
}

fn heat_of(value: f32) -> f32 {
    let above = abs(value) - max(look.heat.y, 0.0);
    if look.heat.x > 0.0 && above > 0.0 {
        let room = max(look.heat.x - look.heat.y, 1.1754944e-38);
        return min(above / room, 1.0) * clamp(look.heat.z, 0.0, 1.0);
    }
    return 0.0;
}

// Strengths of the halo and of the line.
fn outline_at(at: vec2i) -> vec2f {
    let across = (magnitude(at + vec2i(1, 0)) - magnitude(at - vec2i(1, 0))) / 2.0;
    let down = (magnitude(at + vec2i(0, 1)) - magnitude(at - vec2i(0, 1))) / 2.0;
    let slope = sqrt(across * across + down * down);
    if slope > 0.0 {
        let distance = abs(magnitude(at) - look.heat.y) / slope;
        let width = look.window.w;
        return clamp(vec2f(width, width / 2.0) + 0.5 - distance, vec2f(0.0), vec2f(1.0));
    }
    return vec2f(0.0);
}

// From the sRGB curve to linear light, IEC 61966-2-1.
fn linear_light(colour: vec3f) -> vec3f {
    return select(pow((colour + 0.055) / 1.055, vec3f(2.4)), colour / 12.92, colour <= vec3f(0.04045));
}

@fragment
fn show(@builtin(position) place: vec4f) -> @location(0) vec4f {
    let screen = vec2i(place.xy) - look.place.xy;
    // The wipe: the other side belongs to another picture.
    if screen.x < look.upright.z || screen.x >= look.upright.w {
        discard;
    }
    // Twice the distance from the middle is a whole number, so that every pixel lands on a pixel.
    let twice = 2 * screen + 1 - look.place.zw;
    let step = vec2i(dot(look.turn.xy, twice), dot(look.turn.zw, twice));
    let at = (step + look.upright.xy - 1) / 2;

    var colour = look.background.rgb;
    if is_inside(look.film_area, at) {
        var value = textureLoad(film, at, 0).r;
        if is_inside(look.change_area, at) {
            value += look.window.z * textureLoad(change, at, 0).r;
        }
        var level = floor(brightness(value) * 255.0 + 0.5);
        level = select(level, 255.0 - level, look.modes.y == 1);
        colour = floor(textureLoad(colours, vec2i(i32(level), 0), 0).rgb * 255.0 + 0.5);
    }
    if is_inside(look.map_area, at) {
        let value = textureLoad(map, at, 0).r;
        colour = lay(colour, select(look.added.rgb, look.removed.rgb, value < 0.0), heat_of(value));
        if look.modes.z == 1 {
            let strengths = outline_at(at);
            colour = lay(colour, look.halo.rgb, strengths.x);
            colour = lay(colour, look.line.rgb, strengths.y);
        }
    }
    colour /= 255.0;
    if look.modes.w == 1 {
        colour = linear_light(colour);
    }
    return vec4f(colour, 1.0);
}

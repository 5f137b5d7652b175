// A plane sampled at the screen's pixels, one axis at a time: first down its columns, then across the rows of that.
// The weights come from `core/src/display/sample.rs`, which is also the reference that this is tested against.

// The plane in tiles, or what the first pass left.
@group(0) @binding(0) var source: texture_2d_array<f32>;
// For each screen pixel of the axis in x, downwards: first sample, number of samples, and two weights; then four
// weights each.
@group(0) @binding(1) var taps: texture_2d<f32>;

struct Pass {
    // The screen pixel that the first taps belong to.
    first: i32,
    // What is added to a target's place along the other axis (down) or subtracted from a sample's (across).
    offset: i32,
    // The last sample along the axis: weights beyond it are zero.
    last: i32,
    // Tiles are 2^shift pixels wide and high, and this many stand in a row.
    shift: u32,
    tiles: u32,
    unused_a: u32,
    unused_b: u32,
    unused_c: u32,
}
@group(0) @binding(2) var<uniform> step: Pass;

@vertex
fn whole(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    // One triangle that covers the target.
    return vec4f(f32((index << 1u) & 2u) * 2.0 - 1.0, f32(index & 2u) * 2.0 - 1.0, 0.0, 1.0);
}

fn sample(at: vec2i) -> f32 {
    let tile = vec2u(at) >> vec2u(step.shift);
    let inside = at - vec2i(tile << vec2u(step.shift));
    return textureLoad(source, inside, i32(tile.y * step.tiles + tile.x), 0).r;
}

fn down_at(x: i32, y: i32) -> f32 {
    return sample(vec2i(x, min(y, step.last)));
}

@fragment
fn down(@builtin(position) place: vec4f) -> @location(0) f32 {
    let pixel = vec2i(place.xy);
    let x = pixel.x + step.offset;
    let line = pixel.y - step.first;
    let head = textureLoad(taps, vec2i(line, 0), 0);
    let start = i32(head.x);
    let count = i32(head.y);
    var sum = head.z * down_at(x, start) + head.w * down_at(x, start + 1);
    for (var k = 2; k < count; k += 4) {
        let weights = textureLoad(taps, vec2i(line, (k + 2) / 4), 0);
        let y = start + k;
        sum += dot(weights, vec4f(down_at(x, y), down_at(x, y + 1), down_at(x, y + 2), down_at(x, y + 3)));
    }
    return sum;
}

fn across_at(x: i32, y: i32) -> f32 {
    return textureLoad(source, vec2i(min(x, step.last) - step.offset, y), 0, 0).r;
}

@fragment
fn across(@builtin(position) place: vec4f) -> @location(0) f32 {
    let pixel = vec2i(place.xy);
    let line = pixel.x - step.first;
    let head = textureLoad(taps, vec2i(line, 0), 0);
    let start = i32(head.x);
    let count = i32(head.y);
    var sum = head.z * across_at(start, pixel.y) + head.w * across_at(start + 1, pixel.y);
    for (var k = 2; k < count; k += 4) {
        let weights = textureLoad(taps, vec2i(line, (k + 2) / 4), 0);
        let x = start + k;
        let values = vec4f(
            across_at(x, pixel.y), across_at(x + 1, pixel.y), across_at(x + 2, pixel.y), across_at(x + 3, pixel.y),
        );
        sum += dot(weights, values);
    }
    return sum;
}

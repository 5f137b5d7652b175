// A picture out of the numbers of a tensor, on the device that computed them: no number is read back.
// In: samples row by row. Out: one R32Float pixel each. The reference is the plane that the same tensor is read into.

@group(0) @binding(0) var<storage, read> samples: array<u32>;

struct Picture {
    // Samples in a row.
    width: u32,
    // What stands for samples that are no finite numbers.
    nothing: f32,
    unused_a: u32,
    unused_b: u32,
}
@group(0) @binding(1) var<uniform> picture: Picture;

@vertex
fn whole(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    // One triangle that covers the target.
    return vec4f(f32((index << 1u) & 2u) * 2.0 - 1.0, f32(index & 2u) * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn sample(@builtin(position) place: vec4f) -> @location(0) vec4f {
    let bits = samples[u32(place.y) * picture.width + u32(place.x)];
    // By its bits: shaders may take it for granted that every float is a number.
    if (bits & 0x7f800000u) == 0x7f800000u {
        return vec4f(picture.nothing, 0.0, 0.0, 1.0);
    }
    return vec4f(bitcast<f32>(bits), 0.0, 0.0, 1.0);
}

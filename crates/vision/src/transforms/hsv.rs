//! Hue of u8 images, by way of Pillow's HSV conversions.

use super::color::Planes;

impl Planes {
    /// Turns every hue by a part of the circle, -0.5 to 0.5. Grey has none.
    pub fn adjust_hue(&mut self, factor: f64) {
        let turn = (factor * 255.0) as i32 as u8;
        let Some([red, green, blue]) = self.rgb_mut() else {
            return;
        };
        for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
            let [hue, saturation, value] = to_hsv([*r, *g, *b]);
            [*r, *g, *b] = to_rgb([hue.wrapping_add(turn), saturation, value]);
        }
    }
}

/// `rgb2hsv_row` of Pillow's `Convert.c`: steps in f32 where it has a float, in f64 where a
/// constant makes it a double.
fn to_hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let (largest, smallest) = (r.max(g).max(b), r.min(g).min(b));
    if largest == smallest {
        return [0, 0, largest];
    }
    let range = f32::from(largest - smallest);
    let saturation = range / f32::from(largest);
    let below = |c: u8| f32::from(largest - c) / range;
    let (rc, gc, bc) = (below(r), below(g), below(b));
    let hue = if r == largest {
        bc - gc
    } else if g == largest {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    let hue = ((f64::from(hue) / 6.0 + 1.0) % 1.0) as f32;
    let byte = |x: f32| (f64::from(x) * 255.0) as u8;
    [byte(hue), byte(saturation), largest]
}

/// `hsv2rgb` of the same.
fn to_rgb([h, s, v]: [u8; 3]) -> [u8; 3] {
    if s == 0 {
        return [v, v, v];
    }
    let hue = (f64::from(h) * 6.0 / 255.0) as f32;
    let sector = hue.floor();
    let f = f64::from(hue - sector);
    let s = f64::from((f64::from(s) / 255.0) as f32);
    let value = f64::from(v);
    let p = (value * (1.0 - s)).round() as u8;
    let q = (value * (1.0 - s * f)).round() as u8;
    let t = (value * (1.0 - s * (1.0 - f))).round() as u8;
    match sector as u32 % 6 {
        0 => [v, t, p],
        1 => [q, v, p],
        2 => [p, v, t],
        3 => [p, q, v],
        4 => [t, p, v],
        _ => [v, p, q],
    }
}

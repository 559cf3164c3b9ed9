//! Brightness, contrast and saturation of u8 images, as Pillow's `ImageEnhance`.

/// An image of one or three planes.
pub(super) struct Planes {
    pub bytes: Vec<u8>,
    pub channels: usize,
}

impl Planes {
    /// Pixels of a plane.
    pub fn pixels(&self) -> usize {
        self.bytes.len() / self.channels.max(1)
    }

    /// Red, green and blue.
    pub fn rgb_mut(&mut self) -> Option<[&mut [u8]; 3]> {
        let pixels = self.pixels();
        if self.channels != 3 || pixels == 0 {
            return None;
        }
        let mut planes = self.bytes.chunks_exact_mut(pixels);
        Some([planes.next()?, planes.next()?, planes.next()?])
    }

    /// Pillow's conversion to grey.
    pub fn grey(&self) -> Vec<u8> {
        if self.channels != 3 {
            return self.bytes.clone();
        }
        let pixels = self.pixels();
        let (red, others) = self.bytes.split_at(pixels);
        let (green, blue) = others.split_at(pixels);
        let weighted = |((&r, &g), &b): ((&u8, &u8), &u8)| {
            let sum = u32::from(r) * 19595 + u32::from(g) * 38470 + u32::from(b) * 7471;
            ((sum + 0x8000) >> 16) as u8
        };
        red.iter().zip(green).zip(blue).map(weighted).collect()
    }

    pub fn adjust_brightness(&mut self, factor: f64) {
        for byte in &mut self.bytes {
            *byte = blend(0, *byte, factor as f32);
        }
    }

    pub fn adjust_contrast(&mut self, factor: f64) {
        let grey = self.grey();
        if grey.is_empty() {
            return;
        }
        let sum: u64 = grey.iter().map(|&b| u64::from(b)).sum();
        let mean = (sum as f64 / grey.len() as f64 + 0.5) as u8;
        for byte in &mut self.bytes {
            *byte = blend(mean, *byte, factor as f32);
        }
    }

    pub fn adjust_saturation(&mut self, factor: f64) {
        let grey = self.grey();
        let Some(planes) = self.rgb_mut() else {
            return;
        };
        for plane in planes {
            for (byte, &grey) in plane.iter_mut().zip(&grey) {
                *byte = blend(grey, *byte, factor as f32);
            }
        }
    }
}

/// Between two values, or beyond the second, cut to a byte.
fn blend(zero: u8, one: u8, factor: f32) -> u8 {
    let (zero, one) = (f32::from(zero), f32::from(one));
    // A cast cuts the fraction, and what is below 0 or above 255.
    (zero + factor * (one - zero)) as u8
}

//! Convolutions with every number of channels from 1 to 130, at a few image sizes.

use pleach_kernels::ConvShape;

use crate::conv::check;
use crate::harness::on_every_isa;

/// Images, kernels, strides and paddings.
const SHAPES: [([usize; 2], usize, usize, usize); 6] = [
    ([7, 7], 3, 1, 1),
    ([14, 13], 1, 1, 0),
    ([9, 10], 3, 2, 1),
    ([3, 3], 3, 1, 1),
    ([12, 5], 1, 2, 0),
    ([19, 31], 2, 2, 0),
];

#[test]
fn convolutions_with_every_number_of_channels_match_plain_loops() {
    let name = "channels::convolutions_with_every_number_of_channels_match_plain_loops";
    on_every_isa(name, |run| {
        for channels in run.channels() {
            for (i, (image, kernel, stride, padding)) in SHAPES.into_iter().enumerate() {
                // Many inputs, many outputs, both, or a group for each.
                let kinds = [
                    [channels, 1 + channels % 5, 1],
                    [1 + channels % 7, channels, 1],
                    [channels, 131 - channels, 1],
                    [channels, channels, channels],
                    [channels, 2 * channels, channels],
                ];
                for (j, [c_in, c_out, groups]) in kinds.into_iter().enumerate() {
                    let case = channels + i + j;
                    if !run.takes(case) {
                        continue;
                    }
                    let batch = 1 + (channels / 3 + i) % 3;
                    let shape = ConvShape::new(batch, [c_in, c_out], image, [kernel; 2])
                        .with_stride([stride; 2])
                        .with_padding([padding; 2])
                        .with_groups(groups);
                    match (channels / 5 + i + j) % 4 {
                        0 => check::<f64>(&shape, case),
                        _ => check::<f32>(&shape, case),
                    }
                }
            }
        }
    });
}

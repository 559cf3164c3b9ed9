//! `torch.nn.functional`: layers as functions.

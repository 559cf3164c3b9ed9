//! What is in no table of gradients, and why.

const WHOLE: &str = "its results are truth values, positions, counts or other whole numbers";
const NONE: &str = "PyTorch has no gradient of it either";
const NEW: &str = "it makes a tensor of its own values";
const DRAWN_VALUES: &str = "its values are drawn: nothing flows back";
const ACCESS: &str = "it returns no tensor, or one without its history";
const GRADIENTS: &str = "it computes, checks or steers gradients: see crates/core/tests/autograd.rs and second_derivatives.rs";
const ROUNDED: &str = "its rounding is too coarse for differences; crates/core/tests/gradcheck_views.rs has its gradient";
const MODULES: &str =
    "it works on modules and parameters; what they compute then is in the table of layers";
const TEXT: &str = "it makes text of values, or checks arguments";

/// Names, with a space between, and the reason.
pub const FUNCTIONS: &[(&str, &str)] = &[
    (
        "Tensor::all Tensor::all_dim Tensor::allclose Tensor::any Tensor::any_dim Tensor::eq Tensor::equal Tensor::ge \
         Tensor::gt Tensor::isclose Tensor::isfinite Tensor::isin Tensor::isinf Tensor::isnan Tensor::isneginf \
         Tensor::isposinf Tensor::le Tensor::logical_and Tensor::logical_not Tensor::logical_or Tensor::logical_xor \
         Tensor::lt Tensor::ne Tensor::signbit",
        WHOLE,
    ),
    (
        "Tensor::argmax Tensor::argmax_dim Tensor::argmin Tensor::argmin_dim Tensor::argsort Tensor::argwhere \
         Tensor::bucketize Tensor::count_nonzero Tensor::count_nonzero_dim Tensor::nonzero Tensor::nonzero_as_tuple \
         Tensor::repeat_positions Tensor::searchsorted Tensor::where_true one_hot",
        WHOLE,
    ),
    (
        "Tensor::bool Tensor::byte Tensor::char Tensor::int Tensor::long Tensor::short",
        WHOLE,
    ),
    (
        "Tensor::floor_divide Tensor::floor_divide_ Tensor::heaviside Tensor::heaviside_ Tensor::histc Tensor::histogram Tensor::histogram_edges Tensor::unique \
         Tensor::unique_consecutive Tensor::unique_consecutive_dim Tensor::unique_dim",
        NONE,
    ),
    ("Tensor::float Tensor::half Tensor::bfloat16", ROUNDED),
    (
        "Tensor::arange Tensor::arange_of Tensor::arange_step Tensor::eye Tensor::eye_rect Tensor::from_buffer \
         Tensor::from_le_bytes Tensor::from_slice Tensor::from_vec Tensor::full Tensor::full_like Tensor::full_of \
         Tensor::linspace Tensor::linspace_of Tensor::logspace Tensor::logspace_of Tensor::new_full Tensor::new_ones \
         Tensor::new_zeros Tensor::ones Tensor::ones_like Tensor::ones_of Tensor::scalar Tensor::tril_indices \
         Tensor::triu_indices Tensor::zeros Tensor::zeros_like Tensor::zeros_of",
        NEW,
    ),
    (
        "Tensor::try_arange Tensor::try_eye Tensor::try_eye_rect Tensor::try_from_array Tensor::try_from_buffer \
         Tensor::try_full Tensor::try_full_like Tensor::try_full_of Tensor::try_linspace Tensor::try_linspace_of \
         Tensor::try_logspace Tensor::try_logspace_of Tensor::try_new_full Tensor::try_new_ones Tensor::try_new_zeros \
         Tensor::try_ones Tensor::try_ones_like Tensor::try_ones_of Tensor::try_scalar Tensor::try_zeros \
         Tensor::try_zeros_like Tensor::try_zeros_of",
        NEW,
    ),
    (
        "Tensor::bernoulli Tensor::bernoulli_ Tensor::exponential_ Tensor::multinomial Tensor::normal Tensor::normal_ \
         Tensor::rand Tensor::rand_like Tensor::rand_of Tensor::randint Tensor::randint_like Tensor::randint_of \
         Tensor::randn Tensor::randn_like Tensor::randn_of Tensor::random_ Tensor::random_range_ Tensor::randperm \
         Tensor::sample_from Tensor::try_rand Tensor::try_randn Tensor::try_randperm Tensor::uniform_",
        DRAWN_VALUES,
    ),
    (
        "Tensor::array Tensor::as_mut_slice Tensor::as_slice Tensor::detach Tensor::dtype Tensor::grad Tensor::grad_fn \
         Tensor::is_contiguous Tensor::is_leaf Tensor::item Tensor::item_i64 Tensor::numel Tensor::rank \
         Tensor::requires_grad Tensor::shape Tensor::shares_memory_with Tensor::size Tensor::storage_id \
         Tensor::storage_len Tensor::storage_offset Tensor::strides Tensor::to_array Tensor::to_le_bytes Tensor::to_vec \
         Tensor::to_vec_f64 Tensor::try_to_le_bytes Tensor::try_to_vec_f64 Tensor::update Tensor::update_slice \
         Tensor::value_id slice",
        ACCESS,
    ),
    (
        "Tensor::backward Tensor::backward_retain_graph Tensor::backward_with Tensor::register_hook \
         Tensor::requires_grad_ Tensor::retain_grad Tensor::set_grad apply backward detect_anomaly enable_grad grad \
         grad_allow_unused gradcheck gradgradcheck hessian is_grad_enabled jacobian jvp no_grad vjp",
        GRADIENTS,
    ),
    (
        "cached clip_grad_norm_ clip_grad_value_ clip_grads_with_norm_ custom_from_mask embedding_renorm_ fuse \
         fuse_conv_bn fuse_linear_bn get_total_norm global_unstructured identity is_parametrized is_pruned ln_structured \
         random_structured random_unstructured register_parametrization register_parametrization_unchecked remove \
         remove_parametrizations same skip_init summary summary_of vector_to_parameters",
        MODULES,
    ),
    (
        "check_bernoulli check_exponential check_normal check_room check_uniform checked_numel fixed general \
         initial_seed is_tracing manual_seed print_options profile python_bool python_float python_list python_str \
         python_tuple random_bounds record scientific set_print_options size_text tolist_text trace with_print_options",
        TEXT,
    ),
];

const ALL_DIMENSIONS: &str =
    "it is one source for 1, 2 and 3 dimensions, each of which is in the table";
const NO_LAYER: &str = "it is no layer";

/// The names of layers and losses, and the reason.
pub const LAYERS: &[(&str, &str)] = &[
    (
        "AdaptiveAvgPool AdaptiveMaxPool AvgPool BatchNorm CircularPad ConstantPad Conv ConvNd ConvTranspose \
         FractionalMaxPool InstanceNorm LPPool LazyBatchNorm LazyConvNd LazyInstanceNorm MaxPool MaxUnpool ReflectionPad ReplicationPad \
         ZeroPad",
        ALL_DIMENSIONS,
    ),
    ("KlDivReduction Lazy LazyLayer Loss Reduction", NO_LAYER),
];

/// What has first derivatives alone, as in PyTorch.
pub const ONCE: &[&str] = &[
    "F::multi_margin_loss",
    "F::multilabel_margin_loss",
    "F::ctc_loss",
    "MultiMarginLoss",
    "MultiLabelMarginLoss",
    "CTCLoss",
];

/// What draws random numbers for the elements in the order of memory, as PyTorch does.
pub const DRAWN: &[&str] = &["F::dropout", "F::alpha_dropout", "F::rrelu"];

"""Writes the public names of PyTorch that the page "What is there" goes through.

    python tests/interop/names.py > tests/public_api/torch_names.json
"""

import inspect
import json
import re

import torch
import torch.nn.functional as F
import torch.utils.data


def classes(module, base):
    found = vars(module).items()
    return sorted(n for n, c in found if inspect.isclass(c) and issubclass(c, base) and not n.startswith("_"))


def functions(module):
    """Names without a leading underscore, less those that are old spellings or not for users."""
    skipped = {"assert_int_or_pair", "boolean_dispatch", "handle_torch_function", "has_torch_function"}
    found = (n for n in dir(module) if callable(getattr(module, n)) and not inspect.isclass(getattr(module, n)))
    return sorted(n for n in found if n[0] != "_" and n not in skipped and not n.startswith("has_torch"))


# Methods that PyTorch's page of torch.Tensor does not explain, or that are about devices, quantized,
# sparse, named or complex tensors.
FOREIGN = (
    "coalesce col_indices ccol_indices crow_indices row_indices cuda cpu xpu ipu mtia is_cuda dense_dim sparse_dim "
    "dequantize fix_ q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qscheme "
    "int_repr is_coalesced is_sparse align_as align_to rename rename_ refine_names has_names names pin_memory is_pinned "
    "conj conj_physical conj_physical_ resolve_conj is_conj is_neg resolve_neg imag real cfloat cdouble chalf "
    "record_stream share_memory_ is_shared module_load reinforce smm sspaddmm sparse_mask sparse_resize_ "
    "sparse_resize_and_clear_ to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr to_mkldnn "
    "to_padded_tensor values indices as_subclass dim_order is_distributed is_inference is_same_size is_set_to istft stft "
    "geqrf ormqr orgqr lu lu_solve cholesky_inverse cholesky_solve svd symeig eig lstsq solve matrix_rank "
    "apply_ map_ map2_ storage storage_type untyped_storage type_as new new_tensor resize resize_ resize_as resize_as_ "
    "resize_as_sparse_ set_ swapaxes_ swapdims_ ger nelement ndimension data_ptr element_size is_complex is_signed "
    "angle absolute absolute_ arccos arccos_ arccosh arccosh_ arcsin arcsin_ arcsinh arcsinh_ arctan arctan2 arctan2_ "
    "arctan_ arctanh arctanh_ clip clip_ concat concatenate divide divide_ greater greater_ greater_equal "
    "greater_equal_ less less_ less_equal less_equal_ multiply multiply_ negative negative_ not_equal not_equal_ "
    "subtract subtract_ true_divide_ swapaxes swapdims adjoint matrix_H mH H moveaxis vsplit hsplit dsplit slogdet "
    "logdet det inverse pinverse qr cholesky triangular_solve matrix_power matrix_exp unsafe_chunk unsafe_split "
    "unsafe_split_with_sizes retains_grad slice_inverse slice_scatter squeeze_copy hash_tensor"
).split()


# Of pipes of data, which PyTorch itself took back.
FOREIGN_DATA = re.compile("DataPipe|DataChunk|_DatasetKind|determinis|runtime_validation|argument_validation|functional_datapipe")


# Old names, and what docs/src/left-out.md explains.
LEFT_OUT = ("Container", "NLLLoss2d", "CrossMapLRN2d")


def methods():
    found = (n for n in dir(torch.Tensor) if callable(getattr(torch.Tensor, n)))
    return sorted(n for n in found if n[0] != "_" and n not in FOREIGN)


pages = {
    "torch.nn": [n for n in classes(torch.nn, torch.nn.Module) if n not in LEFT_OUT],
    "torch.nn.functional": [n for n in functions(F) if n in F.__dict__ and n != "Optional"],
    "torch.nn.init": [n for n in functions(torch.nn.init) if n.endswith("_") or n == "calculate_gain"],
    "torch.nn.utils": [n for n in functions(torch.nn.utils) if n not in ("clip_grad_norm", "weight_norm")],
    "torch.optim": classes(torch.optim, torch.optim.Optimizer),
    "torch.optim.lr_scheduler": classes(torch.optim.lr_scheduler, torch.optim.lr_scheduler.LRScheduler),
    "torch.utils.data": sorted(n for n in torch.utils.data.__all__ if not FOREIGN_DATA.search(n)),
    "torch.Tensor": methods(),
}
print(json.dumps({"torch": torch.__version__.split("+")[0], "pages": pages}, indent=1))

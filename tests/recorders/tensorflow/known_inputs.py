"""Inputs for operations of TensorFlow whose arguments must fit one another: no chance finds them."""

from __future__ import annotations

from typing import Any

import numpy as np

Arguments = dict[str, Any]


def real(*shape: int) -> Any:
    return np.random.default_rng(0).uniform(0.2, 0.8, shape).astype("float32")


def whole(*numbers: Any) -> Any:
    return np.array(numbers, "int32")


def long(*numbers: Any) -> Any:
    return np.array(numbers, "int64")


IMAGES = real(1, 4, 4, 3)
AT = long([0, 0], [1, 1])  # two places of a sparse matrix of 2 x 2
SIZE = long(2, 2)
SEGMENTS = {"data": real(4, 2), "indices": whole(0, 1, 3), "segment_ids": whole(0, 0, 1)}
SEGMENT_GRADIENT = {
    "grad": real(2, 2),
    "indices": whole(0, 1, 3),
    "segment_ids": whole(0, 0, 1),
    "output_dim0": np.int32(4),
}
SPARSE = {"sp_indices": AT, "sp_values": real(2), "sp_shape": SIZE, "dense": real(2, 2)}
TWO_SPARSE = {
    f"{which}_{key}": value for which in "ab" for key, value in (("indices", AT), ("values", real(2)), ("shape", SIZE))
}
NORMAL = {"scale": real(3), "offset": real(3), "mean": real(0), "variance": real(0)}
NORMAL_GRADIENT = {
    "y_backprop": real(1, 4, 4, 3), "x": IMAGES, "scale": real(3), "reserve_space_1": real(3),
    "reserve_space_2": real(3),
}  # fmt: skip
VOLUME = real(1, 4, 4, 4, 2)
WINDOWS = {"ksize": [1, 2, 2, 2, 1], "strides": [1, 2, 2, 2, 1], "padding": "VALID"}
STRIDED = {"begin": whole(0, 1), "end": whole(2, 3), "strides": whole(1, 1)}
BOXES = {"boxes": np.array([[0, 0, 0.5, 0.5]], "float32"), "box_ind": whole(0), "crop_size": whole(2, 2)}
CELLS = {
    "x": real(1, 2), "cs_prev": real(1, 3), "h_prev": real(1, 3), "w": real(5, 12), "wci": real(3), "wcf": real(3),
    "wco": real(3), "b": real(12),
}  # fmt: skip
SERIES = {**CELLS, "seq_len_max": np.int64(2), "x": real(2, 1, 2)}
LABELS = {"labels_indices": long([0, 0], [0, 1]), "labels_values": whole(0, 1), "sequence_length": whole(4)}
MOVES = np.array([[1, 0, 0.5, 0, 1, 0.5, 0, 0]], "float32")
DIAGONAL = {"k": np.int32(0), "padding_value": np.float32(0)}

KNOWN: dict[str, Arguments] = {
    "AdjustContrastv2": {"images": IMAGES, "contrast_factor": np.float32(2)},
    "BatchToSpace": {"input": real(4, 1, 1, 2), "crops": whole([0, 0], [0, 0]), "block_size": 2},
    "BatchToSpaceND": {"input": real(4, 1, 1, 2), "block_shape": whole(2, 2), "crops": whole([0, 0], [0, 0])},
    "BlockLSTM": SERIES,
    "BlockLSTMV2": SERIES,
    "CTCLoss": {"inputs": real(4, 1, 3), **LABELS},
    "Conv2D": {"input": IMAGES, "filter": real(2, 2, 3, 2), "strides": [1, 1, 1, 1], "padding": "SAME"},
    "CropAndResize": {"image": IMAGES, **BOXES},
    "DepthToSpace": {"input": real(1, 2, 2, 4), "block_size": 2},
    "Dilation2D": {
        "input": IMAGES, "filter": real(2, 2, 3), "strides": [1, 1, 1, 1], "rates": [1, 1, 1, 1], "padding": "SAME",
    },
    "Einsum": {"inputs": [real(2, 3), real(3, 2)], "equation": "ab,bc->ac"},
    "ExtractGlimpse": {"input": IMAGES, "size": whole(2, 2), "offsets": real(1, 2)},
    "FractionalAvgPool": {"value": IMAGES, "pooling_ratio": [1.0, 1.5, 1.5, 1.0]},
    "FractionalMaxPool": {"value": IMAGES, "pooling_ratio": [1.0, 1.5, 1.5, 1.0]},
    "FusedBatchNorm": {"x": IMAGES, **NORMAL},
    "FusedBatchNormGrad": NORMAL_GRADIENT,
    "FusedBatchNormGradV2": NORMAL_GRADIENT,
    "FusedBatchNormGradV3": {**NORMAL_GRADIENT, "reserve_space_3": real(0)},
    "FusedBatchNormV2": {"x": IMAGES, **NORMAL},
    "FusedResizeAndPadConv2D": {
        "input": IMAGES, "size": whole(4, 4), "paddings": whole([0, 0], [0, 0], [0, 0], [0, 0]),
        "filter": real(2, 2, 3, 2), "mode": "REFLECT", "strides": [1, 1, 1, 1], "padding": "VALID",
    },
    "ImageProjectiveTransformV2": {
        "images": IMAGES, "transforms": MOVES, "output_shape": whole(4, 4), "interpolation": "BILINEAR",
    },
    "ImageProjectiveTransformV3": {
        "images": IMAGES, "transforms": MOVES, "output_shape": whole(4, 4), "fill_value": np.float32(0),
        "interpolation": "BILINEAR",
    },
    "LinSpace": {"start": np.float32(0), "stop": np.float32(1), "num": np.int32(3)},
    "MatrixDiagPartV3": {"input": real(3, 3), **DIAGONAL},
    "MatrixDiagV2": {"diagonal": real(3), "num_rows": np.int32(3), "num_cols": np.int32(3), **DIAGONAL},
    "MatrixDiagV3": {"diagonal": real(3), "num_rows": np.int32(3), "num_cols": np.int32(3), **DIAGONAL},
    "MatrixSetDiagV2": {"input": real(3, 3), "diagonal": real(3), "k": np.int32(0)},
    "MatrixSetDiagV3": {"input": real(3, 3), "diagonal": real(3), "k": np.int32(0)},
    "MaxPool3DGrad": {"orig_input": VOLUME, "orig_output": real(1, 2, 2, 2, 2), "grad": real(1, 2, 2, 2, 2), **WINDOWS},
    "MaxPoolGradV2": {
        "orig_input": IMAGES, "orig_output": real(1, 2, 2, 3), "grad": real(1, 2, 2, 3), "ksize": whole(1, 2, 2, 1),
        "strides": whole(1, 2, 2, 1), "padding": "VALID",
    },
    "MaxPoolV2": {"input": IMAGES, "ksize": whole(1, 2, 2, 1), "strides": whole(1, 2, 2, 1), "padding": "VALID"},
    "PadV2": {"input": real(2, 2), "paddings": whole([1, 1], [0, 1]), "constant_values": np.float32(0)},
    "Range": {"start": np.float32(0), "limit": np.float32(3), "delta": np.float32(1)},
    "ResizeArea": {"images": IMAGES, "size": whole(2, 2)},
    "ResizeBilinear": {"images": IMAGES, "size": whole(2, 2)},
    "ScaleAndTranslate": {
        "images": IMAGES, "size": whole(2, 2), "scale": np.array([0.5, 0.5], "float32"), "translation": real(2),
    },
    "ScatterNd": {"indices": whole([0], [2]), "updates": real(2, 2), "shape": whole(3, 2)},
    "Slice": {"input": real(3, 3), "begin": whole(0, 1), "size": whole(2, 2)},
    "SpaceToBatch": {"input": real(1, 2, 2, 2), "paddings": whole([0, 0], [0, 0]), "block_size": 2},
    "SpaceToBatchND": {"input": real(1, 2, 2, 2), "block_shape": whole(2, 2), "paddings": whole([0, 0], [0, 0])},
    "SparseAdd": {**TWO_SPARSE, "thresh": np.float32(0)},
    "SparseConcat": {
        "indices": [AT, AT], "values": [real(2), real(2)], "shapes": [SIZE, SIZE], "concat_dim": 0,
    },
    "SparseDenseCwiseDiv": SPARSE,
    "SparseDenseCwiseMul": SPARSE,
    "SparseFillEmptyRows": {"indices": AT, "values": real(2), "dense_shape": SIZE, "default_value": np.float32(0)},
    "SparseReorder": {"input_indices": AT, "input_values": real(2), "input_shape": SIZE},
    "SparseSegmentMeanGrad": SEGMENT_GRADIENT,
    "SparseSegmentMeanWithNumSegments": {**SEGMENTS, "num_segments": np.int32(2)},
    "SparseSegmentSqrtNGrad": SEGMENT_GRADIENT,
    "SparseSegmentSqrtNWithNumSegments": {**SEGMENTS, "num_segments": np.int32(2)},
    "SparseSegmentSumGrad": SEGMENT_GRADIENT,
    "SparseSegmentSumWithNumSegments": {**SEGMENTS, "num_segments": np.int32(2)},
    "SparseSlice": {"indices": AT, "values": real(2), "shape": SIZE, "start": long(0, 0), "size": long(1, 2)},
    "SparseSoftmax": {"sp_indices": AT, "sp_values": real(2), "sp_shape": SIZE},
    "SparseTensorDenseMatMul": {"a_indices": AT, "a_values": real(2), "a_shape": SIZE, "b": real(2, 2)},
    "Split": {"axis": np.int32(0), "value": real(4, 2), "num_split": 2},
    "SplitV": {"value": real(3, 2), "size_splits": whole(1, 2), "axis": np.int32(0), "num_split": 2},
    "StridedSlice": {"input": real(3, 3), **STRIDED},
    "TensorStridedSliceUpdate": {"input": real(3, 3), **STRIDED, "value": real(2, 2)},
    "TopKV2": {"input": real(2, 4), "k": np.int32(2)},
    "TridiagonalSolve": {"diagonals": real(3, 3) + 1, "rhs": real(3, 2)},
}  # fmt: skip

"""ONNX files: written by torch's exporter, run by onnxruntime, quantized to int8."""

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnlab.errors import ConfigError
from rnnlab.exports.form import Program
from rnnlab.spec import Array

OPSET = 18
INSTALL = "pip install 'rnnlab[export]'"
NUMPY_TYPES = {"tensor(int64)": np.int64, "tensor(float)": np.float32, "tensor(double)": np.float64}


def check_installation() -> None:
    """Check that the packages are there.

    Raises:
        ConfigError: one is missing.
    """
    try:
        import onnx  # noqa: F401, the exporter imports it
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"--format onnx: needs the packages onnx and onnxruntime ({error.name} is missing): "
            f"{INSTALL}"
        ) from error


def write_onnx(program: Program, path: Path) -> None:
    """Write a program as an ONNX file.

    The exporter of torch.export (dynamo=True) fixes the number of steps of recurrent layers; the
    older one keeps it.

    Raises:
        ConfigError: the exporter does not know an operation of the network.
    """
    names = [*program.arguments, *program.outputs]
    axes = {name: dict(program.axes[name]) for name in names if name in program.axes}
    try:
        with _prepare_exporter(), torch.no_grad():
            torch.onnx.export(
                program.module,
                tuple(program.arguments.values()),
                str(path),
                dynamo=False,
                input_names=list(program.arguments),
                output_names=list(program.outputs),
                dynamic_axes=axes,
                opset_version=OPSET,
            )
    except (RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0][:300]
        raise ConfigError(
            f"--format onnx: the network cannot be converted ({reason}). Use rnnlab.load in Python"
        ) from error


@contextmanager
def _prepare_exporter() -> Iterator[None]:
    """Silence the exporter, whose result is checked, and teach it to unfold."""
    exporter: Any = torch.onnx
    exporter.register_custom_op_symbolic("aten::unfold", _unfold, OPSET)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.unregister_custom_op_symbolic("aten::unfold", OPSET)


def _unfold(graph: Any, values: Any, dim: Any, size: Any, step: Any) -> Any:
    """Return Tensor.unfold(dim, size, 1) in ONNX for an axis of any size."""
    axis, width = (int(part.node().t("value")) for part in (dim, size))
    rank = values.type().dim()

    def constant(value: int | list[int]) -> Any:
        return graph.op("Constant", value_t=torch.tensor(value))

    length = graph.op("Gather", graph.op("Shape", values), constant(axis), axis_i=0)
    count = graph.op("Sub", length, constant(width - 1))
    starts = graph.op("Range", constant(0), count, constant(1))
    offsets = constant(list(range(width)))
    places = graph.op("Add", graph.op("Unsqueeze", starts, constant([1])), offsets)
    windows = graph.op("Gather", values, places, axis_i=axis)  # (..., windows, width, ...)
    order = [*range(axis + 1), *range(axis + 2, rank + 1), axis + 1]
    return graph.op("Transpose", windows, perm_i=order)


class OnnxFile:
    """An ONNX file that is run by onnxruntime on the CPU."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # errors are raised
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        self.types = {part.name: NUMPY_TYPES.get(part.type) for part in self.session.get_inputs()}

    def __call__(self, inputs: Mapping[str, Any]) -> list[Array]:
        """Return the outputs for inputs, tensors or arrays."""
        arrays = {name: np.asarray(inputs[name], dtype=dtype) for name, dtype in self.types.items()}
        outputs: list[Array] = self.session.run(None, arrays)
        return outputs


def quantize_onnx(source: Path, target: Path) -> None:
    """Write a copy of an ONNX file with weights of 8 bits; activations are quantized when run."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it recommends a preparation that shapes of any size prevent
    try:
        quantize_dynamic(source, target, weight_type=QuantType.QInt8)
    finally:
        logging.disable(logging.NOTSET)

"""Export the network of a run."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rnnlab.data.base import DataModule
from rnnlab.data.processors.base import PROCESSOR_FILE
from rnnlab.data.series.features import SeriesFeatures
from rnnlab.errors import ConfigError
from rnnlab.exports.examples import find_example, write_inputs
from rnnlab.exports.folder import (
    copy_example,
    describe_program,
    write_folder,
    write_states,
    write_tokenizer,
)
from rnnlab.exports.form import Execute, Form, Program
from rnnlab.exports.language_models import LanguageModelForm
from rnnlab.exports.onnx_files import OnnxFile, check_installation, quantize_onnx, write_onnx
from rnnlab.exports.parity import PARITY_TOLERANCE, check_parity
from rnnlab.exports.quantization import (
    list_scores,
    plain_scores,
    read_validation,
    score_programs,
)
from rnnlab.exports.sequences import SequenceForm
from rnnlab.exports.steps import StepForm
from rnnlab.exports.torch_files import TorchFile, write_torch
from rnnlab.exports.translations import TranslationForm
from rnnlab.inference.trained_run import TrainedRun
from rnnlab.runtime.files import write_json
from rnnlab.tasks import LanguageModeling, Translation

Format = Literal["onnx", "onnx-step", "torch"]
EXPORT_FORMATS: tuple[Format, ...] = ("onnx", "onnx-step", "torch")
SEARCH_SETTINGS = ("beam_size", "length_penalty")  # of a translator
EXPORT_FILE, EXPORT_FORMAT = "export.json", 1


@dataclass(frozen=True)
class Export:
    """An exported network.

    Attributes:
        folder: of its files.
        difference: the largest one from the network; see check_parity.
        example: arguments of Python that run the example; None where there is none.
        notes: what the user should know.
    """

    folder: Path
    difference: float
    example: str | None
    notes: Sequence[str]


def export_run(
    run: TrainedRun, kind: Format, output: Path | None = None, quantize: bool = False
) -> Export:
    """Export the network of a run, and check that the files compute the same.

    Args:
        run: the trained run.
        kind: see EXPORT_FORMATS and docs/use.md.
        output: new folder; None for `export/<format>` in the folder of the run.
        quantize: weights of 8 bits; only of ONNX.

    Raises:
        ConfigError: the network cannot be exported in this format, the files do not compute the
            same, or the folder cannot be written. Nothing is left behind.
    """
    if quantize and kind == "torch":
        raise ConfigError("--quantize int8: is for --format onnx and onnx-step, not torch")
    if kind != "torch":
        check_installation()
    form = find_form(run, kind)
    name = f"{kind}-int8" if quantize else kind
    path = output or run.folder.path / "export" / name
    with write_folder(path) as folder:
        programs = form.programs()
        files = write_programs(programs, folder, kind)
        difference = check_parity(form, files)
        quantization, notes = _quantize(run, form, folder, files) if quantize else (None, [])
        example, note = find_example(run, kind)
        _write_companions(run, folder, kind, programs, example)
        inputs = write_inputs(run.processor, folder, path) if example else ""
        facts = _facts(run, form, kind, programs, difference)
        write_json(folder / EXPORT_FILE, {**facts, "quantization": quantization})
    command = f"{shlex.quote(str(path / 'example.py'))} {inputs}" if example else None
    return Export(path, difference, command, [*notes, *([note] if note else [])])


def find_form(run: TrainedRun, kind: Format) -> Form:
    """Return the form in which the network of a run is exported.

    Raises:
        ConfigError: there is none for this format.
    """
    task = run.model.task
    if isinstance(task, LanguageModeling):
        return LanguageModelForm(run.model, kind == "onnx-step")
    if isinstance(task, Translation):
        if kind == "onnx-step":
            raise ConfigError(
                "--format onnx-step: an encoder reads its sentence first, and --format onnx has "
                "one step of the decoder already. Use --format onnx"
            )
        return TranslationForm(run.model, has_units=False)
    has_units = isinstance(run.processor, SeriesFeatures)
    return (StepForm if kind == "onnx-step" else SequenceForm)(run.model, has_units)


def write_programs(
    programs: Mapping[str, Program], folder: Path, kind: Format
) -> dict[str, Execute]:
    """Write the files of programs, and return them ready to run."""
    files: dict[str, Execute] = {}
    for name, program in programs.items():
        path = folder / f"{name}.{'pt2' if kind == 'torch' else 'onnx'}"
        (write_torch if kind == "torch" else write_onnx)(program, path)
        files[name] = (TorchFile if kind == "torch" else OnnxFile)(path)
    return files


def _quantize(
    run: TrainedRun, form: Form, folder: Path, files: Mapping[str, Execute]
) -> tuple[dict[str, Any], list[str]]:
    """Replace the files by those with weights of 8 bits, and measure the loss in score."""
    data = read_validation(form, run.folder)
    before = score_programs(form, files, data) if isinstance(data, DataModule) else {}
    small: dict[str, Execute] = {}
    for name in files:
        path, exact = folder / f"{name}.onnx", folder / f"{name}.exact.onnx"
        path.rename(exact)
        quantize_onnx(exact, path)
        exact.unlink()
        small[name] = OnnxFile(path)
    if not isinstance(data, DataModule):
        note = f"the loss in score of int8 is not known, because the data cannot be read: {data}"
        return {"weights": "int8", "scores": None, "reason": data}, [note]
    after = score_programs(form, small, data)
    facts = {"weights": "int8", "scores": plain_scores(before, after)}
    return facts, list_scores(before, after)


def _write_companions(
    run: TrainedRun,
    folder: Path,
    kind: Format,
    programs: Mapping[str, Program],
    example: Any,
) -> None:
    """Write what a program needs besides the network."""
    content = (run.folder.path / PROCESSOR_FILE).read_text(encoding="utf-8")
    (folder / PROCESSOR_FILE).write_text(content, encoding="utf-8")
    write_states(folder, programs)
    if example:
        network = f"network_{kind.replace('-', '_')}"
        copy_example(folder, example.name, network, example.module)
        if example.needs_tokenizer:
            write_tokenizer(folder)


def _facts(
    run: TrainedRun,
    form: Form,
    kind: Format,
    programs: Mapping[str, Program],
    difference: float,
) -> dict[str, Any]:
    """Return the content of export.json."""
    task: Any = run.model.task
    return {
        "format_version": EXPORT_FORMAT,
        "format": kind,
        "task": task.name,
        "model": type(run.model).__name__,
        "answer_steps": form.answer_steps,
        "quantiles": list(getattr(task, "quantiles", ())),
        **{name: getattr(task, name) for name in SEARCH_SETTINGS if hasattr(task, name)},
        "target_ratio": task.spec.target_ratio,
        "programs": {name: describe_program(program) for name, program in programs.items()},
        "parity": {"difference": difference, "tolerance": PARITY_TOLERANCE},
    }

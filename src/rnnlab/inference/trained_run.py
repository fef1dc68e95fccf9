"""A trained run: its network, and everything that it needs to read new inputs."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rnnlab.config.overrides import parse_override
from rnnlab.data.processors.base import (
    Network,
    Processor,
    check_sizes,
    check_text,
    load_processor,
    read_texts,
    take_options,
)
from rnnlab.data.processors.language_modeling import LanguageModelingProcessor
from rnnlab.data.processors.reading import advise_reading, change_reading
from rnnlab.data.processors.translation import TranslationProcessor
from rnnlab.errors import ConfigError, DataError, about_file, unknown_name
from rnnlab.experiment.load import load_model
from rnnlab.inference.evaluation import (
    Evaluation,
    batch_size_of,
    evaluate_again,
    evaluate_new,
)
from rnnlab.inference.generation import GenerationConfig, generate_table
from rnnlab.inference.internals import (
    find_attention,
    find_internals,
    find_translation_attention,
)
from rnnlab.inference.networks import find_search, reject_task
from rnnlab.models import RecurrentModel
from rnnlab.report.folder import RunFolder
from rnnlab.runtime.files import expand_path
from rnnlab.runtime.texts import shorten
from rnnlab.spec import Array, Batch
from rnnlab.tasks import LanguageModeling, Translation

if TYPE_CHECKING:
    import pandas as pd

    from rnnlab.data.processors.base import Inputs


DEVICES = ("auto", "cpu", "cuda")


class TrainedRun:
    """A run of the disk, ready for use.

    Args:
        run_dir: folder of the run; neither its data nor the cache is needed.
        checkpoint: best | last.
        device: cpu | cuda | auto (a GPU, if there is one), of the predictions.
        settings: of the reading of new files, where they differ from those of the training, such as
            data.encoding=cp1252 or data.text_column=review.

    Attributes:
        model: the network, in evaluation mode.
        is_tested: these weights were tested; their prediction intervals are known.

    Raises:
        ConfigError: there is no such checkpoint or device, or another version of rnnlab wrote the
            checkpoint.
    """

    def __init__(
        self,
        run_dir: str | Path,
        checkpoint: str = "best",
        device: str = "cpu",
        settings: Sequence[str] = (),
    ) -> None:
        self.folder, self.device = RunFolder(Path(run_dir)), find_device(device)
        self.model: RecurrentModel = load_model(run_dir, checkpoint)
        overrides = [parse_override(word) for word in settings]
        self.settings = {override.key: override.value for override in overrides}
        self.is_tested = checkpoint == "best" or not self.folder.best.exists()

    @cached_property
    def processor(self) -> Processor:
        """Reads new inputs as those of the training; with intervals for the tested weights."""
        processor = load_processor(self.folder.path)
        check_sizes(processor, self.model.task.spec, self.folder.path)
        processor = change_reading(processor, self.settings)
        return processor if self.is_tested else processor.uncalibrate()

    @property
    def report(self) -> dict[str, Any]:
        """The content of report.json."""
        return self.folder.read_report()

    def predict(self, inputs: "Inputs", **options: Any) -> "pd.DataFrame":
        """Return the predictions for new inputs.

        Args:
            inputs: the path of a file, a table, or a list of texts.
            options: of the family of data sets; see the `predict` of its processor.

        Raises:
            ConfigError: an option is invalid, or the run has no processor.
            DataError: the inputs cannot be read.
        """
        import pandas as pd

        parts = list(self.predict_parts(inputs, **options))
        if not parts:
            raise DataError("there are no inputs, so there is nothing to predict")
        if len(parts) == 1:
            return parts[0]
        table = pd.concat(parts, ignore_index=True)
        table.attrs |= parts[-1].attrs
        return table

    def predict_parts(self, inputs: "Inputs", **options: Any) -> "Iterator[pd.DataFrame]":
        """Yield the predictions in parts, for files that are larger than the memory.

        The notes on the data of a part, `attrs["notes"]`, are about all inputs so far.
        """
        check_no_text(inputs)
        with advise_reading(self.processor.reading):
            yield from self.processor.predict(inputs, self.network, **options)

    def generate(
        self,
        prompt: str | Sequence[str] = "",
        tokens: int = 200,
        samples: int = 1,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        specials: bool = False,
    ) -> "pd.DataFrame":
        """Return texts that a language model writes.

        The network reads the end of the training text first, and then the prompt.

        Args:
            prompt: beginning of a text, or several of them.
            tokens: number of tokens to generate.
            samples: texts for each prompt.
            temperature: divides the scores; 0 is greedy.
            top_k: sample from this number of most likely tokens; None for all.
            top_p: sample from tokens of this total probability; None for all.
            seed: of the sampling; the same seed generates the same texts.
            specials: allow <pad>, <unk> and <s>.

        Returns:
            A row for each prompt and sample: `prompt`, `sample` from 1, and `text`, with the
            prompt. An unknown token of the prompt is <unk>; `attrs["notes"]` counts them.

        Raises:
            ConfigError: a setting is out of range, or the run is no language model.
        """
        config = GenerationConfig(tokens, samples, temperature, top_k, top_p, seed, specials)
        processor = self.language_processor
        return generate_table(self.model.to(self.device), processor, as_text_list(prompt), config)

    def perplexity(self, texts: str | Sequence[str], batch_size: int = 64) -> "pd.DataFrame":
        """Return the perplexity of texts under a language model.

        The whole test text has the perplexity of the report: a text is read as the test, from its
        start and with one state. The scores of a text depend on no other one.

        Args:
            texts: as in a file, with line breaks; a text without a line break at the end has no
                token of its end.
            batch_size: texts that are read at the same time.

        Returns:
            A row for each text: `text`; `tokens`; `log_probability`, their sum in nats;
            `perplexity` of a token, exp(-log_probability / tokens), NaN without tokens.

        Raises:
            ConfigError: one is not a text, or the run is no language model.
        """
        processor = self.language_processor
        return processor.score(as_text_list(texts), self.network, batch_size)

    def translate(
        self,
        sentences: str | Sequence[str],
        n_best: int = 1,
        beam_size: int | None = None,
        batch_size: int = 64,
    ) -> "pd.DataFrame":
        """Return translations of sentences by beam search.

        Args:
            sentences: of any length; an empty one has an empty translation.
            n_best: translations of each sentence, at most `beam_size`.
            beam_size: None for that of the run; 1 is greedy.
            batch_size: sentences that are translated at the same time.

        Returns:
            A row for each sentence and translation: `sentence`, `rank` from 1, the best first,
            `translation`, and `score`: the log-probability in nats, divided by the length penalty.
            `attrs["counts"]` has the numbers of `tokens` and of `unknown` ones.

        Raises:
            ConfigError: a setting is out of range, or the run does not translate.
            DataError: a sentence is too long to be one.
        """
        import pandas as pd

        texts, processor = as_text_list(sentences), self.translation_processor
        sizes = n_best, beam_size, batch_size
        candidates, counts = processor.translate(texts, self.network, *sizes)
        rows = [
            (text, rank, *candidate)
            for text, members in zip(texts, candidates, strict=True)
            for rank, candidate in enumerate(members, start=1)
        ]
        table = pd.DataFrame(rows, columns=["sentence", "rank", "translation", "score"])
        table.attrs["counts"] = counts
        return table

    @property
    def language_processor(self) -> LanguageModelingProcessor:
        """The processor of a language model; raises ConfigError for another run."""
        task, command = self.model.task, "python train.py data=kjv model=lstm"
        if not isinstance(task, LanguageModeling):
            message = (
                f"is no language model: only those generate text and score it, such as {command}"
            )
            raise reject_task(self.folder, task, message)
        if not isinstance(self.processor, LanguageModelingProcessor):
            raise ConfigError(about_file(self.folder.path, "its data set reads no text"))
        return self.processor

    @property
    def translation_processor(self) -> TranslationProcessor:
        """The processor of a network that translates; raises ConfigError for another run."""
        task = self.model.task
        if not isinstance(task, Translation):
            message = (
                "does not translate; give the folder of one of task=translation, such as "
                "data=multi30k"
            )
            raise reject_task(self.folder, task, message)
        if not isinstance(self.processor, TranslationProcessor):
            raise ConfigError(about_file(self.folder.path, "its data set reads no sentences"))
        return self.processor

    @property
    def network(self) -> Network:
        """The network as the processor uses it."""
        task = self.model.task
        quantiles, beam_size = getattr(task, "quantiles", ()), getattr(task, "beam_size", 1)
        return Network(self.answer, quantiles, find_search(self.model), beam_size)

    def evaluate(self, data: "Inputs | None" = None, **options: Any) -> Evaluation:
        """Return the scores of the network.

        Args:
            data: a file or a table with targets, with the columns of the training; it is never
                fitted to. None for the run's own test split, whose data is read again.
            options: of the family of data sets; see the `read_targets` of its processor.

        Raises:
            ConfigError: an option is invalid, or with None, the run is not finished.
            DataError: the data cannot be read, or with None, has changed.
        """
        if data is None:
            take_options(options)
            return evaluate_again(self.model, self.folder.path)
        check_no_text(data)
        size = batch_size_of(self.model)
        with advise_reading(self.processor.reading):
            targets = self.processor.read_targets(data, self.model.task.spec, size, **options)
        return evaluate_new(self.model, self.folder.path, targets)

    def attention(self, inputs: "Inputs") -> "pd.DataFrame":
        """Return what the network attends to in each input.

        Args:
            inputs: as for `predict`; sentences of a network that translates.

        Returns:
            A row for each input and step that the network reads: `input` from 0; `place`, layers
            (of model=attention_gru) or pooling (task.pooling=attention); `step` from 1; `token`,
            unless the inputs are numbers; and `weight`, whose sum is 1. For a translation a row for
            each step of the translation, `target_step` and `target_token`, and each `step` and
            `token` of the sentence.

        Raises:
            ConfigError: the network has no attention, or is a language model.
            DataError: the inputs cannot be read.
        """
        check_no_text(inputs)
        if isinstance(self.processor, TranslationProcessor):
            texts = list(read_texts(inputs))
            return find_translation_attention(self.model.to(self.device), self.processor, texts)
        return find_attention(self.model, self.processor, self.network, inputs)

    def internals(self, inputs: "Inputs") -> dict[str, list[Array]]:
        """Return the states and gates of the network while it reads each input.

        Args:
            inputs: as for `predict`; the windows of series, and not sentences to translate.

        Returns:
            Name, such as `hidden state` or `gate: update` of the last layer (forward direction), ->
            its values for each input, (T, H), T steps that the network reads and H features.

        Raises:
            ConfigError: the network translates or is a language model.
            DataError: the inputs cannot be read.
        """
        if isinstance(self.processor, TranslationProcessor):
            raise ConfigError(
                "a network that translates has no internals to show, but attention(sentences)"
            )
        check_no_text(inputs)
        return find_internals(self.model, self.processor, self.network, inputs)

    @property
    def answer(self) -> Callable[[Batch], Tensor]:
        """Function from a batch to the answer of the task; see Task.decode.

        It keeps the state of a text between its batches, so that threads can share the run.
        """
        model, states = self.model.to(self.device), dict[str, Any]()

        def run(batch: Batch) -> Tensor:
            with torch.inference_mode():
                if self.device.type != "cpu":
                    batch = model.transfer_batch_to_device(batch, self.device, 0)
                return model.answer(batch, states).cpu()

        return run


def check_no_text(inputs: "Inputs") -> None:
    """Check that a string is the path of a file, and not a text.

    Raises:
        DataError: there is no such file.
    """
    if isinstance(inputs, str) and not is_file_name(inputs):
        text = repr(shorten(inputs, 60))
        raise DataError(
            f"{text}: no such file; a string is the path of a file. One text is a list: [{text}]"
        )


def is_file_name(text: str) -> bool:
    """Return whether something on the disk has this path."""
    try:
        return expand_path(text).exists()
    except OSError:  # such as a name that is too long
        return False


def find_device(name: str) -> torch.device:
    """Return the device of this name.

    Raises:
        ConfigError: there is none.
    """
    has_gpu = torch.cuda.is_available()
    if name not in DEVICES:
        raise ConfigError(unknown_name(f"device={name}: no such device; ", name, DEVICES))
    if name == "cuda" and not has_gpu:
        raise ConfigError("device=cuda: this machine has no GPU that PyTorch can use; device=cpu")
    return torch.device("cpu" if name == "cpu" or not has_gpu else "cuda")


def as_text_list(texts: str | Sequence[str]) -> list[str]:
    """Return one or several texts as a list; raise ConfigError if one is not a text."""
    is_one = isinstance(texts, str | Path)
    return [check_text(texts, "text")] if is_one else list(read_texts(texts))

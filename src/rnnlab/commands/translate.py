"""Translate with the model of a finished run.

    rnnlab translate outputs/multi30k-lstm/<run> "ein mann schläft auf einem sofa."
    rnnlab translate <run> --input sentences.de > sentences.en
    cat sentences.de | rnnlab translate <run> --beam-size 10 --n-best 3
    rnnlab translate <run> --input test.de --reference test.en > written.en

Prints one translation per line, in the order of the sentences. With --n-best, a line has the number
of the sentence, the score and the text, separated by tabs. With --reference, BLEU and chrF are
printed to standard error at the end.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rnnlab.config.messages import readable_errors
from rnnlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rnnlab.layers.search import Hypothesis

BATCH_SIZE = 64  # sentences of one beam search
CHUNK_SIZE = 1_024  # sentences in memory

T = TypeVar("T")


class Candidate(NamedTuple):
    """A translation.

    Attributes:
        score: log-probability divided by the length penalty; higher is better.
    """

    text: str
    score: float


class Translator:
    """Translator of sentences: the model of a run with its vocabularies.

    >>> Translator("outputs/multi30k-lstm/<run>")(["ein mann schläft."])  # doctest: +SKIP
    [[Candidate(text='a man is sleeping.', score=-1.9)]]

    Args:
        run_dir: folder of the run.
        checkpoint: best | last.

    Raises:
        ConfigError: there is no such run, or its task is not translation.
    """

    def __init__(self, run_dir: str | Path, checkpoint: str = "best") -> None:
        from rnnlab.config.schema import parse
        from rnnlab.data.text.vocabulary import Vocabulary
        from rnnlab.data.translation import ParallelTextDataModule
        from rnnlab.experiment.build import build_data
        from rnnlab.experiment.load import load_model
        from rnnlab.tasks import Translation

        self.model = load_model(run_dir, checkpoint)
        data = build_data(parse(self.model.hyper_parameters["config"]))  # reads no data
        task = self.model.task
        if not isinstance(task, Translation) or not isinstance(data, ParallelTextDataModule):
            raise ConfigError(
                f"{run_dir}: is a run of task={task.name}, which does not translate; give the "
                "folder of one of task=translation, such as data=multi30k"
            )
        self.task, self.before = task, data.normalize
        self.language, self.lower = data.languages[1], data.lower
        self.source, self.target = (
            Vocabulary.load(_require_file(Path(run_dir) / f"{side}_vocabulary.json"))
            for side in ("source", "target")
        )

    def __call__(
        self, sentences: Sequence[str], beam_size: int | None = None, n_best: int = 1
    ) -> list[list[Candidate]]:
        """Return the best translations of each sentence, the best first.

        Args:
            sentences: of any length, not truncated; an empty one has an empty translation.
            beam_size: None for that of the run.
            n_best: translations of each sentence, at most `beam_size`; the search may find fewer.
        """
        size = beam_size or self.task.beam_size
        if n_best > size:
            raise ConfigError(
                f"--n-best {n_best}: a beam of {size} holds no more than {size}; give "
                f"--beam-size {n_best} or more"
            )
        texts = [text.strip() for text in sentences]
        ids = self.source.encode([self.before(text) for text in texts])
        results = [[Candidate("", 0.0)] for _ in texts]
        nonempty = [i for i, text in enumerate(texts) if text and ids[i]]
        order = sorted(nonempty, key=lambda i: len(ids[i]))
        for rows in chunked(order, BATCH_SIZE):
            best = self._search([ids[i] for i in rows], size, n_best)
            for i, hypotheses in zip(rows, best, strict=True):
                results[i] = [self._decode(hypothesis) for hypothesis in hypotheses]
        return results

    def _search(
        self, sources: Sequence[list[int]], beam_size: int, n_best: int
    ) -> "list[list[Hypothesis]]":
        import torch
        from torch.nn.utils.rnn import pad_sequence

        from rnnlab.spec import Batch

        lengths = torch.tensor([len(tokens) for tokens in sources])
        inputs = pad_sequence([torch.tensor(tokens) for tokens in sources], batch_first=True)
        no_targets = inputs[:, :0]
        batch = Batch(inputs, lengths, no_targets, torch.arange(len(sources)))
        with torch.inference_mode():
            return self.task.search(self.model.encode(batch), beam_size, n_best)

    def _decode(self, hypothesis: "Hypothesis") -> Candidate:
        return Candidate(self.target.decode(hypothesis.tokens.tolist()).strip(), hypothesis.score)


def chunked(members: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most `size` members; reads no further ahead.

    >>> list(chunked("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(members)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _require_file(file: Path) -> Path:
    if not file.is_file():
        raise ConfigError(f"{file}: is missing; a run of task=translation leaves it in its folder")
    return file


def main(arguments: Sequence[str]) -> None:
    """Translate the sentences of the command line, a file or standard input, and print them."""
    options = build_parser().parse_args(arguments)
    translator = Translator(options.run_dir, options.checkpoint)
    inputs = read_sentences(options.sentences, options.input)
    references = list(_lines(options.reference)) if options.reference else None
    translations: list[str] = []
    for chunk in chunked(inputs, 1 if _is_interactive(options) else CHUNK_SIZE):
        for candidates in translator(chunk, options.beam_size, options.n_best):
            translations.append(candidates[0].text)
            for candidate in candidates:
                fields = [str(len(translations)), f"{candidate.score:.4f}"]
                print(*(fields if options.n_best > 1 else ()), candidate.text, sep="\t", flush=True)
    if references is not None:
        print(describe_quality(translator, references, translations), file=sys.stderr)


def describe_quality(translator: Translator, references: list[str], translations: list[str]) -> str:
    """Return BLEU and chrF by sacrebleu, as in the report of a run."""
    from rnnlab.metrics.translation import score_translations

    if len(references) != len(translations):
        raise DataError(
            f"--reference: has {len(references):,} lines for {len(translations):,} sentences; line "
            "i of one must be the translation of line i of the other"
        )
    language, lower = translator.language, translator.lower
    scores = score_translations(translations, references, language, lower)
    return "\n".join(scores.describe())


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="rnnlab translate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run_dir", help="folder of a finished run of task=translation")
    parser.add_argument("sentences", nargs="*", help="to translate; default: standard input")
    parser.add_argument("--input", metavar="FILE", help="one sentence per line, UTF-8")
    parser.add_argument(
        "--reference", metavar="FILE", help="reference translations, to compute BLEU and chrF"
    )
    parser.add_argument("--beam-size", type=_count, help="1 is greedy; default: that of the run")
    parser.add_argument(
        "--n-best", type=_count, default=1, help="translations of each sentence (1)"
    )
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best", help="(best)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def _is_interactive(options: argparse.Namespace) -> bool:
    """Return whether a person types the sentences and waits for each translation."""
    return not options.sentences and options.input is None and sys.stdin.isatty()


def read_sentences(sentences: Sequence[str], file: str | None) -> Iterator[str]:
    """Yield the sentences of the command line, of a file, or of standard input."""
    if sentences and file is not None:
        raise ConfigError(f"--input {file}: sentences were given too; leave one of them out")
    return iter(sentences) if sentences else _lines(file)


def _lines(file: str | None) -> Iterator[str]:
    name = file or "standard input"
    try:
        if file is None:
            yield from (line.rstrip("\n") for line in sys.stdin)
        else:
            with Path(file).open(encoding="utf-8") as handle:
                yield from (line.rstrip("\n") for line in handle)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not UTF-8 text: {error.reason}") from error


if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])

"""Analysis of language models: loss by token frequency, surprisal of a text, generated samples."""

from functools import partial
from typing import Any, cast

import numpy as np

from rnnlab.analysis.base import Analysis, AnalysisResult, TestPredictions
from rnnlab.analysis.predictions import predictions_file, token_predictions
from rnnlab.analysis.samples import generate_samples
from rnnlab.analysis.surprisal import surprisal_page
from rnnlab.models import RecurrentModel
from rnnlab.plots.language_modeling import draw_loss_by_frequency, draw_token_frequencies
from rnnlab.tasks import LanguageModeling

FREQUENCY_BOUNDS = (0, 1, 10, 100, 1_000, 10_000, 100_000)  # lower bounds of the training counts


class LanguageModelingAnalysis(Analysis):
    """Loss of rare and frequent tokens, surprisal of the test text, and generated samples.

    Reads from the evaluation context:
        tokens: display form of each token, (V,).
        separator: separator of two tokens in a text.
        decode: converts ids to a text.
        counts: occurrences of each token in training, (V,); nothing is analyzed without them.
        unknown: split -> share of its tokens that are <unk>.
        generation_context: ids that the network reads before it generates.
    """

    def analyze(self, model: RecurrentModel, test: TestPredictions) -> AnalysisResult:
        context = test.evaluation_context
        if "counts" not in context:
            return AnalysisResult()
        buckets, frequencies = loss_by_frequency(test), (context["counts"], context["unknown"])
        step = cast(LanguageModeling, model.task).stepper(model)
        before = context["generation_context"]
        return AnalysisResult(
            statements=[
                f"test tokens that training has {bucket['times']} times: {bucket['share']:.1%} of "
                f"all, loss {bucket['loss']:.2f}"
                for bucket in buckets[:1] + buckets[1:][-1:]  # the rarest and the most frequent
            ],
            details={"loss_by_frequency": buckets},
            figures={
                "loss_by_frequency.png": partial(draw_loss_by_frequency, buckets),
                "token_frequencies.png": partial(draw_token_frequencies, *frequencies),
            },
            texts={
                "surprisal.html": partial(surprisal_page, test),
                "samples.md": partial(generate_samples, model, step, context["decode"], before),
            },
            files=predictions_file(token_predictions, test),
        )


def loss_by_frequency(test: TestPredictions) -> list[dict[str, Any]]:
    """Return the mean loss of test tokens in nats, by their number of occurrences in training.

    Returns:
        A bucket for each range of counts that contains a test token: `times`, the range; `share`
        of the test tokens; `loss`.
    """
    counts = np.asarray(test.evaluation_context["counts"])[test.targets.numpy()]
    losses = -test.predictions.double().numpy()
    buckets = np.searchsorted(FREQUENCY_BOUNDS, counts, side="right") - 1
    return [
        {
            "times": format_bucket(i),
            "share": float((buckets == i).mean()),
            "loss": float(losses[buckets == i].mean()),
        }
        for i in np.unique(buckets).tolist()
    ]


def format_bucket(bucket: int) -> str:
    """Return the name of a range of counts.

    >>> format_bucket(0), format_bucket(2), format_bucket(6)
    ('0', '10-99', '100,000+')
    """
    first, rest = FREQUENCY_BOUNDS[bucket], FREQUENCY_BOUNDS[bucket + 1 :]
    if not rest:
        return f"{first:,}+"
    return f"{first:,}" if rest[0] == first + 1 else f"{first:,}-{rest[0] - 1:,}"

"""A language model of Keras, with a state that is carried from window to window."""

import sys
from itertools import islice
from pathlib import Path

import keras
import numpy as np

from benchmarks.peers.channel import serve_blocks
from benchmarks.peers.job import Sizes, read_job
from benchmarks.peers.keras_threads import limit_threads


def build_model(sizes: Sizes, stateful: bool) -> keras.Model:
    """Return the compiled network.

    Args:
        sizes: of the layers.
        stateful: carry the state on; Keras 3.15 on torch fails with it ("modified by an inplace
            operation").
    """
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(sizes.batch_size, sizes.steps), dtype="int32"),
            keras.layers.Embedding(sizes.num_tokens, sizes.embedding_size),
            keras.layers.GRU(sizes.hidden_size, return_sequences=True, stateful=stateful),
            keras.layers.Dense(sizes.output_size),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(sizes.lr), loss)
    return model


def main() -> None:
    """Train on request; the last argument is stateful or stateless."""
    job = read_job(Path(sys.argv[1]))
    limit_threads(job.sizes.threads)
    keras.utils.set_random_seed(job.sizes.seed)
    batches = int(sys.argv[2])
    model, windows = build_model(job.sizes, sys.argv[3] == "stateful"), job.windows()

    def train_block() -> tuple[int, float]:
        inputs, targets = map(np.concatenate, zip(*islice(windows, batches), strict=True))
        history = model.fit(inputs, targets, job.sizes.batch_size, verbose=0, shuffle=False)
        return inputs.size, history.history["loss"][0]

    serve_blocks(model.count_params(), train_block)


if __name__ == "__main__":
    main()

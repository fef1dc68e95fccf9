"""Reviews padded to the same length, a GRU of Keras and its `fit`."""

import sys
from pathlib import Path

import keras
import numpy as np

from benchmarks.peers.channel import serve_blocks
from benchmarks.peers.job import Sizes, read_job, validation_folder
from benchmarks.peers.keras_threads import limit_threads


def build_model(sizes: Sizes) -> keras.Model:
    """Return the compiled network."""
    model = keras.Sequential(
        [
            keras.Input((sizes.steps,), dtype="int32"),
            keras.layers.Embedding(sizes.num_tokens, sizes.embedding_size),
            keras.layers.GRU(sizes.hidden_size),
            keras.layers.Dense(sizes.output_size, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(sizes.lr)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Train on request."""
    job = read_job(Path(sys.argv[1]))
    limit_threads(job.sizes.threads)
    keras.utils.set_random_seed(job.sizes.seed)
    model, blocks = build_model(job.sizes), job.blocks(int(sys.argv[2]))

    def train_block() -> tuple[int, float]:
        rows = next(blocks)
        inputs, labels = job.padded(rows), job.labels[rows]
        history = model.fit(inputs, labels, job.sizes.batch_size, verbose=0)
        return len(rows), history.history["loss"][0]

    def evaluate() -> float:
        val = read_job(validation_folder(Path(sys.argv[1])))
        inputs = val.padded(np.arange(len(val.labels)))
        _, accuracy = model.evaluate(inputs, val.labels, job.sizes.batch_size, verbose=0)
        return float(accuracy)

    serve_blocks(model.count_params(), train_block, evaluate)


if __name__ == "__main__":
    main()

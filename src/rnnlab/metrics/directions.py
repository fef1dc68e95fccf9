"""Which scores are better."""

HIGHER_IS_BETTER = frozenset(  # names of metrics; of all others, lower values are better
    {"accuracy", "auroc", "bleu", "chrf", "coverage", "exact_match", "f1", "mcc"}
)

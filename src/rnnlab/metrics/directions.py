"""Which scores are better, and which ones no network can beat."""

HIGHER_IS_BETTER = frozenset(  # names of metrics; of all others, lower values are better
    {"accuracy", "auroc", "bleu", "chrf", "coverage", "exact_match", "f1", "mcc"}
)
SCORE_LIMITS = frozenset(
    {"noise floor"}
)  # among the baselines of a report: no forecast can be better

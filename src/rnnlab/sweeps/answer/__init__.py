"""Answers of studies: levels compared over seeds, Pareto fronts, trends and importance."""

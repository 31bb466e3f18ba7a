"""Calls against a truth set: precision, recall, F1 and genotype errors."""

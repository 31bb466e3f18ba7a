"""The simulated cohort: people, genes, reads, traits, and what was found of them."""

"""Single-variant association: which people and covariates (`design`), the models
(`linear`, `logistic`, `firth`), the pass over the genotype blocks (`scan`), and the
published tables (`results`)."""
